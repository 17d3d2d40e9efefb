// What one answered request adds to the metrics.
import Basics
import GenerationTypes
import Text

extension ServerMetrics {
  /// Adds one reply of the rollouts in a mode.
  package func record(rollout reply: ReplyFigures, in mode: ThinkingOutcome) {
    rollouts.add(1, mode.rawValue, reply.finish.rawValue)
    for (kind, count) in Self.kinds(of: reply.counts) { rolloutTokens.add(count, kind, mode.rawValue) }
  }

  /// Adds one answered request. The prompt counts once, under the mode of the first reply.
  package func record(_ answer: AnswerFigures) {
    let requested = answer.requestedMode.rawValue
    let exemplar = Exemplar(requestID: answer.requestID)
    for (index, reply) in answer.replies.enumerated() {
      let mode = reply.outcome.rawValue
      requests.add(1, requested, mode, reply.finish.rawValue)
      if index == 0 {
        tokens.add(answer.prompt.text, "prompt_text", requested, mode)
        tokens.add(answer.prompt.image, "prompt_image", requested, mode)
        tokens.add(answer.prompt.cached, "prompt_cached", requested, mode)
      }
      for (kind, count) in Self.kinds(of: reply.counts) { tokens.add(count, kind, requested, mode) }
      thinkingTokens.observe(Double(reply.counts.thinking), requested, mode, exemplar: exemplar)
      answerTokens.observe(Double(reply.counts.answer), requested, mode, exemplar: exemplar)
      if let end = reply.thoughtEnd { thinkingClosed.add(1, end.rawValue) }
      addAliases(reply)
    }
    if let probability = answer.thinkProbability { thinkProbability.observe(Double(probability), exemplar: exemplar) }
    let times = [
      (queue, answer.times.queue), (image, answer.times.image), (prefill, answer.times.prefill),
      (timeToFirstToken, answer.times.firstToken),
    ]
    for case (let family, let time?) in times { family.observe(time, exemplar: exemplar) }
    let mode = answer.outcome.rawValue
    if let first = answer.times.firstAnswerToken {
      timeToFirstAnswerToken.observe(first.seconds, requested, mode, exemplar: exemplar)
    }
    request.observe(answer.times.total.seconds, requested, mode, exemplar: exemplar)
    addAliases(answer)
  }

  private static func kinds(of counts: TokenCounts) -> [(kind: String, count: Int)] {
    [("thinking", counts.thinking), ("control", counts.control), ("answer", counts.answer)]
  }
}
