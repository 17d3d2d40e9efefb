import Evaluation
import JSON
import Testing

@Suite struct `Annotation failures` {
  @Test func `items without a label are counted, omitted from the labels, and retried`() async throws {
    let folder = try TemporaryFolder()
    let set = try annotationItems(folder, 4)
    let run = try AnnotationRun(set, AnnotationParameters(), directory: folder.path + "/out")
    let broken = ScriptedClient { body, _ in
      switch number(in: body) {
      case 1: reply(["I cannot tell"])
      case 2: throw ModelClientError.fatal("broken")
      case 3: [:]
      default: reply(Array(repeating: "4", count: 8))
      }
    }
    let first = try await run.run(with: broken, judge: broken)
    #expect(
      first.map(\.failure) == [
        "the judge answered neither direct nor reasoning: I cannot tell", "broken",
        "the reply has no choices[0].message", nil,
      ])
    let summary = AnnotationSummary(first, title: "t")
    #expect((summary.all.total, summary.all.failures, summary.items) == (1, 3, 4))
    // Three replies; the last one reports no tokens.
    #expect(first.map(\.requests) == [1, 0, 1, 1] && first.map(\.promptTokens) == [10, 0, nil, 10])
    #expect(summary.requests == 3 && summary.promptTokens == nil)
    #expect(AnnotationSummary(Array(first[0...1] + first[3...]), title: "t").promptTokens == 20)
    #expect(folder.read("out/labels.jsonl").count { $0 == 0x0A } == 1)
    let client = labeller()
    let second = try await run.run(with: client, judge: client)
    #expect(client.bodies.count == 3 && second.allSatisfy { $0.failure == nil })
    #expect(folder.read("out/labels.jsonl").count { $0 == 0x0A } == 4)
  }

  @Test func `a server without P(think) ends the run, an unclear judgement does not`() async throws {
    let folder = try TemporaryFolder()
    var parameters = AnnotationParameters()
    (parameters.failuresInARow, parameters.ignoresAnswers) = (2, true)
    let client = ScriptedClient { _, _ in reply(["I cannot tell"]) }
    let set = try annotationItems(folder, 4)
    let judged = try await AnnotationRun(set, parameters, directory: folder.path + "/a").run(
      with: client, judge: client)
    #expect(judged.count { $0.failure != nil } == 4)
    parameters.difficulty = .thinkProbability(threshold: 0.5)
    let run = try AnnotationRun(set, parameters, directory: folder.path + "/b")
    await #expect(
      throws: EvaluationError("2 consecutive requests failed, the last one with: the reply has no thinking.p_think")
    ) {
      try await run.run(with: client, judge: client)
    }
    // Earlier failures go last.
    let other = ScriptedClient { _, _ in reply([""]).adding("thinking", ["p_think": 0.5, "thinking_tokens": 0]) }
    #expect(try await run.run(with: other, judge: other).map(\.key.id) == ["1", "2", "3", "4"])
    #expect(other.bodies.map(number(in:)) == [3, 4, 1, 2])
  }

  @Test(arguments: [
    #""evidence": {"signal": "samples", "right": -1, "samples": 8}"#,
    #""evidence": {"signal": "samples", "right": 9, "samples": 8}"#,
    #""evidence": {"signal": "samples", "right": 0, "samples": 1000000000000}"#,
    #""evidence": {"signal": "judge", "reply": "x"}, "counts": {"requests": 9223372036854775807}"#,
    #""evidence": {"signal": "judge", "reply": "x"}, "counts": {"prompt_tokens": -1}"#,
    #""evidence": {"signal": "judge", "reply": "x"}, "counts": {"output_tokens": 9223372036854775807}"#,
  ]) func `a line with impossible counts is an error`(_ members: String) throws {
    let line = #"{"set": "s", "id": "1", "rule": "performance", "label": "direct", \#(members)}"#
    #expect(throws: EvaluationError.self) { try Annotation(JSONValue(parsing: line)) }
  }

  @Test func `a thought that a server leaves in the content is not part of a sample`() async throws {
    let folder = try TemporaryFolder()
    let client = ScriptedClient { body, _ in
      body["n"] == nil
        ? reply(["<think>reasoning?</think>direct"]) : reply(Array(repeating: "<think>2", count: 8))
    }
    let annotations = try await AnnotationRun(
      annotationItems(folder, 2), AnnotationParameters(), directory: folder.path + "/out"
    )
    .run(with: client, judge: client)
    #expect(annotations.map(\.evidence) == [.judgement("direct"), .samples(right: 0, of: 8, texts: nil)])
  }

  @Test func `counts that a server does not report are unknown, not 0`() async throws {
    let folder = try TemporaryFolder()
    let client = ScriptedClient { _, count in
      count == 0 ? ["choices": [["message": ["content": "direct"]]]] : reply(Array(repeating: "no", count: 8))
    }
    let annotations = try await AnnotationRun(
      annotationItems(folder, 2), AnnotationParameters(), directory: folder.path + "/out"
    )
    .run(with: client, judge: client)
    #expect(annotations.map(\.outputTokens) == [nil, 3])
    #expect(AnnotationSummary(annotations, title: "t").outputTokens == nil)
  }
}
