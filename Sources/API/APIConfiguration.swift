// What the operator decides about the HTTP surface. Plain values; the executable fills them from its configuration file.
import GenerationTypes
import JSON
import Text
import Work

/// Bounds on what one request may ask for.
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
  /// Tokens of a text that is tokenised for its own sake.
  package var tokens = 1_000_000
  package init() {}
}

/// What a chat request leaves out; from the model's generation settings, then from the operator.
package struct RequestDefaults: Sendable {
  package var mode = ThinkingMode.auto
  package var sampling = SamplingParameters()
  /// Generated tokens when the request names no limit; cut to what the context has left.
  package var maxTokens = 8192
  /// Rules that a thought keeps to.
  package var thought = ThoughtRules()
  /// Logits against thinking that OpenAI's efforts `low` and `minimal` stand for.
  package var lowEffortBias: Float = 2, minimalEffortBias: Float = 4
  /// A request counts as short when all of its replies together have at most so many tokens.
  package var briefTokens = 256
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
  /// Ids below this may be named in `logit_bias`.
  package var vocabularySize: Int
  /// Architecture, parameters, quantisation, context, image token formula, thinking modes.
  package var meta: JSONObject

  package init(
    id: String, aliases: [String] = [], created: Int, owner: String, vocabularySize: Int, meta: JSONObject = [:]
  ) {
    (self.id, self.aliases, self.created, self.owner) = (id, aliases, created, owner)
    (self.vocabularySize, self.meta) = (vocabularySize, meta)
  }

  /// Whether requests may call the model `name`.
  func isNamed(_ name: String) -> Bool { name.isEqual(exactly: id) || aliases.contains(exactly: name) }
}

/// The name under which replies show the thought; vLLM and DeepSeek write `reasoning_content`, others `reasoning`.
package enum ReasoningField: String, Sendable {
  case reasoningContent = "reasoning_content"
  case reasoning
  case both

  var names: [String] {
    self == .both ? [Self.reasoningContent.rawValue, Self.reasoning.rawValue] : [rawValue]
  }
}

/// Everything the endpoints are configured with.
package struct APIConfiguration: Sendable {
  package var model: ModelDescription
  /// The server's version, for its description.
  package var version = "0"
  package var limits = RequestLimits()
  package var defaults = RequestDefaults()
  /// Accepted keys; without any, requests need none.
  package var keys = APIKeys()
  package var policies = KeyPolicies()
  /// Origins that browsers may call from; empty switches CORS off, `*` admits every origin.
  package var corsOrigins: [String] = []
  /// Host names a request may be addressed to, without port; nil admits all. On a loopback bind this is `loopbackHosts`,
  /// so that a page whose name was rebound to 127.0.0.1 is refused.
  package var allowedHosts: [String]?
  package var reasoningField = ReasoningField.reasoningContent
  /// Of the auto requests, those that are answered again in the other mode, 0…1.
  package var shadowFraction = 0.0
  /// Fetches the images that requests name by URL; nil rejects them.
  package var imageFetcher: (any ImageFetching)?
  /// Pages served at `/`.
  package var publicFiles: StaticFiles?
  /// From a request's arrival to the end of its reply at most; nil: as long as it takes.
  package var replyTimeout: Duration?
  /// Does what takes long for all requests: bodies, texts, images, large documents.
  package var work = WorkQueue()
  /// Silence on a stream after which a comment line keeps intermediaries from closing it.
  package var keepAlive = Duration.seconds(10)

  package init(model: ModelDescription) { self.model = model }

  package static let loopbackHosts = ["localhost", "127.0.0.1", "[::1]"]
}
