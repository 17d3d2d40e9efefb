// What one answered request adds to the metrics.

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
  package var promptText = 0, promptImage = 0, promptCached = 0
  package var thinkProbability: Double?
  package var replies: [Reply] = []
  package var queue, image, prefill, firstToken, firstAnswerToken: Duration?
  /// From arrival to the end of the last reply.
  package var total = Duration.zero

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
      thinkingTokens.observe(Double(reply.thinking), requested, reply.mode)
      answerTokens.observe(Double(reply.answer), requested, reply.mode)
      if let reason = reply.thinkingStop { thinkingClosed.add(1, reason) }
      addAliases(reply)
    }
    if let probability = answer.thinkProbability { thinkProbability.observe(probability) }
    if let queue = answer.queue { self.queue.observe(queue) }
    if let image = answer.image { self.image.observe(image) }
    if let prefill = answer.prefill { self.prefill.observe(prefill) }
    if let first = answer.firstToken { timeToFirstToken.observe(first) }
    if let first = answer.firstAnswerToken { timeToFirstAnswerToken.observe(first) }
    request.observe(answer.total)
    addAliases(answer)
  }
}
