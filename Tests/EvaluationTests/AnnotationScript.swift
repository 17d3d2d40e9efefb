import Evaluation
import Foundation
import JSON

/// Items 1, 2, … of which every second has an answer; `hard` ones are known to need reasoning.
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

/// A reply with several choices.
func reply(_ texts: [String], tokens: Int = 3) -> JSONValue {
  [
    "choices": .array(texts.map { ["message": ["content": .string($0)]] }),
    "usage": ["prompt_tokens": 10, "completion_tokens": .integer(Int64(tokens))],
  ]
}

/// The number that a request is about.
func number(in body: JSONValue) -> Int {
  let text = body["messages"]?.array?[0]["content"]?.string ?? ""
  let digits = text.components(separatedBy: "Say ").last?.prefix { $0.isNumber } ?? ""
  return Int(digits) ?? 0
}

/// Has one of eight samples right for multiples of four and none else; judges 1, 5, 9, … as hard.
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
  /// The object with one member more.
  func adding(_ name: String, _ value: JSONValue) -> JSONValue {
    guard var object else { return self }
    object[name] = value
    return .object(object)
  }
}
