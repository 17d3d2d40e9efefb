// Finds the choice that an answer names. In order: the whole answer is a choice's text; the answer begins with a
// marked letter, "B", "(B)", "B. blue"; a letter follows "answer is", "option" and the like; a capital letter stands
// alone; exactly one choice's text occurs.

/// The scorer of questions with choices.
package struct ChoiceScorer: Sendable {
  private let texts: [String]
  private let right: Set<Int>

  /// Creates a scorer. `right` contains the indices of the correct choices.
  package init(choices: [String], right: Set<Int>) {
    (texts, self.right) = (choices.map(Scorer.plain), right)
  }

  /// Whether the answer names a correct choice.
  package func accepts(_ answer: String) -> Bool { choice(in: answer).map(right.contains) ?? false }

  /// Returns the index of the choice that an answer names; nil if it names none or several.
  package func choice(in answer: String) -> Int? {
    let plain = Scorer.plain(answer)
    if let index = texts.firstIndex(of: plain) { return index }
    let words = Self.words(of: answer)
    return leading(words) ?? announced(words) ?? standing(words) ?? mentioned(plain)
  }

  /// A run of letters and digits, either all of scripts with spaces or all of scripts without, and its neighbours.
  private struct Word {
    var text: Substring
    /// The neighbouring characters; nil at the ends.
    var before: Character?
    var after: Character?
    /// Whether only spaces and line ends separate this word from the next, which is in a script with spaces.
    var flowsOn = false
  }

  private static func words(of answer: String) -> [Word] {
    var words: [Word] = []
    var rest = answer[...]
    while let start = rest.firstIndex(where: { $0.isLetter || $0.isNumber }) {
      let isUnspaced = answer[start].isUnspaced
      let gap = answer[(words.last?.text.endIndex ?? answer.startIndex)..<start]
      if !words.isEmpty { words[words.count - 1].flowsOn = gap.allSatisfy(\.isWhitespace) && !isUnspaced }
      let end =
        rest[start...].firstIndex { !$0.isLetter && !$0.isNumber || $0.isUnspaced != isUnspaced } ?? rest.endIndex
      words.append(
        Word(
          text: answer[start..<end], before: start == answer.startIndex ? nil : answer[answer.index(before: start)],
          after: end == answer.endIndex ? nil : answer[end]))
      rest = rest[end...]
    }
    return words
  }

  /// Returns the choice whose letter is `word`.
  private func letter(_ word: Word, anyCase: Bool) -> Int? {
    guard word.text.count == 1, let code = word.text.first?.asciiValue else { return nil }
    let index = Int(anyCase ? code & 0xDF : code) - 65
    return texts.indices.contains(index) ? index : nil
  }

  /// Whether a word is marked like the letter of a choice: "(b)", "b.", "b)", "b:", "**b**".
  private static func isMarked(_ word: Word) -> Bool {
    if let before = word.before, "([{*\"`$".contains(before) { return true }
    return word.after.map { ")]}.:*\"`$,".contains($0) } ?? true
  }

  private func leading(_ words: [Word]) -> Int? {
    guard let first = words.first, let index = letter(first, anyCase: true) else { return nil }
    return words.count == 1 || Self.isMarked(first) ? index : nil
  }

  /// Returns the last announced letter, because a text may discuss several before it decides.
  private func announced(_ words: [Word]) -> Int? {
    var found: Int?
    for (position, word) in words.enumerated().dropFirst() {
      guard let index = letter(word, anyCase: Self.isMarked(word)) else { continue }
      let before = words[..<position].suffix(3).map { $0.text.lowercased() }
      guard let last = before.last else { continue }
      let announces =
        ["answer", "option", "choice"].contains(last)
        || (["is", "be", "letter", "option", "choice"].contains(last)
          && before.dropLast().contains { ["answer", "option", "choice"].contains($0) })
      if announces, !isArticle(words, position) { found = index }
    }
    return found
  }

  private func standing(_ words: [Word]) -> Int? {
    for (position, word) in words.enumerated() {
      if let index = letter(word, anyCase: false), !isArticle(words, position) { return index }
    }
    return nil
  }

  /// Whether a letter is rather the article of "A cat", the pronoun of "I see" or a part of "B's" or "don't".
  private func isArticle(_ words: [Word], _ index: Int) -> Bool {
    let word = words[index]
    if word.before == "'" || word.before == "’" || word.after == "'" || word.after == "’" { return true }
    guard word.text == "A" || word.text == "a" || word.text == "I", word.flowsOn, index + 1 < words.count else {
      return false
    }
    return !["is", "because", "since", "as", "and", "or"].contains(words[index + 1].text.lowercased())
  }

  /// Returns the only choice whose text occurs in the answer as separate words. A text inside another occurring text
  /// does not count.
  private func mentioned(_ plain: String) -> Int? {
    let found = texts.indices.filter { Self.contains(plain, texts[$0]) }
    let whole = found.filter { one in !found.contains { $0 != one && Self.contains(texts[$0], texts[one]) } }
    return whole.count == 1 ? whole[0] : nil
  }

  private static func contains(_ text: String, _ part: String) -> Bool {
    guard let first = part.first, let last = part.last else { return false }
    func joins(_ edge: Character, _ beside: Character?) -> Bool { !edge.isUnspaced && beside?.isWord ?? false }
    var rest = text[...]
    while let range = rest.firstRange(of: part) {
      let before = range.lowerBound == text.startIndex ? nil : text[text.index(before: range.lowerBound)]
      let after = range.upperBound == text.endIndex ? nil : text[range.upperBound]
      if !joins(first, before), !joins(last, after) { return true }
      rest = text[text.index(after: range.lowerBound)...]
    }
    return false
  }
}
