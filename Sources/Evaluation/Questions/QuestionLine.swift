// Parses one line of a question set. A misspelled name of a known field is an error; other unknown fields are the
// author's notes and are ignored.
import Foundation
import JSON

struct QuestionLine {
  private static let fields = [
    "id", "set", "question", "text", "image", "choices", "answer", "scorer", "tolerance", "relative_tolerance",
    "pattern",
    "reasoning",
  ]
  /// The limit on the size of a text in bytes.
  private static let maxText = 1 << 20
  private static let maxChoices = 26
  private static let maxImages = 64

  /// The complete line.
  private let whole: JSONObject
  /// The members except null values, which count as absent.
  private let line: JSONObject
  private let location: String
  private let folder: URL

  /// Parses a line. `location` is its file and line for errors; `folder` is the base of relative image paths.
  init(_ bytes: ArraySlice<UInt8>, location: String, folder: URL) throws(EvaluationError) {
    do throws(JSONError) {
      guard case .object(let object) = try JSONValue(parsing: Array(bytes)) else {
        throw JSONError(reason: "expected an object", offset: 0)
      }
      whole = object
    } catch {
      throw EvaluationError("\(location): \(error)")
    }
    var line = JSONObject()
    for member in whole.members where !member.value.isNull { line[member.name] = member.value }
    self.line = line
    self.location = location
    self.folder = folder
    for name in whole.names where !Self.fields.contains(name) {
      if let meant = Self.fields.first(where: { Self.isSlip(name, of: $0) }) {
        throw EvaluationError("\(location): unknown field \(name); did you mean \(meant)?")
      }
    }
  }

  /// Returns the question. Throws at the first missing or invalid field; the answer may be missing unless
  /// `needsAnswer`.
  func question(defaultSet: String, defaultID: String, needsAnswer: Bool) throws(EvaluationError) -> Question {
    if line["question"] != nil, line["text"] != nil {
      throw fault("text", "question and text are alternative names; give only one")
    }
    let field = line["text"] != nil ? "text" : "question"
    guard let text = try string(field), !text.isEmpty else { throw fault(field, "is missing or empty") }
    let choices = try choices()
    let isOpen = !["answer", "scorer", "pattern"].contains { line[$0] != nil }
    var question = Question(
      id: try name("id") ?? defaultID, set: try name("set") ?? defaultSet, text: text,
      scorer: isOpen && !needsAnswer ? nil : try scorer(choices))
    question.line = whole
    question.choices = choices
    question.images = try images()
    if let reasoning = line["reasoning"] {
      guard let flag = reasoning.bool else {
        throw fault("reasoning", "is a \(reasoning.typeName), expected a boolean")
      }
      question.needsReasoning = flag
    }
    return question
  }

  private func fault(_ field: String, _ what: String) -> EvaluationError {
    EvaluationError("\(location): \(field): \(what)")
  }

  private func string(_ field: String) throws(EvaluationError) -> String? {
    guard let value = line[field] else { return nil }
    guard let text = value.string else { throw fault(field, "is a \(value.typeName), expected a string") }
    guard text.utf8.count <= Self.maxText else {
      throw fault(field, "must have at most \(Self.maxText) bytes, got \(text.utf8.count)")
    }
    return text
  }

  /// Returns a name, which is a string or an integer.
  private func name(_ field: String) throws(EvaluationError) -> String? {
    if let number = line[field]?.int { return String(number) }
    let text = try string(field)
    if let text, text.isEmpty || text.utf8.count > 200 {
      throw fault(field, "must have between 1 and 200 bytes, got \(text.utf8.count)")
    }
    return text
  }

  private func choices() throws(EvaluationError) -> [String] {
    guard let value = line["choices"] else { return [] }
    guard let array = value.array else { throw fault("choices", "is a \(value.typeName), expected an array") }
    guard (2...Self.maxChoices).contains(array.count) else {
      throw fault("choices", "there must be between 2 and \(Self.maxChoices) choices, got \(array.count)")
    }
    var choices: [String] = []
    for (index, item) in array.enumerated() {
      guard let text = item.string ?? Self.digits(item), !text.isEmpty else {
        throw fault("choices[\(index)]", "is a \(item.typeName), expected a non-empty string")
      }
      if choices.contains(text) { throw fault("choices[\(index)]", "\"\(text)\" is repeated") }
      let plain = try plain(text, "choices[\(index)]")
      if let other = choices.first(where: { Scorer.plain($0) == plain }) {
        throw fault("choices[\(index)]", "\"\(text)\" and \"\(other)\" cannot be distinguished in answers")
      }
      choices.append(text)
    }
    return choices
  }

  /// Returns the normalised form of a known text. Throws if it is empty, because empty answers would equal it.
  @discardableResult
  private func plain(_ text: String, _ field: String) throws(EvaluationError) -> String {
    let plain = Scorer.plain(text)
    if plain.isEmpty { throw fault(field, "\"\(text)\" consists only of white space and closing punctuation") }
    return plain
  }

  private func images() throws(EvaluationError) -> [QuestionImage] {
    guard let value = line["image"] else { return [] }
    let items = value.array ?? [value]
    guard items.count <= Self.maxImages else {
      throw fault("image", "there must be at most \(Self.maxImages) images, got \(items.count)")
    }
    var images: [QuestionImage] = []
    for item in items {
      guard let text = item.string, !text.isEmpty else {
        throw fault("image", "is a \(item.typeName), expected a path, a data URI or a list of them")
      }
      if text.hasPrefix("data:") {
        images.append(.dataURI(text))
      } else if text.contains("\0") {
        throw fault("image", "a path must not contain NUL")
      } else {
        images.append(.file(URL(fileURLWithPath: text, relativeTo: folder).standardizedFileURL.path))
      }
    }
    return images
  }

  private func scorer(_ choices: [String]) throws(EvaluationError) -> Scorer {
    let answer = line["answer"] ?? .null
    let isNumeric = (answer.array ?? [answer]).allSatisfy { $0.double != nil }
    let standard = !choices.isEmpty ? "choice" : isNumeric ? "numeric" : "exact"
    let kind = try string("scorer") ?? (line["pattern"] != nil && answer.isNull ? "regex" : standard)
    for (field, owner) in [("tolerance", "numeric"), ("relative_tolerance", "numeric"), ("pattern", "regex")]
    where line[field] != nil && kind != owner {
      throw fault(field, "requires the scorer \(owner), but this question uses \(kind)")
    }
    switch kind {
    case "exact":
      let texts = try answers(answer)
      for text in texts { try plain(text, "answer") }
      return .exact(texts)
    case "choice":
      guard !choices.isEmpty else { throw fault("scorer", "the scorer choice requires choices") }
      return .choice(ChoiceScorer(choices: choices, right: try right(answer, choices)))
    case "numeric":
      let accepted = try answers(answer).map(Number.init)
      let numbers = accepted.compactMap { $0 }
      guard numbers.count == accepted.count else { throw fault("answer", "must be a number") }
      guard numbers.allSatisfy(\.value.isFinite) else { throw fault("answer", "is too large for a number") }
      return .numeric(
        NumericScorer(
          accepted: numbers, tolerance: try tolerance("tolerance"),
          relativeTolerance: try tolerance("relative_tolerance")))
    case "regex":
      guard let pattern = try string("pattern") ?? answer.string else { throw fault("pattern", "is missing") }
      do throws(EvaluationError) { return .pattern(try PatternScorer(pattern)) } catch {
        throw fault("pattern", "\(error)")
      }
    default: throw fault("scorer", "must be exact, choice, numeric or regex, got \"\(kind)\"")
    }
  }

  private func answers(_ value: JSONValue) throws(EvaluationError) -> [String] {
    guard !value.isNull else { throw fault("answer", "is missing") }
    let items = value.array ?? [value]
    let texts = items.compactMap { $0.string ?? Self.digits($0) }
    guard texts.count == items.count, !texts.isEmpty, !texts.contains("") else {
      throw fault("answer", "expected a non-empty string, a number or a list of them")
    }
    return texts
  }

  /// Returns the indices of the correct choices. Texts take precedence, because a choice may itself be a letter.
  private func right(_ answer: JSONValue, _ choices: [String]) throws(EvaluationError) -> Set<Int> {
    var right: Set<Int> = []
    for text in try answers(answer) {
      if let index = choices.firstIndex(of: text) {
        right.insert(index)
      } else if let index = choices.indices.first(where: { ChoiceFormat.letter($0) == text.uppercased() }) {
        right.insert(index)
      } else {
        throw fault("answer", "\"\(text)\" must be a choice or the letter of one")
      }
    }
    return right
  }

  private func tolerance(_ field: String) throws(EvaluationError) -> Double? {
    guard let value = line[field] else { return nil }
    guard let number = value.double, number.isFinite, number >= 0 else {
      throw fault(field, "expected a non-negative number")
    }
    return number
  }

  /// Returns a number as written in JSON; nil for other values.
  private static func digits(_ value: JSONValue) -> String? {
    value.double == nil ? nil : String(decoding: value.encoded, as: UTF8.self)
  }

  /// Whether a name differs from a field's by one or two typing errors (one for names of up to four letters), or is
  /// its plural.
  private static func isSlip(_ name: String, of field: String) -> Bool {
    let a = Array(name.lowercased().utf8), b = Array(field.utf8)
    let allowed = b.count <= 4 ? 1 : 2
    guard abs(a.count - b.count) <= allowed, a.count > 1 else { return false }
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
      }
    }
    return row[b.count] <= allowed
  }
}
