// One line of a question set, field by field. A field of ours with a slip of the pen is an error; fields that look like none of ours are
// somebody's notes and are left alone.
import Foundation
import JSON

struct QuestionLine {
  private static let fields = [
    "id", "set", "question", "text", "image", "choices", "answer", "scorer", "tolerance", "relative_tolerance",
    "pattern",
    "reasoning",
  ]
  /// What texts may have at most, in bytes.
  private static let maxText = 1 << 20
  private static let maxChoices = 26
  private static let maxImages = 64

  /// The line as it is, for whoever wants it whole.
  private let whole: JSONObject
  /// The members that say something: null is as good as absent.
  private let line: JSONObject
  private let place: String
  private let folder: URL

  /// `place` names file and line in errors; `folder` is where relative images are.
  init(_ bytes: ArraySlice<UInt8>, place: String, folder: URL) throws(EvaluationError) {
    do throws(JSONError) {
      guard case .object(let object) = try JSONValue(parsing: Array(bytes)) else {
        throw JSONError(reason: "expected an object", offset: 0)
      }
      whole = object
    } catch {
      throw EvaluationError("\(place): \(error)")
    }
    var line = JSONObject()
    for member in whole.members where !member.value.isNull { line[member.name] = member.value }
    (self.line, self.place, self.folder) = (line, place, folder)
    for name in whole.names where !Self.fields.contains(name) {
      if let meant = Self.fields.first(where: { Self.isSlip(name, of: $0) }) {
        throw EvaluationError("\(place): \(name) is no field; \(meant) is")
      }
    }
  }

  /// The question. Throws at the first field that is missing or wrong; an answer may be missing where `needsAnswer` is false.
  func question(defaultSet: String, defaultID: String, needsAnswer: Bool) throws(EvaluationError) -> Question {
    if line["question"] != nil, line["text"] != nil { throw fault("text", "question and text are the same; give one") }
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
    EvaluationError("\(place): \(field): \(what)")
  }

  private func string(_ field: String) throws(EvaluationError) -> String? {
    guard let value = line[field] else { return nil }
    guard let text = value.string else { throw fault(field, "is a \(value.typeName), expected a string") }
    guard text.utf8.count <= Self.maxText else {
      throw fault(field, "\(text.utf8.count) bytes, at most \(Self.maxText) are taken")
    }
    return text
  }

  /// A name: a string or a whole number, not empty.
  private func name(_ field: String) throws(EvaluationError) -> String? {
    if let number = line[field]?.int { return String(number) }
    let text = try string(field)
    if let text, text.isEmpty || text.utf8.count > 200 {
      throw fault(field, "has \(text.utf8.count) bytes, from 1 to 200 are taken")
    }
    return text
  }

  private func choices() throws(EvaluationError) -> [String] {
    guard let value = line["choices"] else { return [] }
    guard let array = value.array else { throw fault("choices", "is a \(value.typeName), expected an array") }
    guard (2...Self.maxChoices).contains(array.count) else {
      throw fault("choices", "\(array.count) choices, from 2 to \(Self.maxChoices) are taken")
    }
    var choices: [String] = []
    for (index, item) in array.enumerated() {
      guard let text = item.string ?? Self.digits(item), !text.isEmpty else {
        throw fault("choices[\(index)]", "is a \(item.typeName), expected a string that is not empty")
      }
      if choices.contains(text) { throw fault("choices[\(index)]", "\"\(text)\" is there twice") }
      let plain = try plain(text, "choices[\(index)]")
      if let other = choices.first(where: { Scorer.plain($0) == plain }) {
        throw fault("choices[\(index)]", "\"\(text)\" and \"\(other)\" cannot be told apart in answers")
      }
      choices.append(text)
    }
    return choices
  }

  /// What is compared of a known text. Throws when that is nothing, which empty answers would equal.
  @discardableResult
  private func plain(_ text: String, _ field: String) throws(EvaluationError) -> String {
    let plain = Scorer.plain(text)
    if plain.isEmpty { throw fault(field, "\"\(text)\" is only white space and closing punctuation") }
    return plain
  }

  private func images() throws(EvaluationError) -> [QuestionImage] {
    guard let value = line["image"] else { return [] }
    let items = value.array ?? [value]
    guard items.count <= Self.maxImages else {
      throw fault("image", "\(items.count) images, at most \(Self.maxImages) are taken")
    }
    var images: [QuestionImage] = []
    for item in items {
      guard let text = item.string, !text.isEmpty else {
        throw fault("image", "is a \(item.typeName), expected a path, a data URI or a list of them")
      }
      if text.hasPrefix("data:") {
        images.append(.dataURI(text))
      } else if text.contains("\0") {
        throw fault("image", "a path holds no NUL")
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
      throw fault(field, "belongs to the scorer \(owner), this question has \(kind)")
    }
    switch kind {
    case "exact":
      let texts = try answers(answer)
      for text in texts { try plain(text, "answer") }
      return .exact(texts)
    case "choice":
      guard !choices.isEmpty else { throw fault("scorer", "choice needs choices") }
      return .choice(ChoiceScorer(choices: choices, right: try right(answer, choices)))
    case "numeric":
      let accepted = try answers(answer).map(Number.init)
      let numbers = accepted.compactMap { $0 }
      guard numbers.count == accepted.count else { throw fault("answer", "is no number") }
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
    default: throw fault("scorer", "\"\(kind)\" is none of exact, choice, numeric, regex")
    }
  }

  private func answers(_ value: JSONValue) throws(EvaluationError) -> [String] {
    guard !value.isNull else { throw fault("answer", "is missing") }
    let items = value.array ?? [value]
    let texts = items.compactMap { $0.string ?? Self.digits($0) }
    guard texts.count == items.count, !texts.isEmpty, !texts.contains("") else {
      throw fault("answer", "expected a string that is not empty, a number or a list of them")
    }
    return texts
  }

  /// The positions of the right choices: by text first, since a choice may itself be a letter.
  private func right(_ answer: JSONValue, _ choices: [String]) throws(EvaluationError) -> Set<Int> {
    var right: Set<Int> = []
    for text in try answers(answer) {
      if let index = choices.firstIndex(of: text) {
        right.insert(index)
      } else if let index = choices.indices.first(where: { ChoiceFormat.letter($0) == text.uppercased() }) {
        right.insert(index)
      } else {
        throw fault("answer", "\"\(text)\" is neither a choice nor the letter of one")
      }
    }
    return right
  }

  private func tolerance(_ field: String) throws(EvaluationError) -> Double? {
    guard let value = line[field] else { return nil }
    guard let number = value.double, number.isFinite, number >= 0 else {
      throw fault(field, "expected a number of at least 0")
    }
    return number
  }

  /// A number as JSON writes it; nil for other values.
  private static func digits(_ value: JSONValue) -> String? {
    value.double == nil ? nil : String(decoding: value.encoded, as: UTF8.self)
  }

  /// Whether a name is one or two slips (one for names of up to four letters) away from a field's, or its plural.
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
