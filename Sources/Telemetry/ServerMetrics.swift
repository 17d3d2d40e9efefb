// The metrics of the server. Label values come from enumerations and the route table, never from a request, so that no
// client can add series. The `vllm:` names repeat the same numbers for existing dashboards.
import Basics
import GenerationTypes
import Synchronization
import Text

/// Every metric of the server.
package final class ServerMetrics: Sendable {
  /// Why a request failed.
  package enum Failure: String, Sendable, CaseIterable { case validation, auth, capacity, cancelled, inference }

  package let registry = MetricsRegistry()
  /// Replies, by `requested_mode`, `mode`, `finish`.
  package let requests: Counter
  /// Tokens, by `kind`, `requested_mode`, `mode`.
  package let tokens: Counter
  package let thinkProbability: Histogram
  /// Per reply, by `requested_mode`, `mode`.
  package let thinkingTokens, answerTokens: Histogram
  package let timeToFirstToken, image, prefill, interToken, queue: Histogram
  /// By `requested_mode`, `mode`.
  package let timeToFirstAnswerToken, request: Histogram
  /// Thoughts, by the `reason` they ended.
  package let thinkingClosed: Counter
  /// Rollout replies, by `mode`, `finish`, and their tokens, by `kind`, `mode`.
  package let rollouts, rolloutTokens: Counter
  package let savings: SavingsMetrics
  /// Requests that failed, by `reason`.
  package let failures: Counter
  /// Responses, by `route`, `method`, `status`.
  package let http: Counter
  /// Open client connections; the HTTP server keeps this count.
  package let connections = Mutex(0)
  /// Bytes of request bodies in memory; the HTTP server keeps this count.
  package let bodyBytes = Mutex(0)
  /// Bytes of responses that wait for slow readers; the HTTP server keeps this count.
  package let unsentBytes = Mutex(0)

  private let model: String
  private let aliasPrompt, aliasGeneration, aliasSuccess: Counter
  private let aliasFirstToken, aliasRequest: Histogram

  /// Registers every metric.
  ///
  /// - Parameters:
  ///   - model: `model_name` of the aliases.
  ///   - version: label of `r4b_build_info`.
  ///   - aliases: whether vLLM's names are included.
  ///   - load: the engine's load; called at each scrape.
  package init(
    model: String, version: String, aliases: Bool = true, load: @escaping @Sendable () -> LoadSample
  ) {
    self.model = model
    let modes = ["requested_mode", "mode"]
    let seconds = Histogram.Bounds.seconds
    let registry = registry
    func histogram(_ name: String, _ help: String, labels: [String] = []) -> Histogram {
      registry.register(Histogram(name, help, labels: labels, bounds: seconds))
    }
    requests = registry.register(
      Counter(
        "r4b_requests_total", "Replies of answered requests by requested mode, mode that happened and finish reason.",
        labels: modes + ["finish"]))
    tokens = registry.register(
      Counter(
        "r4b_tokens_total", "Tokens of answered requests by kind, requested mode and mode that happened.",
        labels: ["kind"] + modes))
    thinkProbability = registry.register(
      Histogram(
        "r4b_think_probability", "P(think) of replies whose mode the model decided.",
        bounds: Histogram.Bounds.probability))
    thinkingTokens = registry.register(
      Histogram("r4b_thinking_tokens", "Thinking tokens of a reply.", labels: modes, bounds: Histogram.Bounds.tokens))
    answerTokens = registry.register(
      Histogram("r4b_answer_tokens", "Answer tokens of a reply.", labels: modes, bounds: Histogram.Bounds.tokens))
    timeToFirstToken = histogram("r4b_time_to_first_token_seconds", "Time from a request's arrival to its first token.")
    timeToFirstAnswerToken = histogram(
      "r4b_time_to_first_answer_token_seconds", "Time from a request's arrival to its first answer token.",
      labels: modes)
    image = histogram("r4b_image_seconds", "Time to decode and encode the images of a request with images.")
    prefill = histogram("r4b_prefill_seconds", "Time to process the prompt.")
    interToken = histogram("r4b_inter_token_seconds", "Time between two tokens of a reply.")
    request = histogram(
      "r4b_request_seconds", "Time from a request's arrival to the end of its reply.", labels: modes)
    queue = histogram("r4b_queue_seconds", "Time that a request waited for a slot.")
    thinkingClosed = registry.register(
      Counter("r4b_thinking_closed_total", "Thoughts by the reason they ended.", labels: ["reason"]))
    rollouts = registry.register(
      Counter("r4b_rollouts_total", "Rollout replies by mode and finish reason.", labels: ["mode", "finish"]))
    rolloutTokens = registry.register(
      Counter(
        "r4b_rollout_tokens_total", "Generated tokens of rollout replies by kind and mode.", labels: ["kind", "mode"]))
    savings = SavingsMetrics(in: registry)
    failures = registry.register(
      Counter("r4b_request_failures_total", "Requests that failed, by reason.", labels: ["reason"]))
    for reason in Failure.allCases { failures.add(0, reason.rawValue) }
    http = registry.register(
      Counter(
        "r4b_http_requests_total", "Responses by route, method and status.", labels: ["route", "method", "status"]))

    let model = ["model_name"]
    aliasPrompt = Counter("vllm:prompt_tokens_total", "Prompt tokens processed.", labels: model)
    aliasGeneration = Counter("vllm:generation_tokens_total", "Tokens generated.", labels: model)
    aliasFirstToken = Histogram(
      "vllm:time_to_first_token_seconds", "Time from a request's arrival to its first token.", labels: model,
      bounds: seconds)
    aliasRequest = Histogram(
      "vllm:e2e_request_latency_seconds", "Time from a request's arrival to the end of its reply.", labels: model,
      bounds: seconds)
    aliasSuccess = Counter("vllm:request_success_total", "Answered requests.", labels: model + ["finished_reason"])
    registerGauges(version: version, load: load)
    if aliases {
      registerAliases(load: load)
      for alias in [aliasPrompt, aliasGeneration, aliasSuccess] { registry.register(alias) }
      for alias in [aliasFirstToken, aliasRequest] { registry.register(alias) }
    }
    ProcessMetrics.register(in: registry)
  }

  private func registerGauges(version: String, load: @escaping @Sendable () -> LoadSample) {
    registry.register(
      Sampled(.gauge, "r4b_sequences", "Sequences that run, and requests that wait in the queue.", labels: ["state"]) {
        let load = load()
        return [(["running"], Double(load.running)), (["waiting"], Double(load.waiting))]
      })
    registry.register(
      Sampled(.gauge, "r4b_kv_tokens", "KV cache positions that running sequences reserve.") {
        Double(load().kvTokens)
      })
    registry.register(
      Sampled(.gauge, "r4b_kv_capacity_tokens", "KV cache positions in total.") { Double(load().kvCapacityTokens) })
    registerCaches(load: load)
    registry.register(
      Sampled(.gauge, "r4b_connections", "Open client connections.") { [weak self] in
        self.map { Double($0.connections.withLock { $0 }) }
      })
    registry.register(
      Sampled(.gauge, "r4b_http_body_bytes", "Bytes of request bodies that are being received or processed.") {
        [weak self] in
        self.map { Double($0.bodyBytes.withLock { $0 }) }
      })
    registry.register(
      Sampled(.gauge, "r4b_http_unsent_bytes", "Bytes of responses that wait for slow readers.") { [weak self] in
        self.map { Double($0.unsentBytes.withLock { $0 }) }
      })
    registry.register(
      Sampled(.gauge, "r4b_build_info", "Constant 1 with the version as a label.", labels: ["version"]) {
        [([version], 1)]
      })
  }

  private func registerAliases(load: @escaping @Sendable () -> LoadSample) {
    let model = model
    let aliases: [(String, String, @Sendable (LoadSample) -> Double)] = [
      ("vllm:num_requests_running", "Sequences that run.", { Double($0.running) }),
      ("vllm:num_requests_waiting", "Requests that wait in the queue.", { Double($0.waiting) }),
      (
        "vllm:kv_cache_usage_perc", "Share of the KV cache in use, 0 to 1.",
        { $0.kvCapacityTokens > 0 ? Double($0.kvTokens) / Double($0.kvCapacityTokens) : 0 }
      ),
    ]
    for (name, help, value) in aliases {
      registry.register(Sampled(.gauge, name, help, labels: ["model_name"]) { [([model], value(load()))] })
    }
  }

  private func registerCaches(load: @escaping @Sendable () -> LoadSample) {
    registry.register(
      Sampled(
        .counter, "r4b_prefix_cache_tokens_total",
        "Prompt tokens that the prefix cache held (hit), or that were computed (miss).",
        labels: ["result"]
      ) {
        let load = load()
        return [(["hit"], Double(load.prefixHits)), (["miss"], Double(load.prefixMisses))]
      })
    registry.register(
      Sampled(
        .counter, "r4b_image_cache_total", "Images whose features the cache held (hit), or that were encoded (miss).",
        labels: ["result"]
      ) {
        let load = load()
        return [(["hit"], Double(load.imageHits)), (["miss"], Double(load.imageMisses))]
      })
    registry.register(
      Sampled(
        .counter, "r4b_preemptions_total",
        "Preemptions: a running request gave up its slot or its KV cache positions and was resumed later."
      ) { Double(load().preemptions) })
    registry.register(
      Sampled(
        .counter, "r4b_suspensions_total",
        "Old name of r4b_preemptions_total; it will be removed in the next release."
      ) { Double(load().preemptions) })
    registry.register(
      Sampled(.gauge, "r4b_prefix_cache_held_tokens", "KV cache positions that the prefix cache holds.") {
        Double(load().prefixCacheTokens)
      })
    registry.register(
      Sampled(.gauge, "r4b_image_cache_bytes", "Bytes that the image feature cache holds.") {
        Double(load().imageCacheBytes)
      })
  }

  /// Adds one reply under the names of vLLM.
  func addAliases(_ reply: ReplyFigures) {
    aliasGeneration.add(reply.counts.total, model)
    aliasSuccess.add(1, model, reply.finish.rawValue)
  }

  /// Adds one request under the names of vLLM.
  func addAliases(_ answer: AnswerFigures) {
    aliasPrompt.add(answer.prompt.total, model)
    if let first = answer.times.firstToken { aliasFirstToken.observe(first.seconds, model) }
    aliasRequest.observe(answer.times.total.seconds, model)
  }

  /// Counts one response.
  package func recordResponse(route: String, method: String, status: Int) {
    http.add(1, route, Self.methodLabel(method), String(status))
  }

  /// Returns the method if it is a common one and `other` for the rest, so that clients cannot invent label values.
  package static func methodLabel(_ method: String) -> String {
    ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"].contains(method) ? method : "other"
  }
}
