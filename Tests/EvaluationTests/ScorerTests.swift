import Evaluation
import Testing

@Suite struct `Scorers` {
  @Test(arguments: [
    ("Blue", true), (" blue . ", true), ("BLUE!?", true), ("light  blue", false), ("", false), ("blu", false),
    ("azur", true),
    ("AZUR…", true), ("straße", true), ("STRASSE", true), ("Cafe\u{301}", true),
  ]) func `exact accepts any of the texts, ignoring case, white space and closing punctuation`(
    _ answer: String, _ right: Bool
  ) {
    #expect(Scorer.exact(["blue", "Azur", "Straße", "café"]).accepts(answer) == right)
  }

  @Test(
    arguments: [
      ("B", 1), ("b", 1), ("(B)", 1), ("B.", 1), ("b) green", 1), ("**C**", 2), ("The answer is (B).", 1),
      ("Answer: D", 3),
      ("answer is b.", 1), ("The correct option is C, because A is wrong.", 2), ("A cat", 2), ("a cat.", 2),
      ("I think it is B", 1), ("I'm sure: C", 2), ("It is green", 1), ("Cat", 2), ("It cannot be A; it is B", 0),
      ("Not red but green", nil), ("dark green", 3), ("something dark green here", 3), ("E", nil), ("", nil),
      ("xyz", nil),
      ("The answer is A cat", 2), ("The answer is A because it is", 0), ("Option B", 1), ("concatenate", nil),
      ("D - dark", 3),
      ("It's A", 0), ("A", 0), ("a", 0), ("A and not B", 0), ("First I thought the answer is A. The answer is D.", 3),
      ("$B$", 1), ("\\boxed{C}", 2), ("i", nil), ("答案是B。", 1), ("正解はＢではなくCです。", 2), ("정답은 D입니다", 3), ("A是对的", 0),
      ("选A 因为", 0),
      ("是green的", 1), ("Aïda", nil), ("ответB", nil),
    ] as [(String, Int?)]) func `a choice is read from its letter or its text`(_ answer: String, _ choice: Int?)
  {
    let scorer = ChoiceScorer(choices: ["red", "green", "cat", "dark green"], right: [1])
    #expect(scorer.choice(in: answer) == choice)
    #expect(scorer.accepts(answer) == (choice == 1))
  }

  @Test(
    arguments: [
      ("红色", 0), ("Q红色", 0), ("是红色的。", 0), ("答えは青いです", 1), ("深红色", 2), ("有42个", 3), ("有142个", nil), ("3a个", nil),
      ("不是a", 4),
      ("aあ", 4), ("ba", nil),
    ] as [(String, Int?)]) func `texts of scripts without spaces are found among others`(
      _ answer: String, _ choice: Int?
    )
  {
    #expect(ChoiceScorer(choices: ["红色", "青い", "深红色", "42", "a"], right: [0]).choice(in: answer) == choice)
  }

  @Test(
    arguments: [
      ("答案是42。", [42]), ("答えは-5です", [-5]), ("값은3/4", [0.75]), ("ตอบ7", [7]), ("H2と3", [3]), ("Ж7", []), ("é-5", [5]),
      ("42", [42]), ("1,234.5 and 7", [1234.5, 7]), ("-3", [-3]), ("\u{2212}3", [-3]), ("+3", [3]), ("3-4", [3, 4]),
      ("3 - 4", [3, 4]),
      ("2.5e-3", [0.0025]), ("1E3x", [1000]), ("1/2", [0.5]), ("-1/4", [-0.25]), ("1/0", [1, 0]),
      ("3/4/2026", [3, 4 / 2026]), (".5", [0.5]),
      ("H2O", []), ("1,23", [1, 23]), ("12,345,678", [12_345_678]), ("5.", [5]), ("1.2.3", [1.2, 3]), ("", []),
      ("one", []), ("1e999", [.infinity]),
      ("7e", [7]), ("$5", [5]), ("x=5", [5]), ("12\u{202F}000", [12000]),
    ] as [(String, [Double])]) func `numbers are read as they are written`(_ text: String, _ numbers: [Double])
  {
    #expect(Number.all(in: text).map(\.value) == numbers)
  }

  @Test func `per cent, fractions and tolerances`() {
    func scorer(_ known: String, _ tolerance: Double? = nil, _ relative: Double? = nil) -> NumericScorer {
      NumericScorer(accepted: [Number(known)!], tolerance: tolerance, relativeTolerance: relative)
    }
    #expect(scorer("50%").accepts("It is 50 %.") && scorer("50%").accepts("0.5") && scorer("0.5").accepts("50%"))
    #expect(scorer("50").accepts("50%") && scorer("50%").accepts("50") && !scorer("50%").accepts("0.5%"))
    #expect(scorer("1/2").accepts("0.5") && scorer("0.3333333").accepts("1/3"))
    #expect(scorer("10", 0.5).accepts("10.5") && !scorer("10", 0.5).accepts("10.51"))
    #expect(scorer("200", nil, 0.01).accepts("198") && !scorer("200", nil, 0.01).accepts("197.9"))
    #expect(scorer("-200", nil, 0.01).accepts("-201"))
    #expect(scorer("0").accepts("0") && !scorer("0").accepts("0.0000001"))
    #expect(scorer("7").accepts("5 + 2 = 7") && !scorer("7").accepts("7, or rather 8") && !scorer("7").accepts("seven"))
    #expect(Number("5 apples") == nil && Number("a5") == nil && Number(" 5 ") == Number(value: 5) && Number("") == nil)
  }

  @Test func `a pattern matches anywhere, and an endless search is no match`() throws {
    let scorer = Scorer.pattern(try PatternScorer("(?i)\\bmadrid\\b"))
    #expect(scorer.accepts("It is Madrid.") && !scorer.accepts("Madridista"))
    let slow = Scorer.pattern(try PatternScorer("^(a+)+$"))
    let start = ContinuousClock.now
    #expect(!slow.accepts(String(repeating: "a", count: 60) + "b"))
    #expect(ContinuousClock.now - start < .seconds(30))
    #expect(throws: EvaluationError.self) { try PatternScorer(String(repeating: "a", count: 1001)) }
    #expect(throws: EvaluationError.self) { try PatternScorer("") }
  }

  @Test func `the end of a long answer counts`() {
    let noise = String(repeating: "x ", count: 200_000)
    #expect(Scorer.numeric(NumericScorer(accepted: [Number(value: 5)])).accepts(noise + "5"))
    #expect(!Scorer.numeric(NumericScorer(accepted: [Number(value: 5)])).accepts("5 " + noise))
    #expect(Scorer.choice(ChoiceScorer(choices: ["p", "q"], right: [1])).accepts(noise + " answer: B"))
    #expect(!Scorer.exact(["x"]).accepts(noise))
  }
}
