import API
import Configuration
import GenerationTypes
import HTTP
// Limits and defaults of requests from the settings, for the server and for `r4b eval`.
import ModelLoading

extension APIConfiguration {
  /// Limits and defaults of requests to a loaded model. Keys, hosts and pages are the server's own.
  init(_ settings: Settings, _ loaded: LoadedModel) {
    self.init(model: ModelDescription(loaded))
    version = R4B.version
    work = loaded.work
    limits.bodyBytes = settings.http.maxBodyBytes
    // A request with more replies than slots and queue hold would get 429 at every retry.
    limits.choices = min(
      limits.choices, settings.scheduling.maxRunning + settings.scheduling.maxWaiting)
    // Rollouts run as interactive or as batch requests.
    let slots = min(settings.scheduling.maxBatchRequests, settings.scheduling.maxRunning)
    limits.rollouts = min(limits.rollouts, (slots + settings.scheduling.maxWaiting) / 2)
    limits.images = settings.images.maxCount
    limits.imageBytes = settings.images.maxBytes
    defaults.mode = ThinkingMode(rawValue: settings.generation.thinkingMode) ?? .auto
    defaults.sampling = loaded.sampling
    defaults.maxTokens = settings.generation.maxTokens ?? 8192
    defaults.thought = ThoughtRules(settings)
    defaults.lowEffortBias = Float(settings.generation.lowEffortBias)
    defaults.minimalEffortBias = Float(settings.generation.minimalEffortBias)
    replyTimeout = settings.scheduling.replyTimeout
  }
}
