// One request in a schedule, from its arrival to its end.
import GenerationTypes

extension Schedule {
  /// What a schedule needs to know about a new request.
  package struct Arrival: Sendable {
    package var tokens: SequenceTokens
    /// The largest number of tokens of the reply; positive.
    package var maxTokens: Int
    package var serviceClass = ServiceClass.interactive
    package var isShort = false
    package var client = ClientID.server
    package var deadline: ContinuousClock.Instant?
    /// Requests share KV only with requests of the same salt.
    package var salt = ""

    package init(tokens: SequenceTokens, maxTokens: Int) { (self.tokens, self.maxTokens) = (tokens, maxTokens) }

    package init(_ request: GenerationRequest) {
      self.init(tokens: SequenceTokens(request.prompt), maxTokens: request.maxTokens)
      (serviceClass, isShort, client) = (request.serviceClass, request.isShort, request.client)
      (deadline, salt) = (request.deadline, request.salt)
    }
  }

  /// A waiting or running request.
  package struct Request: Sendable {
    package let id: RequestID
    package let serviceClass: ServiceClass
    package let isShort: Bool
    package let client: ClientID
    let deadline: ContinuousClock.Instant?
    package let salt: String
    /// The prompt, then the reply.
    package internal(set) var tokens: SequenceTokens
    /// The positions that prompt and reply may take: the reply ends when `tokens` has this length.
    package let ceiling: Int
    package internal(set) var isCancelled = false

    // While waiting:

    /// The running request that computes the beginning of this prompt, and the position from which the two differ.
    package internal(set) var follows: (leader: RequestID, upTo: Int)?
    /// Whether the KV budget did not suffice and may after another request ends.
    package internal(set) var isBlocked = false
    /// Whether a `start` has announced the request to the engine's thread.
    var isKnown = false
    /// Whether it had a sequence before.
    var hasStarted = false

    // While running:

    package internal(set) var sequence: SequenceID?
    package internal(set) var startedAt: ContinuousClock.Instant?
    /// The positions in the sequence.
    package internal(set) var computed = 0
    /// The positions whose inputs are at hand; the next one waits for an image's features.
    package internal(set) var ready = 0
    /// The positions to compute before the reply continues: the prompt, and after a preemption also the reply so far.
    package internal(set) var prefillEnd: Int
    /// The tokens decoded since the request was given its slot.
    package internal(set) var decoded = 0
    /// The draft that the next step verifies.
    var draft: [TokenID] = []

    init(_ arrival: Arrival, id: RequestID) {
      self.id = id
      (serviceClass, isShort, client) = (arrival.serviceClass, arrival.isShort, arrival.client)
      (deadline, salt, tokens) = (arrival.deadline, arrival.salt, arrival.tokens)
      ceiling = arrival.tokens.count + arrival.maxTokens
      prefillEnd = arrival.tokens.count
    }

    /// Whether each step appends the token sampled last.
    package var isDecoding: Bool { computed >= prefillEnd }
    /// Whether the next position is in the prompt and its input at hand.
    var isPrefilling: Bool { computed < ready && computed < prefillEnd }
    /// Whether the next position waits for an image's features.
    var awaitsInputs: Bool { computed == ready && ready < prefillEnd }

    func isExpired(at now: ContinuousClock.Instant) -> Bool { deadline.map { $0 <= now } ?? false }
  }
}
