// The difficulty rule's question to a judging model, and what its answer says. The paper gives no prompt (arXiv 2508.21113, section 3.1: "prompt-engineered");
// this one is ours.
import JSON

/// Asks a model whether an item needs reasoning.
package struct DifficultyJudge: Sendable {
  /// Stands for the item in a prompt.
  package static let place = "{question}"

  /// The prompt of a judge that is not told otherwise.
  package static let standardPrompt = """
    Decide how a question should be answered. Do not answer it.

    direct: one look or one known fact is enough. Recognising, describing, reading text off an image, translating, small talk, an opinion.
    reasoning: several steps depend on each other. Calculation, counting under conditions, comparing several values, geometry, logic, planning, proof, code.

    The question, with its images above if it has any:
    <question>
    {question}
    </question>

    Reply with {"label": "direct"} or {"label": "reasoning"} and nothing else.
    """

  package let prompt: String
  /// Whether the answer is held to the form by `response_format`, for servers that can.
  package let asksForJSON: Bool

  /// A judge with the standard prompt.
  package init(asksForJSON: Bool = true) { (prompt, self.asksForJSON) = (Self.standardPrompt, asksForJSON) }

  /// A judge with a prompt that holds `{question}` once. Throws for another.
  package init(prompt: String, asksForJSON: Bool = true) throws(EvaluationError) {
    let count = prompt.ranges(of: Self.place).count
    guard count == 1 else {
      throw EvaluationError("a judge's prompt has \(Self.place) once, not \(count) times")
    }
    (self.prompt, self.asksForJSON) = (prompt, asksForJSON)
  }

  /// The prompt with an item in its place.
  package func text(_ item: String) -> String {
    guard let range = prompt.firstRange(of: Self.place) else { return prompt }
    return prompt[..<range.lowerBound] + item + prompt[range.upperBound...]
  }

  static let responseFormat: JSONValue = [
    "type": "json_schema",
    "json_schema": [
      "name": "difficulty", "strict": true,
      "schema": [
        "type": "object", "properties": ["label": ["type": "string", "enum": ["direct", "reasoning"]]],
        "required": ["label"], "additionalProperties": false,
      ],
    ],
  ]

  /// What an answer says: the label of a JSON object; else what follows the last "label"; else the one of the two words that is there, however often. nil
  /// where none of these tells. Of a long answer its last 64 KiB count.
  package static func label(in answer: String) -> Annotation.Label? {
    let tail = Array(answer.utf8.suffix(Scorer.maxAnswer))
    if let label = (try? JSONValue(parsing: tail))?["label"]?.string {
      return Annotation.Label(rawValue: label.lowercased())
    }
    let words = String(decoding: tail, as: UTF8.self).lowercased().split { !$0.isLetter }
    if let place = words.lastIndex(of: "label"), place + 1 < words.endIndex,
      let label = Annotation.Label(rawValue: String(words[place + 1]))
    {
      return label
    }
    let said = Set(words.compactMap { Annotation.Label(rawValue: String($0)) })
    return said.count == 1 ? said.first : nil
  }
}
