import Testing
import Text

/// Returns `count` combining marks in non-canonical order, with `last` at the end.
private func hostile(_ count: Int, last: String) -> String {
  "a" + String(repeating: "\u{301}\u{316}", count: count / 2) + last
}

@Suite struct `Text from outside` {
  @Test func `strings that are equal only after normalisation are different`() {
    #expect(["é"] as [Character] == ["e\u{301}"], "the standard library treats both as equal")
    #expect("é" != "e\u{301}")
    #expect(ExactString("é") != "e\u{301}")
    #expect(Set<ExactString>(["é", "e\u{301}", "é"]).count == 2)
    #expect(["é"].firstIndex(exactly: "e\u{301}") == nil)
    #expect(!["é"].contains(exactly: "e\u{301}"))
    #expect("é".exact.hashValue == ExactString("é".dropFirst(0)).hashValue)
  }

  @Test func `strings are ordered by bytes`() {
    let sorted: [ExactString] = ["", "A", "a", "aa", "ab", "b", "é", "\u{FFFD}", "😀"]
    for (i, a) in sorted.enumerated() {
      for (j, b) in sorted.enumerated() { #expect((a < b) == (i < j)) }
    }
  }

  @Test func `switches and dictionaries accept literals`() {
    func word(_ text: String) -> Int {
      switch text.exact {
      case "stop": 1
      case "length": 2
      default: 0
      }
    }
    #expect(word("stop") == 1 && word("length") == 2 && word("stop\u{301}") == 0)
    let table: [ExactString: Int] = ["a": 1, "b": 2]
    #expect(table["b"] == 2 && table["b\u{316}"] == nil)
  }

  @Test func `prefix, suffix and search compare bytes`() {
    // The combining mark forms one Character with the "c", which Swift's hasPrefix would not split.
    #expect("abc\u{301}".hasPrefix(exactly: "abc"))
    #expect(!"ab".hasPrefix(exactly: "abc"))
    #expect("xe\u{301}".hasSuffix(exactly: "\u{301}"))
    #expect(!"é".hasSuffix(exactly: "\u{301}"))
    #expect("x".hasPrefix(exactly: "") && "x".hasSuffix(exactly: "") && "x".contains(exactly: ""))
    #expect("".contains(exactly: "") && !"".contains(exactly: "x"))
    #expect("a<tool>\u{301}".contains(exactly: "<tool>"))
    #expect("ababac".contains(exactly: "abac") && !"ababa".contains(exactly: "abac") && "xa".contains(exactly: "a"))
    let run = String(repeating: "a", count: 400_000)
    #expect(!run.contains(exactly: run.dropLast(200_000) + "b"))
    #expect("data:x,y".dropFirst(5).hasPrefix(exactly: "x"))
  }

  @Test func `a combining mark after the separator does not affect splitting`() {
    #expect("a/\u{301}b/c".split(at: "/").map(String.init).map(\.exact) == ["a", "\u{301}b", "c"])
    #expect("/a//".split(at: "/", omittingEmpty: false).map { String($0).exact } == ["", "a", "", ""])
    #expect("a=b=c".split(at: "=", maxSplits: 1).map { String($0).exact } == ["a", "b=c"])
    #expect("x,y".dropFirst().split(at: ",").count == 1)
  }

  @Test func `only ASCII letters become lower case`() {
    #expect("ÀB-C_1\u{212A}".lowercasedASCII.exact == "Àb-c_1\u{212A}")
    #expect("".lowercasedASCII.isEmpty)
  }

  @Test func `an excerpt ends between scalars and is limited in bytes`() {
    #expect("abc".excerpt(8).exact == "abc")
    #expect("aé😀".excerpt(3).exact == "aé")
    #expect("aé😀".excerpt(2).exact == "a")
    #expect("😀".excerpt(3).isEmpty && "x".excerpt(0).isEmpty)
    #expect(hostile(100_000, last: "").excerpt(64).utf8.count == 63)
  }

  private enum Word: String, CaseIterable { case one, two = "zwei" }

  @Test func `a raw value is matched by its bytes`() {
    #expect(Word(exactly: "zwei") == .two)
    #expect(Word(exactly: "two") == nil)
  }

  @Test(.timeLimit(.minutes(1)))
  func `hostile runs of combining marks cost no more than other text`() {
    // Swift's own comparison takes half an hour for such a pair.
    let (a, b) = (hostile(2_000_000, last: "x"), hostile(2_000_000, last: "y"))
    #expect(ExactString(a) != ExactString(b) && ExactString(a) < ExactString(b))
    let table: [ExactString: Int] = [ExactString(a): 1, ExactString(b): 2]
    #expect(table[ExactString(b)] == 2)
    #expect(!a.hasPrefix(exactly: b) && !a.hasSuffix(exactly: b) && !a.contains(exactly: b))
  }
}
