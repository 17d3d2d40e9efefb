import Evaluation
import Foundation
import JSON
import Statistics
import Testing

@Suite struct `Annotations` {
  @Test func `items with an answer are sampled, the others judged, and the totals are exact`() async throws {
    let folder = try TemporaryFolder(), client = labeller()
    let run = try AnnotationRun(
      annotationItems(folder, 8, hard: { $0 == 1 || $0 == 4 }), AnnotationParameters(), directory: folder.path + "/out")
    let annotations = try await run.run(with: client, judge: client)
    #expect(
      annotations.map { "\($0.key.id) \($0.rule) \($0.label.map(\.rawValue) ?? "–")" } == [
        "1 difficulty reasoning", "2 performance reasoning", "3 difficulty direct", "4 performance direct",
        "5 difficulty reasoning", "6 performance reasoning", "7 difficulty direct", "8 performance direct",
      ])
    #expect(annotations[3].evidence == .samples(right: 1, of: 8, texts: nil))
    #expect(annotations[0].evidence == .judgement(#"{"label": "reasoning"}"#))
    let summary = AnnotationSummary(annotations, title: "t")
    #expect((summary.all.direct, summary.all.reasoning, summary.all.total, summary.items) == (4, 4, 8, 8))
    #expect(summary.rules.map(\.total) == [4, 4] && summary.sets.map(\.total) == [8])
    #expect(summary.rightSamples == [2, 2, 0, 0, 0, 0, 0, 0, 0])
    #expect((summary.requests, summary.promptTokens, summary.outputTokens) == (8, 80, 4 * 16 + 4 * 3))
    #expect(summary.agreements.map(\.name) == ["performance", "difficulty", "all"])
    let all = try #require(summary.agreements.last)
    #expect((all.easyDirect, all.easyReasoning, all.hardDirect, all.hardReasoning) == (3, 3, 1, 1))
    // Observed agreement 1/2; by chance 3/4 · 1/2 + 1/4 · 1/2 = 1/2.
    #expect(all.kappa == 0 && all.part?.estimate == 0.5)
    #expect(summary.table.contains("| items | 4 | 4 | 8 | 100.0 % | 50.0 % |"))
  }

  @Test func `samples are drawn without thinking, and requests to the judge have no extensions`() async throws {
    let folder = try TemporaryFolder(), sampler = labeller(), judge = labeller()
    var parameters = AnnotationParameters()
    (parameters.model, parameters.judgeModel, parameters.maxTokens) = ("m", "j", 50)
    parameters.judgeExtra = ["temperature": nil, "top_k": 1]
    _ = try await AnnotationRun(annotationItems(folder, 2), parameters, directory: folder.path + "/out").run(
      with: sampler, judge: judge)
    var body = try #require(sampler.bodies[0].object)
    #expect(sampler.bodies.count == 1 && judge.bodies.count == 1)
    #expect(try (0..<1 << 30).contains(#require(body["seed"]?.int)))
    body["seed"] = nil
    #expect(
      JSONValue.object(body) == [
        "messages": [["role": "user", "content": "Say 2"]], "thinking_mode": "short", "temperature": 1.0, "n": 8,
        "max_completion_tokens": 50, "model": "m",
      ])
    #expect(
      judge.bodies[0].object.map { Set($0.names) } == [
        "messages", "max_completion_tokens", "model", "response_format", "top_k",
      ])
    let prompt = try #require(judge.bodies[0]["messages"]?.array?[0]["content"]?.string)
    #expect(prompt.contains("<question>\nSay 1\n</question>"))
  }

  @Test func `different seeds and items draw different samples`() async throws {
    let folder = try TemporaryFolder(), set = try annotationItems(folder, 4)
    var seeds: [Int] = []
    for seed in [0, 1, 2, 3, 1 << 40, .max] as [UInt64] {
      var parameters = AnnotationParameters()
      (parameters.seed, parameters.samples, parameters.samplesPerRequest) = (seed, 1024, 1024)
      let client = ScriptedClient { body, _ in reply(Array(repeating: "1", count: body["n"]?.int ?? 1)) }
      let judge = labeller()
      _ = try await AnnotationRun(set, parameters, directory: folder.path + "/\(seed)").run(with: client, judge: judge)
      seeds += client.bodies.compactMap { $0["seed"]?.int }
    }
    #expect(seeds.count == 12)
    seeds.sort()
    #expect(zip(seeds, seeds.dropFirst()).allSatisfy { $1 - $0 >= 1024 }, "\(seeds)")
    #expect(try JSONValue(parsing: folder.read("\(UInt64.max)/run.json"))["seed"] == "18446744073709551615")
  }

  @Test func `a server that returns fewer samples is asked again, with the same seeds as in one request`() async throws
  {
    let folder = try TemporaryFolder()
    var parameters = AnnotationParameters()
    parameters.difficulty = .thinkProbability(threshold: 0.5)
    parameters.keepsText = true
    let one = ScriptedClient { body, _ in
      let seed = body["seed"]?.int ?? 0
      return body["n"] == nil
        ? reply([""]).adding("thinking", ["p_think": 0.5, "thinking_tokens": 0])
        : reply(["\(seed)"])
    }
    let all = ScriptedClient { body, _ in
      let seed = body["seed"]?.int ?? 0
      return body["n"] == nil
        ? reply([""]).adding("thinking", ["p_think": 0.49, "thinking_tokens": 0])
        : reply((0..<(body["n"]?.int ?? 0)).map { "\(seed + $0)" })
    }
    let set = try annotationItems(folder, 2)
    let a = try await AnnotationRun(set, parameters, directory: folder.path + "/a").run(with: one, judge: one)
    let b = try await AnnotationRun(set, parameters, directory: folder.path + "/b").run(with: all, judge: all)
    #expect(a[1].evidence == b[1].evidence && a[1].requests == 8 && b[1].requests == 1)
    #expect(one.bodies.filter { $0["n"] != nil }.map { $0["n"]?.int } == (1...8).reversed().map { $0 })
    #expect([a[0].label, b[0].label] == [.reasoning, .direct])
    #expect(one.bodies[0]["max_completion_tokens"] == 1 && one.bodies[0]["thinking_mode"] == "auto")
  }

  @Test func `items keep their members and order, and image paths are relative to the new file`() async throws {
    let folder = try TemporaryFolder()
    let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 0]
    try folder.write("a b.png", png)
    let uri = "data:image/png;base64,AAAA"
    let lines = [
      #"{"question": "Q1", "image": "a b.png", "own": {"k": [1.50, null]}, "label": "old"}"#,
      #"{"question": "Q2", "id": "x", "set": "other", "image": ["\#(uri)", "./a b.png"], "reasoning": null}"#,
    ]
    let set = try QuestionSet(
      files: [folder.write("s.jsonl", lines.joined(separator: "\n").utf8)], needsAnswers: false)
    let out = folder.path + "/deep/out"
    var parameters = AnnotationParameters()
    parameters.parallel = 2
    let client = ScriptedClient { body, count in
      if count == 0 { try await Task.sleep(for: .milliseconds(30)) }
      return reply(["direct"])
    }
    _ = try await AnnotationRun(set, parameters, directory: out).run(with: client, judge: client)
    let labels = String(decoding: folder.read("deep/out/labels.jsonl"), as: UTF8.self).split(separator: "\n")
    let first = try JSONValue(parsing: Array(labels[0].utf8)), second = try JSONValue(parsing: Array(labels[1].utf8))
    #expect(
      first.object?.names == ["set", "id", "question", "image", "own", "label", "rule", "evidence", "counts"])
    #expect(first["own"] == ["k": [1.5, nil]] && first["label"] == "direct" && first["set"] == "s")
    #expect(first["image"] == "../../a b.png" && second["image"] == [.string(uri), "../../a b.png"])
    #expect(second["id"] == "x" && second["set"] == "other")
    // The output is a valid question set.
    let again = try QuestionSet(files: [out + "/labels.jsonl"], needsAnswers: false)
    #expect(again.questions.map(\.key) == set.questions.map(\.key))
    #expect(again.questions.map(\.images) == set.questions.map(\.images))
  }

  @Test func `a run interrupted at any byte of its results asks only what is missing and gives the same labels`()
    async throws
  {
    let folder = try TemporaryFolder()
    let set = try annotationItems(folder, 2)
    func run(_ name: String, _ client: ScriptedClient) async throws -> [Annotation] {
      try await AnnotationRun(set, AnnotationParameters(), directory: folder.path + "/" + name).run(
        with: client, judge: client)
    }
    _ = try await run("whole", labeller())
    let bytes = folder.read("whole/results.jsonl"), labels = folder.read("whole/labels.jsonl")
    for length in 0...bytes.count {
      try FileManager.default.createDirectory(atPath: folder.path + "/cut\(length)", withIntermediateDirectories: true)
      try folder.write("cut\(length)/results.jsonl", bytes.prefix(length))
      try folder.write("cut\(length)/run.json", folder.read("whole/run.json"))
      let client = labeller()
      let results = try await run("cut\(length)", client)
      #expect(client.bodies.count == 2 - bytes.prefix(length).count { $0 == 0x0A }, "cut at \(length)")
      #expect(results.count == 2 && folder.read("cut\(length)/labels.jsonl") == labels, "cut at \(length)")
    }
  }

  @Test func `the directory of an evaluation or of another annotation is rejected`() async throws {
    let folder = try TemporaryFolder(), client = labeller()
    let set = try annotationItems(folder, 2)
    _ = try await AnnotationRun(set, AnnotationParameters(), directory: folder.path + "/out").run(
      with: client, judge: client)
    var parameters = AnnotationParameters()
    parameters.samples = 4
    for run in [
      {
        try await AnnotationRun(set, parameters, directory: folder.path + "/out").run(with: client, judge: client).count
      },
      { try await EvaluationRun(set, RunParameters(), directory: folder.path + "/out").run(with: client).count },
    ] {
      await #expect(throws: EvaluationError.self) { try await run() }
    }
  }

  @Test func `parameters out of their limits are rejected`() throws {
    let folder = try TemporaryFolder(), set = try annotationItems(folder, 1)
    for change in [
      { $0.samples = 0 }, { $0.samples = 1025 }, { $0.samplesPerRequest = 0 }, { $0.temperature = 0 },
      { $0.temperature = .nan }, { $0.parallel = 0 }, { $0.maxTokens = 0 }, { $0.failuresInARow = 0 },
      { $0.difficulty = .thinkProbability(threshold: 1.1) },
    ] as [(inout AnnotationParameters) -> Void] {
      var parameters = AnnotationParameters()
      change(&parameters)
      #expect(throws: EvaluationError.self) { try AnnotationRun(set, parameters, directory: folder.path) }
    }
  }
}
