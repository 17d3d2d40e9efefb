// A question and the text with which a model is asked.
import JSON

/// A question of a set.
package struct Question: Sendable {
  /// The id, unique within the set.
  package var id: String
  /// The name of the set.
  package var set: String
  /// The text without the choices.
  package var text: String
  /// The images before the text, in order.
  package var images: [QuestionImage] = []
  /// The choices; empty for an open question.
  package var choices: [String] = []
  /// Decides whether an answer is correct; nil if the answer is unknown, which only annotation allows.
  package var scorer: Scorer?
  /// Whether the question is known to need reasoning; nil if unknown.
  package var needsReasoning: Bool?
  /// The complete line of the set, including the author's own fields.
  package var line = JSONObject()

  package init(id: String, set: String, text: String, scorer: Scorer?) {
    self.id = id
    self.set = set
    self.text = text
    self.scorer = scorer
  }

  /// Returns a user message with the images and then a text. Throws if an image cannot be read.
  func message(_ text: String) throws(EvaluationError) -> JSONValue {
    guard !images.isEmpty else { return ["role": "user", "content": .string(text)] }
    var parts: [JSONValue] = []
    for image in images { parts.append(["type": "image_url", "image_url": ["url": .string(try image.uri())]]) }
    parts.append(["type": "text", "text": .string(text)])
    return ["role": "user", "content": .array(parts)]
  }

  /// The key of the question among all sets.
  package var key: Key { Key(set: set, id: id) }

  /// The names of a set and of a question in it, ordered by set, then id.
  package struct Key: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var set: String
    package var id: String

    package init(set: String, id: String) { (self.set, self.id) = (set, id) }

    /// Reads the names from a line of results. Throws if one is missing.
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

/// The format of choices below a question.
package struct ChoiceFormat: Sendable, Equatable {
  /// The text between letter and choice.
  package var separator = ". "
  /// The last line; empty for none.
  package var request = "Answer with the letter of the right choice."

  package init() {}

  /// Returns the letter of the choice at `index` (0…25).
  package static func letter(_ index: Int) -> String { String(UnicodeScalar(UInt8(65 + index))) }

  /// Returns the question's text; with choices, followed by a line for each and the request.
  package func prompt(for question: Question) -> String {
    guard !question.choices.isEmpty else { return question.text }
    let lines = question.choices.enumerated().map { Self.letter($0) + separator + $1 }
    return ([question.text] + lines + (request.isEmpty ? [] : [request])).joined(separator: "\n")
  }
}
