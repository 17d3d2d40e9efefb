import Evaluation
import Foundation
import JSON
import Testing

/// Answers correctly in `long`, in `auto` if thinking pays, and in `short` for even numbers.
private func script() -> ScriptedClient {
  ScriptedClient { body, _ in
    let text = body["messages"]?.array?[0]["content"]?.string ?? ""
    let number = Number.all(in: text).first.map { Int($0.value) } ?? 0
    let mode = body["thinking_mode"]?.string
    let thinks = mode == "long" || mode == "auto" && (number % 2 == 1 || body["think_bias"]?.double ?? 0 < -4)
    let isRight = thinks || number % 2 == 0
    return reply(
      isRight ? "\(number)" : "no", thinking: thinks ? 10 + number : 0, probability: mode == "auto" ? 0.5 : nil)
  }
}

private func questions(_ folder: TemporaryFolder, _ count: Int, name: String = "s") throws -> QuestionSet {
  let lines = (1...count).map { #"{"question": "Say \#($0)", "answer": \#($0), "reasoning": \#($0 % 2 == 1)}"# }
  return try QuestionSet(files: [folder.write("\(name).jsonl", lines.joined(separator: "\n").utf8)])
}

@Suite struct `Runs` {
  @Test func `every question is asked in every mode, as in the paper`() async throws {
    let folder = try TemporaryFolder(), client = script()
    let run = try EvaluationRun(questions(folder, 2), RunParameters(), directory: folder.path + "/out")
    let results = try await run.run(with: client)
    #expect(
      results.map { "\($0.key.id) \($0.arm) \($0.isCorrect)" } == [
        "1 short false", "1 auto true", "1 long true", "2 short true", "2 auto true", "2 long true",
      ])
    #expect(
      client.bodies[0] == [
        "messages": [["role": "user", "content": "Say 1"]], "thinking_mode": "short", "temperature": 0,
        "seed": 0,
      ])
    #expect(try storedResults(in: folder.path + "/out").count == 6)
  }

  @Test func `a sweep asks a number of questions in auto with each bias, and with 0 once`() async throws {
    let folder = try TemporaryFolder(), client = script()
    var parameters = RunParameters()
    (parameters.biases, parameters.sweepQuestions, parameters.modes) = ([-4, 0, 8], 1, [.auto])
    let results = try await EvaluationRun(questions(folder, 2), parameters, directory: folder.path + "/out").run(
      with: client)
    #expect(results.map { "\($0.key.id) \($0.arm)" } == ["1 auto", "1 auto-4", "1 auto+8", "2 auto"])
    #expect(client.bodies.map { $0["think_bias"]?.double } == [nil, -4, 8, nil])
  }

  @Test func `texts are stored only if requested`() async throws {
    let folder = try TemporaryFolder()
    var parameters = RunParameters()
    parameters.modes = [.long]
    let set = try questions(folder, 1)
    #expect(
      try await EvaluationRun(set, parameters, directory: folder.path + "/a").run(with: script())[0].answer == nil)
    parameters.keepsText = true
    #expect(
      try await EvaluationRun(set, parameters, directory: folder.path + "/b").run(with: script())[0].answer == "1")
  }

  @Test func `a run interrupted at any byte of its results asks only what is missing and gives the same results`()
    async throws
  {
    let folder = try TemporaryFolder()
    let set = try questions(folder, 1)
    var parameters = RunParameters()
    parameters.modes = [.short, .long]
    let whole = try await EvaluationRun(set, parameters, directory: folder.path + "/whole").run(with: script())
    let bytes = folder.read("whole/results.jsonl"), manifest = folder.read("whole/run.json")
    for length in 0...bytes.count {
      let name = "cut\(length)"
      try FileManager.default.createDirectory(atPath: folder.path + "/" + name, withIntermediateDirectories: true)
      try folder.write("\(name)/results.jsonl", bytes.prefix(length))
      try folder.write("\(name)/run.json", manifest)
      let client = script()
      let results = try await EvaluationRun(set, parameters, directory: folder.path + "/" + name).run(with: client)
      let kept = bytes.prefix(length).count { $0 == 0x0A }
      #expect(client.bodies.count == whole.count - kept, "cut at \(length)")
      #expect(results.map(timeless) == whole.map(timeless), "cut at \(length)")
      #expect(try storedResults(in: folder.path + "/" + name).count == whole.count)
    }
  }

  /// Returns a result without its time.
  private func timeless(_ result: EvaluationResult) -> EvaluationResult {
    var result = result
    result.seconds = 0
    return result
  }

  @Test func `an invalid line in the middle is an error with its number`() async throws {
    let folder = try TemporaryFolder()
    let run = try EvaluationRun(questions(folder, 1), RunParameters(), directory: folder.path)
    _ = try await run.run(with: script())
    let lines = folder.read("results.jsonl").split(separator: 0x0A)
    let text = [lines[0], Array("{}".utf8)[...], lines[1], []].joined(separator: [0x0A])
    try folder.write("results.jsonl", text)
    let error = await #expect(throws: EvaluationError.self) { try await run.run(with: script()) }
    #expect(try #require(error).description.hasSuffix("results.jsonl:2: set or id is missing"))
  }

  @Test func `another run's directory is rejected with the differences`() async throws {
    let folder = try TemporaryFolder()
    let set = try questions(folder, 1)
    _ = try await EvaluationRun(set, RunParameters(), directory: folder.path).run(with: script())
    var auto = RunParameters()
    (auto.maxTokens, auto.modes) = (7, [.auto])
    let error = await #expect(throws: EvaluationError.self) {
      try await EvaluationRun(set, auto, directory: folder.path).run(with: script())
    }
    let text = try #require(error).description
    #expect(
      text.contains(#"modes was ["short","auto","long"], now ["auto"]; max_completion_tokens was null, now 7"#),
      "\(text)")
    var source = RunParameters()
    source.source = ["model": ["path": "/b", "quantize": nil], "generation": ["answer_reserve": 512]]
    let out = folder.path + "/out"
    _ = try await EvaluationRun(set, source, directory: out).run(with: script())
    source.source = ["generation": ["answer_reserve": 512.0], "model": ["path": "/b", "quantize": nil]]
    _ = try await EvaluationRun(set, source, directory: out).run(with: ScriptedClient { _, _ in [:] })
    source.source = ["model": ["path": "/c"], "generation": ["answer_reserve": 512]]
    let told =
      "source.model.path was \"/b\", now \"/c\"; source.model.quantize was null, now absent. Use another directory"
    let other = await #expect(throws: EvaluationError.self) {
      try await EvaluationRun(set, source, directory: out).run(with: script())
    }
    #expect(try #require(other).description == "\(out) contains the results of another run: \(told)")
    let changed = try questions(folder, 1, name: "t")
    await #expect(throws: EvaluationError.self) {
      try await EvaluationRun(changed, RunParameters(), directory: folder.path).run(with: script())
    }
  }

  @Test func `failures are stored, and retried by the next run`() async throws {
    let folder = try TemporaryFolder()
    let run = try EvaluationRun(questions(folder, 2), RunParameters(), directory: folder.path)
    let results = try await run.run(
      with: ScriptedClient { _, count in
        if count == 2 { throw ModelClientError.fatal("broken") }
        return reply("1")
      })
    #expect(results.filter { $0.failure == "broken" }.map(\.arm) == [Arm(.long)])
    let client = script()
    #expect(try await run.run(with: client).allSatisfy { $0.failure == nil })
    #expect(client.bodies.count == 1)
    #expect(try storedResults(in: folder.path).map(\.failure) == [nil, nil, "broken", nil, nil, nil, nil])
  }

  @Test func `a server that does not answer ends the run`() async throws {
    let folder = try TemporaryFolder()
    var parameters = RunParameters()
    parameters.failuresInARow = 3
    let client = ScriptedClient { _, _ in throw ModelClientError.retryable("down", after: nil) }
    await #expect(throws: EvaluationError("3 consecutive requests failed, the last one with: down")) {
      try await EvaluationRun(questions(folder, 9), parameters, directory: folder.path).run(with: client)
    }
    #expect(client.bodies.count == 3)
  }

  @Test func `rejected questions neither end a run nor hide that a server is down`() async throws {
    let folder = try TemporaryFolder()
    var parameters = RunParameters()
    (parameters.biases, parameters.failuresInARow) = ([-8, -4, -2, -1, 0, 1, 2, 4, 8], 3)
    let set = try questions(folder, 9)
    let results = try await EvaluationRun(set, parameters, directory: folder.path + "/a").run(
      with: ScriptedClient { body, _ in
        if body["messages"]?.array?[0]["content"] == "Say 1" { throw ModelClientError.rejected("too large") }
        return reply("1")
      })
    #expect(results.count == 99 && results.count { $0.failure == "too large" } == 11)
    let client = ScriptedClient { _, count in
      throw count % 2 == 0 ? ModelClientError.rejected("too large") : .fatal("no such key")
    }
    await #expect(throws: EvaluationError("3 consecutive requests failed, the last one with: no such key")) {
      try await EvaluationRun(set, parameters, directory: folder.path + "/b").run(with: client)
    }
    #expect(client.bodies.count == 6)
  }

  @Test func `failures of an earlier run are retried last`() async throws {
    let folder = try TemporaryFolder()
    var parameters = RunParameters()
    (parameters.modes, parameters.failuresInARow) = ([.long], 1)
    let run = try EvaluationRun(questions(folder, 3), parameters, directory: folder.path)
    let broken = ScriptedClient { _, _ in throw ModelClientError.fatal("broken") }
    await #expect(throws: EvaluationError.self) { try await run.run(with: broken) }
    let client = script()
    #expect(try await run.run(with: client).map(\.key.id) == ["1", "2", "3"])
    #expect(client.bodies.map { $0["messages"]?.array?[0]["content"]?.string } == ["Say 2", "Say 3", "Say 1"])
  }

  @Test func `requests run in parallel up to the limit, and the results are in order`() async throws {
    let folder = try TemporaryFolder()
    var parameters = RunParameters()
    (parameters.parallel, parameters.modes) = (4, [.long])
    let gate = Gate(4)
    let client = ScriptedClient { _, _ in
      await gate.pass()
      return reply("1")
    }
    let results = try await EvaluationRun(questions(folder, 8), parameters, directory: folder.path).run(with: client)
    #expect(results.map(\.key.id) == (1...8).map(String.init))
  }

  @Test func `progress is counted, and the remaining time is estimated after the first answer`() async throws {
    let folder = try TemporaryFolder()
    var seen: [(Int, Int, Bool)] = []
    var last: RunProgress?
    _ = try await EvaluationRun(questions(folder, 2), RunParameters(), directory: folder.path).run(with: script()) {
      seen.append(($0.done, $0.total, $0.remaining == nil))
      last = $0
    }
    #expect(seen.map(\.0) == Array(0...6) && seen.allSatisfy { $0.1 == 6 } && seen.map(\.2).prefix(2) == [true, false])
    #expect(last?.remaining == 0 && last?.rate == 5 / 6 && last?.failed == 0)
  }

  @Test func `a cancelled run keeps its results`() async throws {
    let folder = try TemporaryFolder()
    let run = try EvaluationRun(questions(folder, 3), RunParameters(), directory: folder.path)
    let task = Task {
      try await run.run(
        with: ScriptedClient { _, count in
          if count == 4 { try await Task.sleep(for: .seconds(600)) }
          return reply("1")
        })
    }
    while folder.read("results.jsonl").count(where: { $0 == 0x0A }) < 4 { try await Task.sleep(for: .milliseconds(2)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let client = script()
    #expect(try await run.run(with: client).count == 9)
    #expect(client.bodies.count == 5)
  }

  @Test func `two runs cannot use one directory`() async throws {
    let folder = try TemporaryFolder()
    let run = try EvaluationRun(questions(folder, 1), RunParameters(), directory: folder.path)
    let client = ScriptedClient { _, count in
      if count == 0 {
        await #expect(throws: EvaluationError("\(folder.path)/results.jsonl is in use by another run")) {
          try await run.run(with: script())
        }
      }
      return reply("1")
    }
    _ = try await run.run(with: client)
    #expect(client.bodies.count == 3)
  }

  @Test func `of two simultaneous runs only one gets the directory`() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("results.jsonl", [])
    let run = try EvaluationRun(questions(folder, 1), RunParameters(), directory: folder.path)
    let descriptor = open(path, O_RDWR)
    #expect(descriptor >= 0 && flock(descriptor, LOCK_EX) == 0)
    await #expect(throws: EvaluationError("\(path) is in use by another run")) { try await run.run(with: script()) }
    #expect(folder.read("run.json").isEmpty)
    close(descriptor)
    #expect(try await run.run(with: script()).count == 3 && !folder.read("run.json").isEmpty)
  }

  @Test func `parameters out of their limits are rejected`() throws {
    let folder = try TemporaryFolder(), set = try questions(folder, 1)
    for change in [
      { $0.modes = [] }, { $0.parallel = 0 }, { $0.maxTokens = 0 }, { $0.modes = [.auto, .auto] },
      { $0.biases = [1, 1] },
    ] as [(inout RunParameters) -> Void] {
      var parameters = RunParameters()
      change(&parameters)
      #expect(throws: EvaluationError.self) { try EvaluationRun(set, parameters, directory: folder.path) }
    }
  }
}

/// Lets tasks pass in groups of a fixed size.
private actor Gate {
  private let size: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ size: Int) { self.size = size }

  func pass() async {
    await withCheckedContinuation { continuation in
      waiting.append(continuation)
      if waiting.count == size {
        for one in waiting { one.resume() }
        waiting = []
      }
    }
  }
}
