// What a `Schedule` and the engine's thread tell each other: decisions go out, events come back.
import GenerationTypes

/// Identifies a request for as long as the engine lives. Later requests have larger ids.
package typealias RequestID = UInt64

/// Identifies a sequence of the runner, running or cached, for as long as the engine lives.
package typealias SequenceID = UInt64

extension Schedule {
  /// An order to the engine's thread. Decisions are executed in the order in which they are returned.
  package enum Decision: Sendable, Equatable {
    /// Make a sequence for a request; answered by `started` or `notStarted`.
    case start(Start)
    /// The request lost its sequence and waits to be started again; its reply continues where it is.
    case preempt(RequestID)
    /// Encode at most this many blocks of the request's next image; answered by `encoded` and `inputsReady`, or
    /// `failed`.
    case encode(RequestID, blocks: Int)
    /// Compute these rows; answered by `stepped` or `stepFailed`.
    case step([StepEntry])
    /// Remove the positions of rejected draft tokens from a sequence.
    case truncate(SequenceID, to: Int)
    /// Free the unused capacity of a sequence, which is a cached prefix from now on.
    case cachePrefix(SequenceID)
    /// Free a sequence: of a request that ended, or a cached prefix that is dropped.
    case release(SequenceID)
    case finish(RequestID, FinishReason)
    case fail(RequestID, GenerationError)
    /// The client left.
    case cancelled(RequestID)
  }

  /// How a request's sequence begins.
  package struct Start: Sendable, Equatable {
    /// The first `count` positions of another sequence, running or cached.
    package struct Prefix: Sendable, Equatable {
      package let sequence: SequenceID
      package let count: Int
    }
    package let request: RequestID
    package let sequence: SequenceID
    /// nil: an empty sequence.
    package let prefix: Prefix?
    /// The positions that the sequence may come to hold: prompt and longest reply.
    package let capacity: Int
  }

  /// The rows that a step computes for one sequence.
  package struct StepEntry: Sendable, Equatable {
    package enum Kind: Sendable {
      case prefill, decode
    }
    package let request: RequestID
    package let sequence: SequenceID
    package let kind: Kind
    /// The positions to append. Decoding appends the token sampled last, then the tokens of a draft.
    package let rows: Range<Int>
    /// The token ids at `rows`; an image's positions hold the image token's id.
    package let tokens: [TokenID]
    /// How many of the last rows need logits: none within a prompt, one at its end, every row when decoding.
    package let logitRows: Int

    package init(
      request: RequestID, sequence: SequenceID, kind: Kind, rows: Range<Int>, tokens: [TokenID], logitRows: Int
    ) {
      (self.request, self.sequence, self.kind) = (request, sequence, kind)
      (self.rows, self.tokens, self.logitRows) = (rows, tokens, logitRows)
    }
  }

  /// What an entry of a step led to.
  package enum StepResult: Sendable, Equatable {
    /// The sampled tokens, one for each accepted row that had logits: when decoding at least one and at most
    /// `rows.count`; the remaining rows are rejected and leave no KV. `ends` says that the last token ends the reply.
    case sampled([TokenID], ends: Bool)
    case failed(GenerationError)
  }

  /// What the engine's thread reports.
  package enum Event: Sendable, Equatable {
    /// A `start` was executed; the inputs of positions before `inputsReady` are at hand.
    case started(RequestID, inputsReady: Int)
    /// A `start` failed for want of memory.
    case notStarted(RequestID, reason: String)
    /// An `encode` took `seconds` for `blocks` blocks.
    case encoded(blocks: Int, seconds: Double)
    /// The inputs of positions before `upTo` are at hand.
    case inputsReady(RequestID, upTo: Int)
    /// Tokens that probably follow in a reply. The next step verifies as many as it has capacity for.
    case drafted(RequestID, [TokenID])
    /// The step was computed in `seconds`; one result per entry.
    case stepped([StepResult], seconds: Double)
    case stepFailed(reason: String)
    /// A request cannot continue.
    case failed(RequestID, GenerationError)
  }
}
