// The replies to one request, while the engine generates them and when they have ended.
import Chat
import GenerationTypes
import JSON
import Telemetry

/// Replies that the engine has accepted: `choices` to each prompt, in the order of the prompts.
struct RunningReplies: Sendable {
  /// At least one.
  let prompts: [PlannedPrompt]
  let choices: Int
  /// The time that reading images and rendering the prompts took.
  let preparation: Duration
  let feed: ReplyFeed
  /// Set where the request was drawn to be answered again.
  let shadow: ShadowCandidate?
  /// Whether the server draws shadows at all.
  let samplesShadows: Bool
  let isRollout: Bool

  var count: Int { prompts.count * choices }
  /// The text that each reply begins with.
  var echoes: [String] { prompts.flatMap { Array(repeating: $0.echo, count: choices) } }
  /// Paths of schemas in the request that do not constrain the answer.
  var loose: [String] { prompts[0].chat.loose }

  /// The figures of the request, whose replies have ended: one value, or for rollouts one for each prompt.
  func figures(of replies: [Reply], _ record: RequestRecord) -> [AnswerFigures] {
    guard isRollout else { return [figures(of: replies, to: prompts, record)] }
    return prompts.indices.map { index in
      figures(of: Array(replies[index * choices..<(index + 1) * choices]), to: [prompts[index]], record)
    }
  }

  private func figures(of replies: [Reply], to prompts: [PlannedPrompt], _ record: RequestRecord) -> AnswerFigures {
    let plan = prompts[0].plan
    var figures = record.figures(
      of: replies, requestedMode: plan.requestedMode, textTokens: prompts.reduce(0) { $0 + $1.chat.textTokens },
      imageTokens: prompts.reduce(0) { $0 + $1.chat.imageTokens }, preparation: preparation)
    figures.isDecided = plan.isDecided && replies.count == 1
    figures.isSampled = figures.isDecided && samplesShadows
    return figures
  }
}

/// The replies to one request, after all of them have ended.
struct EndedReplies: Sendable {
  let running: RunningReplies
  let replies: [Reply]
  /// What each reply said; empty for a stream.
  let transcripts: [ReplyTranscript]
  /// As in `RunningReplies.figures`.
  let figures: [AnswerFigures]
  /// Knows the texts of tokens.
  let chat: any Chatting
}

extension ReplyService {
  /// Hands the figures of an answered request to the record and to the shadows.
  func settle(_ running: RunningReplies, _ figures: AnswerFigures, _ record: RequestRecord) {
    record.answered(figures)
    shadows?.note(figures, running.shadow)
  }

  /// Enters rollouts into their own metrics, because they would distort the figures of the modes.
  func settle(rollouts groups: [AnswerFigures], _ record: RequestRecord) {
    for (group, outcome) in zip(groups, [ThinkingOutcome.thinking, .nonThinking]) {
      for reply in group.replies { metrics.record(rollout: reply, in: outcome) }
    }
    let count = groups.reduce(0) { $0 + $1.replies.count }, tokens = groups.reduce(0) { $0 + $1.counts.total }
    record.note { $0.more = ["rollouts": .count(count), "rollout_tokens": .count(tokens)] }
  }
}
