// The operator's decisions about the API. Plain values, which the executable fills from its settings.
import GenerationTypes
import JSON
import Text
import Work

/// The limits of one request.
package struct RequestLimits: Sendable {
  package var bodyBytes = 64 << 20
  /// JSON values in one body.
  package var values = 200_000
  package var messages = 2048
  package var images = 16
  /// Encoded bytes of one image.
  package var imageBytes = 32 << 20
  package var choices = 8
  /// Raw completions of one request, over all of its prompts.
  package var completions = 64
  /// Rollouts of one prompt in each mode.
  package var rollouts = 16
  package var stopStrings = 4
  /// UTF-8 bytes of one stop string.
  package var stopBytes = 256
  package var logitBiases = 1024
  package var toolCalls = 128
  package var tools = 128
  /// Tokens of one `/tokenize` request.
  package var tokens = 1_000_000
  package init() {}
}

/// The values of fields that a request leaves out: the model's generation settings, then the operator's.
package struct RequestDefaults: Sendable {
  package var mode = ThinkingMode.auto
  package var sampling = SamplingParameters()
  /// The token limit of requests without one; shrinks to what the context has left.
  package var maxTokens = 8192
  /// The rules of a thought.
  package var thought = ThoughtRules()
  /// The think bias, in logits, of OpenAI's efforts `low` and `minimal`.
  package var lowEffortBias: Float = 2, minimalEffortBias: Float = 4
  /// The largest sum of token limits of all replies with which a request counts as short.
  package var shortTokens = 256
  package init() {}
}

/// The loaded model as clients see it.
package struct ModelDescription: Sendable {
  package var id: String
  /// Other names that requests may use for it.
  package var aliases: [String]
  /// Seconds since the epoch.
  package var created: Int
  package var owner: String
  /// The token ids that `logit_bias` may name are below this.
  package var vocabularySize: Int
  /// Architecture, parameters, quantisation, context, image token formula, thinking modes.
  package var meta: JSONObject

  package init(
    id: String, aliases: [String] = [], created: Int, owner: String, vocabularySize: Int, meta: JSONObject = [:]
  ) {
    (self.id, self.aliases, self.created, self.owner) = (id, aliases, created, owner)
    (self.vocabularySize, self.meta) = (vocabularySize, meta)
  }

  /// Whether `name` is the model's id or an alias.
  func isNamed(_ name: String) -> Bool { name.isEqual(exactly: id) || aliases.contains(exactly: name) }
}

/// The field of the thought in replies: `reasoning_content` as in vLLM and DeepSeek, or `reasoning`.
package enum ReasoningField: String, Sendable {
  case reasoningContent = "reasoning_content"
  case reasoning
  case both

  var names: [String] {
    self == .both ? [Self.reasoningContent.rawValue, Self.reasoning.rawValue] : [rawValue]
  }
}

/// The configuration of all endpoints.
package struct APIConfiguration: Sendable {
  package var model: ModelDescription
  /// The server's version, for the OpenAPI document.
  package var version = "0"
  package var limits = RequestLimits()
  package var defaults = RequestDefaults()
  /// The accepted keys. Without keys, requests need none.
  package var keys = APIKeys()
  package var policies = KeyPolicies()
  /// Origins of web pages that may call the server. Empty disables CORS, `*` allows every origin.
  package var corsOrigins: [String] = []
  /// Host names that a request may address, without port; nil allows all. On loopback this is `loopbackHosts`, so that
  /// a web page whose name was rebound to 127.0.0.1 has no access.
  package var allowedHosts: [String]?
  package var reasoningField = ReasoningField.reasoningContent
  /// The fraction of auto requests that are answered again in the other mode, 0…1.
  package var shadowFraction = 0.0
  /// Fetches the images that requests name by URL; nil rejects them.
  package var imageFetcher: (any ImageFetching)?
  /// Pages served at `/`.
  package var publicFiles: StaticFiles?
  /// The maximum time from a request's arrival to the end of its reply; nil for no limit.
  package var replyTimeout: Duration?
  /// Runs the long work of all requests: bodies, texts, images, large documents.
  package var work = WorkQueue()
  /// The silence on a stream after which a comment line keeps intermediaries from closing it.
  package var keepAlive = Duration.seconds(10)

  package init(model: ModelDescription) { self.model = model }

  package static let loopbackHosts = ["localhost", "127.0.0.1", "[::1]"]
}
