// The server's metrics by name. Label values come from enumerations and the route table, never from a request, so that no
// client can grow the set of series. The `vllm:` names are what existing dashboards read; they say the same numbers again.
import Basics
import GenerationTypes
import Synchronization
import Text

/// How busy the engine is, read at each scrape.
package struct LoadSample: Sendable {
  package var running, waiting, kvTokens, kvCapacityTokens: Int
  /// Positions of KV cache and bytes of images' features that are kept for requests to come.
  package var keptTokens = 0, keptImageBytes = 0
  /// Since the start: prompt tokens taken over and computed, images' features taken over and computed.
  package var prefixHits = 0, prefixMisses = 0, imageHits = 0, imageMisses = 0
  /// Since the start: how often a running request gave its KV to an earlier one and went on later.
  package var suspensions = 0

  package init(running: Int, waiting: Int, kvTokens: Int, kvCapacityTokens: Int) {
    (self.running, self.waiting) = (running, waiting)
    (self.kvTokens, self.kvCapacityTokens) = (kvTokens, kvCapacityTokens)
  }
}

/// Every metric of the server.
package final class ServerMetrics: Sendable {
  /// Why a request was not answered.
  package enum Failure: String, Sendable, CaseIterable { case validation, auth, capacity, cancelled, inference }

  package let registry = MetricsRegistry()
  /// Replies by `requested_mode`, `mode`, `finish`.
  package let requests: Counter
  /// Tokens by `kind`, `requested_mode`, `mode`.
  package let tokens: Counter
  package let thinkProbability: Histogram
  /// Per reply, by `requested_mode`, `mode`.
  package let thinkingTokens, answerTokens: Histogram
  package let timeToFirstToken, image, prefill, interToken, queue: Histogram
  /// By `requested_mode`, `mode`.
  package let timeToFirstAnswerToken, request: Histogram
  /// How thoughts ended, by `reason`.
  package let thinkingClosed: Counter
  /// Replies of rollouts by `mode`, `finish`, and their tokens by `kind`, `mode`.
  package let rollouts, rolloutTokens: Counter
  package let savings: SavingsMetrics
  /// Requests that failed, by `reason`.
  package let failures: Counter
  /// Responses by `route`, `method`, `status`.
  package let http: Counter
  /// Open client connections; the HTTP server adds and subtracts.
  package let connections = Mutex(0)
  /// Bytes of request bodies held; likewise.
  package let bodyBytes = Mutex(0)
  /// Bytes of responses that wait for their readers; likewise.
  package let unsentBytes = Mutex(0)

  private let model: String
  private let aliasPrompt, aliasGeneration, aliasSuccess: Counter
  private let aliasFirstToken, aliasRequest: Histogram

  /// - Parameters:
  ///   - model: `model_name` of the aliases.
  ///   - version: label of `r4b_build_info`.
  ///   - aliases: whether vLLM's names are told too.
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
        "r4b_requests_total", "Answered requests by the mode asked for, the mode chosen and the end.",
        labels: modes + ["finish"]))
    tokens = registry.register(
      Counter("r4b_tokens_total", "Tokens of answered requests by kind and mode.", labels: ["kind"] + modes))
    thinkProbability = registry.register(
      Histogram("r4b_think_probability", "P(think) where the model decided.", bounds: Histogram.Bounds.probability))
    thinkingTokens = registry.register(
      Histogram("r4b_thinking_tokens", "Thinking tokens of a reply.", labels: modes, bounds: Histogram.Bounds.tokens))
    answerTokens = registry.register(
      Histogram("r4b_answer_tokens", "Answer tokens of a reply.", labels: modes, bounds: Histogram.Bounds.tokens))
    timeToFirstToken = histogram("r4b_time_to_first_token_seconds", "From a request's arrival to its first token.")
    timeToFirstAnswerToken = histogram(
      "r4b_time_to_first_answer_token_seconds", "From a request's arrival to its first answer token.", labels: modes)
    image = histogram("r4b_image_seconds", "Decoding and encoding the images of a request that has any.")
    prefill = histogram("r4b_prefill_seconds", "Processing the prompt.")
    interToken = histogram("r4b_inter_token_seconds", "Between two tokens of a reply.")
    request = histogram(
      "r4b_request_seconds", "From a request's arrival to the end of its reply.", labels: modes)
    queue = histogram("r4b_queue_seconds", "Waiting for the engine.")
    thinkingClosed = registry.register(
      Counter("r4b_thinking_closed_total", "Thoughts by how they ended.", labels: ["reason"]))
    rollouts = registry.register(
      Counter("r4b_rollouts_total", "Replies of rollouts by mode and end.", labels: ["mode", "finish"]))
    rolloutTokens = registry.register(
      Counter("r4b_rollout_tokens_total", "Generated tokens of rollouts by kind and mode.", labels: ["kind", "mode"]))
    savings = SavingsMetrics(in: registry)
    failures = registry.register(
      Counter("r4b_request_failures_total", "Requests that were not answered.", labels: ["reason"]))
    for reason in Failure.allCases { failures.add(0, reason.rawValue) }
    http = registry.register(
      Counter(
        "r4b_http_requests_total", "Responses by route, method and status.", labels: ["route", "method", "status"]))

    let model = ["model_name"]
    aliasPrompt = Counter("vllm:prompt_tokens_total", "Prompt tokens processed.", labels: model)
    aliasGeneration = Counter("vllm:generation_tokens_total", "Tokens generated.", labels: model)
    aliasFirstToken = Histogram(
      "vllm:time_to_first_token_seconds", "Time to the first token.", labels: model, bounds: seconds)
    aliasRequest = Histogram(
      "vllm:e2e_request_latency_seconds", "Time of a whole request.", labels: model, bounds: seconds)
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
      Sampled(.gauge, "r4b_sequences", "Sequences in the engine.", labels: ["state"]) {
        let load = load()
        return [(["running"], Double(load.running)), (["waiting"], Double(load.waiting))]
      })
    registry.register(
      Sampled(.gauge, "r4b_kv_tokens", "Positions of the KV cache reserved by running sequences.") {
        Double(load().kvTokens)
      })
    registry.register(
      Sampled(.gauge, "r4b_kv_capacity_tokens", "Positions the KV cache can hold.") { Double(load().kvCapacityTokens) })
    registerCaches(load: load)
    registry.register(
      Sampled(.gauge, "r4b_connections", "Open client connections.") { [weak self] in
        self.map { Double($0.connections.withLock { $0 }) }
      })
    registry.register(
      Sampled(.gauge, "r4b_http_body_bytes", "Bytes of request bodies being received or worked on.") { [weak self] in
        self.map { Double($0.bodyBytes.withLock { $0 }) }
      })
    registry.register(
      Sampled(.gauge, "r4b_http_unsent_bytes", "Bytes of responses that wait for their readers.") { [weak self] in
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
      ("vllm:num_requests_running", "Sequences being generated.", { Double($0.running) }),
      ("vllm:num_requests_waiting", "Sequences waiting.", { Double($0.waiting) }),
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
        .counter, "r4b_prefix_cache_tokens_total", "Prompt tokens taken over from earlier prompts, or computed.",
        labels: ["result"]
      ) {
        let load = load()
        return [(["hit"], Double(load.prefixHits)), (["miss"], Double(load.prefixMisses))]
      })
    registry.register(
      Sampled(
        .counter, "r4b_image_cache_total", "Images whose features were at hand, or were computed.", labels: ["result"]
      ) {
        let load = load()
        return [(["hit"], Double(load.imageHits)), (["miss"], Double(load.imageMisses))]
      })
    registry.register(
      Sampled(
        .counter, "r4b_suspensions_total", "Times that a running request gave its KV or its slot up and went on later."
      ) { Double(load().suspensions) })
    registry.register(
      Sampled(.gauge, "r4b_prefix_cache_held_tokens", "Positions of the KV cache kept for prompts that begin alike.") {
        Double(load().keptTokens)
      })
    registry.register(
      Sampled(.gauge, "r4b_image_cache_bytes", "Bytes of images' features that are kept.") {
        Double(load().keptImageBytes)
      })
  }

  /// Says one reply again under the names of vLLM.
  func addAliases(_ reply: ReplyFigures) {
    aliasGeneration.add(reply.counts.total, model)
    aliasSuccess.add(1, model, reply.finish.rawValue)
  }

  /// Says one request again under the names of vLLM.
  func addAliases(_ answer: AnswerFigures) {
    aliasPrompt.add(answer.prompt.total, model)
    if let first = answer.times.firstToken { aliasFirstToken.observe(first.seconds, model) }
    aliasRequest.observe(answer.times.total.seconds, model)
  }

  /// Counts one response.
  package func recordResponse(route: String, method: String, status: Int) {
    http.add(1, route, Self.methodLabel(method), String(status))
  }

  /// The method if it is a common one, so that clients cannot invent label values.
  package static func methodLabel(_ method: String) -> String {
    ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"].contains(method) ? method : "other"
  }
}
