// The question of the difficulty rule to a judging model, and the interpretation of its answer. The paper does not
// give its prompt (arXiv 2508.21113, section 3.1: "prompt-engineered"); this one is our own.
import JSON

/// Asks a model whether an item needs reasoning.
package struct DifficultyJudge: Sendable {
  /// The placeholder for the item in a prompt.
  package static let placeholder = "{question}"

  /// The default prompt.
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
  /// Whether `response_format` constrains the answer, for servers that support it.
  package let asksForJSON: Bool

  /// Creates a judge with the standard prompt.
  package init(asksForJSON: Bool = true) {
    prompt = Self.standardPrompt
    self.asksForJSON = asksForJSON
  }

  /// Creates a judge with a prompt that contains `{question}` once. Throws otherwise.
  package init(prompt: String, asksForJSON: Bool = true) throws(EvaluationError) {
    let count = prompt.ranges(of: Self.placeholder).count
    guard count == 1 else {
      throw EvaluationError("a judge's prompt must contain \(Self.placeholder) exactly once, got \(count) times")
    }
    (self.prompt, self.asksForJSON) = (prompt, asksForJSON)
  }

  /// Returns the prompt with the item inserted.
  package func text(_ item: String) -> String {
    guard let range = prompt.firstRange(of: Self.placeholder) else { return prompt }
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

  /// Returns the label in an answer: that of a JSON object, else the word after the last "label", else the only one
  /// of the two words that occurs. nil if none of these applies. Only the last 64 KiB of a long answer are used.
  package static func label(in answer: String) -> Annotation.Label? {
    let tail = Array(answer.utf8.suffix(Scorer.maxAnswer))
    if let label = (try? JSONValue(parsing: tail))?["label"]?.string {
      return Annotation.Label(rawValue: label.lowercased())
    }
    let words = String(decoding: tail, as: UTF8.self).lowercased().split { !$0.isLetter }
    if let index = words.lastIndex(of: "label"), index + 1 < words.endIndex,
      let label = Annotation.Label(rawValue: String(words[index + 1]))
    {
      return label
    }
    let said = Set(words.compactMap { Annotation.Label(rawValue: String($0)) })
    return said.count == 1 ? said.first : nil
  }
}
