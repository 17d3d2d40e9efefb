import GenerationTypes
import Telemetry
import Testing

@Suite struct `Metrics text` {
  @Test func `counters, histograms and samples are written in Prometheus text`() {
    let registry = MetricsRegistry()
    let counter = registry.register(Counter("a_total", "Things \\ with\nlines.", labels: ["kind"]))
    counter.add(2, "x\"y\\z\n")
    counter.add(0, "b")
    let histogram = registry.register(Histogram("h_seconds", "Times.", bounds: [0.5, 1]))
    for value in [0.5, 0.75, 3] { histogram.observe(value) }
    registry.register(Sampled(.gauge, "g", "Now.") { 1.5 })
    registry.register(Sampled(.gauge, "absent", "Never.") { nil })
    #expect(
      registry.text(.prometheus) == """
        # HELP a_total Things \\\\ with\\nlines.
        # TYPE a_total counter
        a_total{kind="b"} 0
        a_total{kind="x\\"y\\\\z\\n"} 2
        # HELP h_seconds Times.
        # TYPE h_seconds histogram
        h_seconds_bucket{le="0.5"} 1
        h_seconds_bucket{le="1.0"} 2
        h_seconds_bucket{le="+Inf"} 3
        h_seconds_sum 4.25
        h_seconds_count 3
        # HELP g Now.
        # TYPE g gauge
        g 1.5

        """)
  }

  @Test func `OpenMetrics names a counter without its suffix and ends with an end mark`() {
    let registry = MetricsRegistry()
    registry.register(Counter("a_total", "Things."))
    #expect(registry.text(.openMetrics) == "# HELP a Things.\n# TYPE a counter\na_total 0\n# EOF\n")
  }

  @Test func `OpenMetrics shows the latest request of a bucket as its exemplar, Prometheus text shows none`() throws {
    let registry = MetricsRegistry()
    let histogram = registry.register(Histogram("h", "Times.", labels: ["mode"], bounds: [1, 2]))
    histogram.observe(0.5, "a", exemplar: Exemplar(requestID: "req_1"))
    histogram.observe(0.75, "a", exemplar: Exemplar(requestID: "req_2"))
    histogram.observe(9, "a")
    let lines = registry.text(.openMetrics).split(separator: "\n").map(String.init)
    let first = try #require(lines.first { $0.contains(#"le="1.0""#) })
    let match = try #require(
      first.wholeMatch(of: /h_bucket\{mode="a",le="1\.0"\} 2 # \{request_id="req_2"\} 0\.75 ([0-9.]+)/))
    #expect(Double(match.1).map { $0 > 1_700_000_000 } == true)
    #expect(lines.contains(#"h_bucket{mode="a",le="+Inf"} 3"#))
    #expect(!registry.text(.prometheus).contains("req_"))
    #expect(Exemplar(requestID: String(repeating: "x", count: 118)) != nil)
    #expect(Exemplar(requestID: String(repeating: "x", count: 119)) == nil, "beyond 128 characters with its name")
  }

  @Test(arguments: [
    (nil, false), ("", false), ("text/plain", false), ("*/*", false), ("text/*", false), ("application/json", false),
    // Prometheus 2.x and 3.x.
    ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", true),
    ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true),
    (
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
        + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true
    ),
    ("application/openmetrics-text", true), ("Application/OpenMetrics-Text", true), ("application/*", true),
    ("application/openmetrics-text;q=0, text/plain", false), ("application/openmetrics-text;q=0", false),
    ("application/openmetrics-text;q=0.000, */*", false), ("application/openmetrics-text ; Q=0 , */*", false),
    ("*/*;q=0", false), ("*/*, application/openmetrics-text;q=0", false), ("text/plain;q=0, */*", true),
    ("text/plain;q=0.9, application/openmetrics-text;q=0.8", false),
    ("application/openmetrics-text;q=0.8, text/plain;q=0.9", false),
    ("text/plain;q=0.8, application/openmetrics-text;q=0.801", true),
    ("text/plain, application/openmetrics-text", false), ("application/openmetrics-text, text/plain", true),
    ("*/*, application/openmetrics-text", true), ("text/*, application/openmetrics-text", true),
    ("application/openmetrics-text;version=2.0.0", false), ("application/openmetrics-text;version=\"1.0.0\"", true),
    ("application/openmetrics-text;q=2", false), ("application/openmetrics-text;q=0.1234", false),
    ("application/openmetrics-text;q=", false), ("x=\"application/openmetrics-text\"", false),
    ("text/html;a=\",application/openmetrics-text\"", false), ("application/openmetrics-text;q=0;q=1", false),
    ("application/openmetrics-texts", false), (",,application/openmetrics-text,", true), ("*/openmetrics-text", false),
  ])
  func `the format follows Accept`(accept: String?, openMetrics: Bool) {
    let format = ExpositionFormat(accept: accept)
    #expect(format.contentType.hasPrefix("application/openmetrics-text") == openMetrics, "\(accept ?? "nil")")
  }

  @Test func `every line of the server's metrics is a comment or a sample, and no series repeats`() {
    let metrics = ServerMetrics(model: "m", version: "1") {
      LoadSample(running: 1, waiting: 2, kvTokens: 30, kvCapacityTokens: 60)
    }
    var reply = ReplyFigures(
      outcome: .thinking, thoughtEnd: .natural, counts: TokenCounts(thinking: 5, control: 2, answer: 1))
    reply.thinkProbability = 0.25
    var answer = AnswerFigures(
      requestID: "r", time: 0, requestedMode: .auto, textTokens: 3, imageTokens: 4, replies: [reply])
    (answer.times.firstToken, answer.times.queue, answer.times.total) = (
      .milliseconds(20), .milliseconds(1), .seconds(2)
    )
    metrics.record(answer)
    metrics.recordResponse(route: "/v1/models", method: "BREW", status: 405)
    for format in [ExpositionFormat.prometheus, .openMetrics] {
      // Without the exemplars, which only OpenMetrics has.
      let lines = metrics.registry.text(format).split(separator: "\n").map { line in
        String(line.prefix(upTo: line.firstRange(of: " # {")?.lowerBound ?? line.endIndex))
      }
      var seen = Set<String>(), typed = Set<String>()
      for line in lines where line != "# EOF" {
        if line.hasPrefix("# ") {
          let words = line.split(separator: " ")
          if words[1] == "TYPE" { #expect(typed.insert(String(words[2])).inserted, "\(line)") }
          continue
        }
        let sample = line.wholeMatch(
          of: /([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})?) ([-+0-9.eInf]+)/)
        let series = sample.map { String($0.1) }
        #expect(series.map { seen.insert($0).inserted } == true, "\(line)")
      }
      for wanted in [
        #"r4b_requests_total{requested_mode="auto",mode="thinking",finish="stop"} 1"#,
        #"r4b_tokens_total{kind="thinking",requested_mode="auto",mode="thinking"} 5"#,
        #"r4b_sequences{state="waiting"} 2.0"#,
        #"r4b_http_requests_total{route="/v1/models",method="other",status="405"} 1"#,
        #"r4b_thinking_closed_total{reason="natural"} 1"#, #"vllm:prompt_tokens_total{model_name="m"} 7"#,
        #"vllm:generation_tokens_total{model_name="m"} 8"#, #"vllm:kv_cache_usage_perc{model_name="m"} 0.5"#,
        #"vllm:request_success_total{model_name="m",finished_reason="stop"} 1"#,
        #"r4b_think_probability_bucket{le="0.3"} 1"#,
        #"r4b_request_failures_total{reason="auth"} 0"#,
      ] {
        #expect(lines.contains(wanted), "\(wanted)")
      }
    }
  }

  @Test func `process metrics have plausible values`() throws {
    let registry = MetricsRegistry()
    ProcessMetrics.register(in: registry)
    let values = Dictionary(
      uniqueKeysWithValues: registry.text(.prometheus).split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
        line in
        let parts = line.split(separator: " ")
        return (String(parts[0]), Double(parts[1]) ?? .nan)
      })
    #expect(try #require(values["process_resident_memory_bytes"]) > 1_000_000)
    #expect(try #require(values["process_open_fds"]) >= 3)
    #expect(try #require(values["process_max_fds"]) >= 64)
    #expect(try #require(values["process_start_time_seconds"]) > 1_600_000_000)
    #expect(try #require(values["process_cpu_seconds_total"]) > 0)
    #expect(try #require(values["process_threads"]) >= 1)
  }

  @Test func `counts from many threads add up`() async {
    let counter = Counter("a_total", "Things.", labels: ["k"])
    let histogram = Histogram("h", "Sizes.", bounds: [1])
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<1000 { counter.add(1, "x"); histogram.observe(0.5) } }
      }
    }
    #expect(counter.value("x") == 8000)
    #expect(histogram.total() == (8000, 4000))
  }
}
