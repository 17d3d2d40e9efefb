// What the settings say about requests, for the server and for `r4b eval` alike.
import API
import Configuration
import GenerationTypes
import HTTP

extension APIConfiguration {
  /// Limits and defaults of requests to a loaded model. Keys, hosts and pages are the server's own.
  init(_ settings: Settings, _ loaded: LoadedModel) {
    self.init(model: loaded.description)
    version = R4B.version
    work = loaded.work
    limits.bodyBytes = settings.int("http.max_body_bytes")
    // More replies than the engine ever holds would be 429 for ever, which no retry mends.
    limits.choices = min(
      limits.choices, settings.int("scheduling.max_running") + settings.int("scheduling.max_waiting"))
    // In either service tier.
    let seats = min(settings.int("scheduling.max_idle"), settings.int("scheduling.max_running"))
    limits.rollouts = min(limits.rollouts, (seats + settings.int("scheduling.max_waiting")) / 2)
    limits.images = settings.int("images.max_count")
    limits.imageBytes = settings.int("images.max_bytes")
    defaults.mode = ThinkingMode(rawValue: settings.string("generation.thinking_mode")) ?? .auto
    defaults.sampling = loaded.sampling
    defaults.maxTokens = settings.optionalInt("generation.max_tokens") ?? 8192
    defaults.thought = ThoughtRules(settings)
    defaults.lowEffortBias = Float(settings.double("generation.low_effort_bias"))
    defaults.minimalEffortBias = Float(settings.double("generation.minimal_effort_bias"))
    replyTimeout = settings.optionalDouble("scheduling.reply_timeout_s").map { .seconds($0) }
  }
}
