import Evaluation
import Foundation
import JSON

/// Returns items 1, 2, …, of which every second has an answer; `hard` ones are known to need reasoning.
func annotationItems(_ folder: TemporaryFolder, _ count: Int, hard: (Int) -> Bool = { _ in false }) throws
  -> QuestionSet
{
  let lines = (1...count).map { number in
    let answer = number % 2 == 0 ? #", "answer": \#(number)"# : ""
    return #"{"question": "Say \#(number)"\#(answer), "reasoning": \#(hard(number)), "note": "n\#(number)"}"#
  }
  return try QuestionSet(
    files: [folder.write("items.jsonl", lines.joined(separator: "\n").utf8)], needsAnswers: false)
}

/// Returns a reply with several choices.
func reply(_ texts: [String], tokens: Int = 3) -> JSONValue {
  [
    "choices": .array(texts.map { ["message": ["content": .string($0)]] }),
    "usage": ["prompt_tokens": 10, "completion_tokens": .integer(Int64(tokens))],
  ]
}

/// Returns the number that a request asks about.
func number(in body: JSONValue) -> Int {
  let text = body["messages"]?.array?[0]["content"]?.string ?? ""
  let digits = text.components(separatedBy: "Say ").last?.prefix { $0.isNumber } ?? ""
  return Int(digits) ?? 0
}

/// Returns a client that answers one of eight samples correctly for multiples of four and none otherwise, and judges
/// 1, 5, 9, … as hard.
func labeller() -> ScriptedClient {
  ScriptedClient { body, _ in
    let number = number(in: body)
    guard let count = body["n"]?.int else {
      return reply([number % 4 == 1 ? #"{"label": "reasoning"}"# : #"{"label": "direct"}"#])
    }
    return reply((0..<count).map { number % 4 == 0 && $0 == count - 1 ? "\(number)" : "no" }, tokens: 2 * count)
  }
}

extension JSONValue {
  /// Returns the object with one more member.
  func adding(_ name: String, _ value: JSONValue) -> JSONValue {
    guard var object else { return self }
    object[name] = value
    return .object(object)
  }
}
