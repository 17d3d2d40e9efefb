// A question and the text in which a model is asked it.
import JSON

/// One question of a set.
package struct Question: Sendable {
  /// Unique within the set.
  package var id: String
  /// The set that the question is counted in.
  package var set: String
  /// What is asked, without the choices.
  package var text: String
  /// Images that go before the text, in order.
  package var images: [QuestionImage] = []
  /// What can be chosen from; empty for an open question.
  package var choices: [String] = []
  /// Decides whether an answer is right; nil where nobody knows, which only annotation takes.
  package var scorer: Scorer?
  /// Whether the question is known to need reasoning; nil where nobody says.
  package var needsReasoning: Bool?
  /// The whole line of the set, with what is nobody's business but its author's.
  package var line = JSONObject()

  package init(id: String, set: String, text: String, scorer: Scorer?) {
    (self.id, self.set, self.text, self.scorer) = (id, set, text, scorer)
  }

  /// A user's message with the images and then a text about them. Throws when an image cannot be read.
  func message(_ text: String) throws(EvaluationError) -> JSONValue {
    guard !images.isEmpty else { return ["role": "user", "content": .string(text)] }
    var parts: [JSONValue] = []
    for image in images { parts.append(["type": "image_url", "image_url": ["url": .string(try image.uri())]]) }
    parts.append(["type": "text", "text": .string(text)])
    return ["role": "user", "content": .array(parts)]
  }

  /// Names the question among all sets.
  package var key: Key { Key(set: set, id: id) }

  /// A set's name and a question's name in it, ordered by set, then id.
  package struct Key: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var set: String
    package var id: String

    package init(set: String, id: String) { (self.set, self.id) = (set, id) }

    /// The names in a line of results. Throws when one is missing.
    init(_ json: JSONValue) throws(EvaluationError) {
      guard let set = json["set"]?.string, let id = json["id"]?.string else {
        throw EvaluationError("set or id is missing")
      }
      self.init(set: set, id: id)
    }

    package var description: String { "\(set)/\(id)" }
    package static func < (a: Key, b: Key) -> Bool { (a.set, a.id) < (b.set, b.id) }
  }
}

/// How choices are written below a question.
package struct ChoiceFormat: Sendable, Equatable {
  /// Stands between letter and choice.
  package var separator = ". "
  /// The last line; empty for none.
  package var request = "Answer with the letter of the right choice."

  package init() {}

  /// The letter of the choice at `index` (0…25).
  package static func letter(_ index: Int) -> String { String(UnicodeScalar(UInt8(65 + index))) }

  /// The question's text; with choices, one line for each and the request.
  package func prompt(for question: Question) -> String {
    guard !question.choices.isEmpty else { return question.text }
    let lines = question.choices.enumerated().map { Self.letter($0) + separator + $1 }
    return ([question.text] + lines + (request.isEmpty ? [] : [request])).joined(separator: "\n")
  }
}
