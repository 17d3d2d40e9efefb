// What one answered request adds to the metrics.
import Basics
import Text

/// Counts and times of one answered request, in the vocabulary of the metric labels.
package struct AnswerRecord: Sendable {
  /// One of the request's replies; `n` in a request makes several.
  package struct Reply: Sendable {
    /// `thinking` or `non_thinking`.
    package var mode: String
    /// `stop` or `length`.
    package var finish: String
    package var thinking, control, answer: Int
    /// `natural` or `length`; nil when there was no thought.
    package var thinkingStop: String?

    package init(mode: String, finish: String, thinking: Int, control: Int, answer: Int, thinkingStop: String?) {
      (self.mode, self.finish, self.thinkingStop) = (mode, finish, thinkingStop)
      (self.thinking, self.control, self.answer) = (thinking, control, answer)
    }
  }

  /// `auto`, `long` or `short`.
  package var requestedMode: String
  /// Shown as the example of what was observed.
  package var requestID: String?
  package var promptText = 0, promptImage = 0, promptCached = 0
  package var thinkProbability: Double?
  package var replies: [Reply] = []
  package var queue, image, prefill, firstToken, firstAnswerToken: Duration?
  /// From arrival to the end of the last reply.
  package var total = Duration.zero

  /// A request counts as thinking when one of its replies thought.
  package var mode: String {
    (replies.first { $0.mode == "thinking" } ?? replies.first)?.mode ?? "non_thinking"
  }

  package init(requestedMode: String) { self.requestedMode = requestedMode }
}

extension ServerMetrics {
  /// Adds one reply of rollouts.
  package func recordRollout(_ reply: AnswerRecord.Reply) {
    rollouts.add(1, reply.mode, reply.finish)
    for (kind, count) in [("thinking", reply.thinking), ("control", reply.control), ("answer", reply.answer)] {
      rolloutTokens.add(count, kind, reply.mode)
    }
  }

  /// Adds one answered request. The prompt counts once, under the mode of the first reply.
  package func record(_ answer: AnswerRecord) {
    let requested = answer.requestedMode
    let exemplar = answer.requestID.flatMap(Exemplar.init)
    for (index, reply) in answer.replies.enumerated() {
      requests.add(1, requested, reply.mode, reply.finish)
      if index == 0 {
        tokens.add(answer.promptText, "prompt_text", requested, reply.mode)
        tokens.add(answer.promptImage, "prompt_image", requested, reply.mode)
        tokens.add(answer.promptCached, "prompt_cached", requested, reply.mode)
      }
      tokens.add(reply.thinking, "thinking", requested, reply.mode)
      tokens.add(reply.control, "control", requested, reply.mode)
      tokens.add(reply.answer, "answer", requested, reply.mode)
      thinkingTokens.observe(Double(reply.thinking), requested, reply.mode, exemplar: exemplar)
      answerTokens.observe(Double(reply.answer), requested, reply.mode, exemplar: exemplar)
      if let reason = reply.thinkingStop { thinkingClosed.add(1, reason) }
      addAliases(reply)
    }
    if let probability = answer.thinkProbability { thinkProbability.observe(probability, exemplar: exemplar) }
    let times = [
      (queue, answer.queue), (image, answer.image), (prefill, answer.prefill), (timeToFirstToken, answer.firstToken),
    ]
    for case (let family, let time?) in times { family.observe(time, exemplar: exemplar) }
    let mode = answer.mode
    if let first = answer.firstAnswerToken {
      timeToFirstAnswerToken.observe(first.seconds, requested, mode, exemplar: exemplar)
    }
    request.observe(answer.total.seconds, requested, mode, exemplar: exemplar)
    addAliases(answer)
  }
}
