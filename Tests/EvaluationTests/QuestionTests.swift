import Evaluation
import Foundation
import JSON
import Testing

@Suite struct `Question sets` {
  private func set(_ lines: String..., name: String = "s.jsonl") throws -> QuestionSet {
    let folder = try TemporaryFolder()
    try folder.write("p.png", [0x89, 0x50, 0x4E, 0x47, 1, 2])
    try folder.write("text.png", Array("hello".utf8))
    return try QuestionSet(files: [folder.write(name, lines.joined(separator: "\n").utf8)])
  }

  @Test func `id, set and scorer have defaults, the scorer by the type of the answer`() throws {
    let set = try set(
      #"{"question": "2 + 2?", "answer": 4}"#, "",
      #"{"text": "Sky?", "answer": ["blue", "azure"], "id": "x", "set": "t"}"#,
      #"{"question": "Which?", "choices": ["red", "green"], "answer": "B", "reasoning": true, "note": 1}"#)
    #expect(set.questions.map(\.key.description) == ["s/1", "t/x", "s/4"])
    let scorers = set.questions.compactMap(\.scorer)
    #expect(scorers[0].accepts("It is 4.") && !scorers[0].accepts("5"))
    #expect(scorers[1].accepts("Azure!") && !scorers[1].accepts("the azure"))
    #expect(scorers[2].accepts("green") && !scorers[2].accepts("A"))
    #expect(set.questions.map(\.needsReasoning) == [nil, nil, true])
  }

  @Test func `an answer may be missing if it is not needed, but must not be incomplete`() throws {
    let folder = try TemporaryFolder()
    func read(_ line: String, needsAnswers: Bool) throws -> QuestionSet {
      try QuestionSet(files: [folder.write("s.jsonl", line.utf8)], needsAnswers: needsAnswers)
    }
    let open = #"{"question": "Nice?", "answer": null, "note": [1, 2]}"#
    let set = try read(open, needsAnswers: false)
    #expect(set.questions[0].scorer == nil && set.questions[0].line["note"] == [1, 2])
    #expect(throws: EvaluationError.self) { try read(open, needsAnswers: true) }
    #expect(throws: EvaluationError.self) {
      try read(#"{"question": "Nice?", "scorer": "exact"}"#, needsAnswers: false)
    }
    #expect(try read(#"{"question": "Nice?", "pattern": "y"}"#, needsAnswers: false).questions[0].scorer != nil)
  }

  @Test func `null counts as absent`() throws {
    let set = try set(
      #"{"question": null, "text": "T?", "answer": 1, "pattern": null, "id": null, "image": null, "choices": null}"#,
      #"{"question": "?", "text": null, "answer": "a", "tolerance": null, "relative_tolerance": null, "scorer": null}"#,
      #"{"question": "?", "answer": null, "pattern": "a", "set": null, "reasoning": null}"#)
    #expect(set.questions.map(\.key.description) == ["s/1", "s/2", "s/3"] && set.questions[0].text == "T?")
    #expect(set.questions[0].line["question"] == .null && set.questions[1].line["tolerance"] == .null)
  }

  @Test func `a list of numbers is numeric, a list with a text is exact`() throws {
    let set = try set(#"{"question": "?", "answer": [2, 3]}"#, #"{"question": "?", "answer": [2, "3"]}"#)
    let scorers = set.questions.compactMap(\.scorer)
    #expect(scorers[0].accepts("It is 3.0") && !scorers[0].accepts("4"))
    #expect(scorers[1].accepts("3.") && !scorers[1].accepts("It is 3"))
  }

  @Test func `choices are listed with letters, followed by the request`() throws {
    let set = try set(#"{"question": "Which?", "choices": ["red", 2], "answer": "red"}"#)
    #expect(
      ChoiceFormat().prompt(for: set.questions[0])
        == "Which?\nA. red\nB. 2\nAnswer with the letter of the right choice.")
    var format = ChoiceFormat()
    (format.separator, format.request) = (") ", "")
    #expect(format.prompt(for: set.questions[0]) == "Which?\nA) red\nB) 2")
  }

  @Test func `images beside the set become data URIs`() throws {
    let folder = try TemporaryFolder()
    let bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 7]
    try folder.write("p.png", bytes)
    let file = try folder.write(
      "s.jsonl", #"{"question": "?", "answer": "1", "image": ["p.png", "data:image/gif;base64,R0lGODk="]}"#.utf8)
    let images = try QuestionSet(files: [file]).questions[0].images
    #expect(try images[0].uri() == "data:image/png;base64," + Data(bytes).base64EncodedString())
    #expect(try images[1].uri() == "data:image/gif;base64,R0lGODk=")
  }

  @Test(arguments: [
    (#"{"question": "?""#, ": "), (#"[1]"#, "expected an object"), (#"{"answer": 1}"#, "question: is missing or empty"),
    (#"{"question": "?"}"#, "answer: is missing"), (#"{"question": 1, "answer": 1}"#, "question: is a number"),
    (#"{"question": "?", "text": "?", "answer": 1}"#, "text: question and text are alternative names"),
    (#"{"question": "?", "answr": 1}"#, "unknown field answr; did you mean answer?"),
    (#"{"question": "?", "answer": 1, "images": "p.png"}"#, "unknown field images; did you mean image?"),
    (#"{"question": "?", "answer": 1, "qid": 7}"#, "unknown field qid; did you mean id?"),
    (#"{"question": "?", "answer": 1, "image": "no.png"}"#, "no.png does not exist"),
    (#"{"question": "?", "answer": 1, "image": "text.png"}"#, "must be a PNG, JPEG, WebP or GIF"),
    (#"{"question": "?", "answer": 1, "image": 3}"#, "image: is a number"),
    (#"{"question": "?", "answer": "c", "choices": ["a"]}"#, "choices: there must be between 2 and 26 choices, got 1"),
    (#"{"question": "?", "answer": "z", "choices": ["a", "b"]}"#, #"answer: "z" must be a choice"#),
    (#"{"question": "?", "answer": "a", "choices": ["a", "a"]}"#, #"choices[1]: "a" is repeated"#),
    (#"{"question": "?", "answer": "a", "scorer": "numeric"}"#, "answer: must be a number"),
    (#"{"question": "?", "answer": "1e999", "scorer": "numeric"}"#, "answer: is too large for a number"),
    (#"{"question": "?", "answer": "?"}"#, #"answer: "?" consists only of white space and closing punctuation"#),
    (#"{"question": "?", "answer": ["a", " "]}"#, #"answer: " " consists only of white space"#),
    (#"{"question": "?", "answer": "a", "choices": ["a", "!"]}"#, #"choices[1]: "!" consists only of white space"#),
    (
      #"{"question": "?", "answer": "B", "choices": ["Tt", "tt."]}"#,
      #"choices[1]: "tt." and "Tt" cannot be distinguished"#
    ),
    (#"{"question": "?", "answer": []}"#, "answer: expected a non-empty string"),
    (
      #"{"question": "?", "answer": 1, "scorer": "close"}"#,
      #"scorer: must be exact, choice, numeric or regex, got "close""#
    ),
    (#"{"question": "?", "answer": "a", "scorer": "choice"}"#, "scorer: the scorer choice requires choices"),
    (#"{"question": "?", "answer": 1, "tolerance": -1}"#, "tolerance: expected a non-negative number"),
    (#"{"question": "?", "answer": "a", "tolerance": 1}"#, "tolerance: requires the scorer numeric"),
    (#"{"question": "?", "pattern": "("}"#, #"pattern: "(" is not a valid regular expression"#),
    (#"{"question": "?", "answer": 1, "reasoning": "yes"}"#, "reasoning: is a string"),
    (#"{"question": "?", "answer": 1, "id": ""}"#, "id: must have between 1 and 200 bytes, got 0"),
  ]) func `an error states file, line and field`(_ line: String, _ message: String) throws {
    let error = #expect(throws: EvaluationError.self) { try set(#"{"question": "fine", "answer": 1}"#, line) }
    let text = try #require(error).description
    #expect(text.contains("s.jsonl:2: ") && text.contains(message), "\(text)")
  }

  @Test func `a repeated id is reported with both locations`() throws {
    let line = #"{"id": "a", "question": "?", "answer": 1}"#
    let error = #expect(throws: EvaluationError.self) { try set(line, line) }
    #expect(try #require(error).description.contains("s.jsonl:2: id: s/a is already used at "))
  }

  @Test func `a long pattern, a long line and too many questions are rejected with the limit`() throws {
    let long = #"{"question": "?", "pattern": ""# + String(repeating: "a", count: 1001) + #""}"#
    #expect(throws: EvaluationError.self) { try set(long) }
    let folder = try TemporaryFolder()
    let file = try folder.write("s.jsonl", String(repeating: #"{"question": "?", "answer": 1}"# + "\n", count: 3).utf8)
    var limits = QuestionSet.Limits()
    limits.questions = 2
    #expect(throws: EvaluationError("\(file):3: there must be at most 2 questions")) {
      try QuestionSet(files: [file], limits: limits)
    }
    limits = QuestionSet.Limits()
    limits.lineBytes = 10
    #expect(throws: EvaluationError("\(file):1: a line must have at most 10 bytes, got 30")) {
      try QuestionSet(files: [file], limits: limits)
    }
    limits.fileBytes = 20
    #expect(throws: EvaluationError("\(file) must have at most 20 bytes, got 93")) {
      try QuestionSet(files: [file], limits: limits)
    }
  }

  @Test func `a missing file and an empty set are errors`() throws {
    #expect(throws: EvaluationError("/no/such.jsonl cannot be read")) { try QuestionSet(files: ["/no/such.jsonl"]) }
    #expect(throws: EvaluationError.self) { try set("", " ") }
  }

  @Test func `every prefix of a line is a question or an error`() throws {
    let line = #"{"question": "é?", "choices": ["a", "b"], "answer": "a", "image": "p.png", "reasoning": false}"#
    for length in 0..<line.utf8.count {
      let folder = try TemporaryFolder()
      let file = try folder.write("s.jsonl", line.utf8.prefix(length))
      #expect(throws: EvaluationError.self) { try QuestionSet(files: [file]) }
    }
  }

  @Test func `the digest depends on lines and images, and a limit keeps the first questions of each set`() throws {
    let folder = try TemporaryFolder()
    let line = #"{"question": "?", "answer": 1, "image": "p.png"}"#
    let file = try folder.write("s.jsonl", "\(line)\n\(line)\n".utf8)
    try folder.write("p.png", [0x89, 0x50, 0x4E, 0x47, 1])
    var first = try QuestionSet(files: [file])
    #expect(try QuestionSet(files: [file]).digest == first.digest)
    try folder.write("p.png", [0x89, 0x50, 0x4E, 0x47, 2])
    #expect(try QuestionSet(files: [file]).digest != first.digest)
    first.limit(toFirst: 1)
    #expect(first.questions.map(\.id) == ["1"])
  }
}
