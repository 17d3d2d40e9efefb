// Raw text without turns, for completions and the tokenizer endpoints.
import GenerationTypes
import Tokenization
import Work

extension ChatModel {
  /// Returns the ids of `text`, at most `limit`. `recognisesSpecial` says whether spellings of special tokens become
  /// these tokens. Throws `ChatError.tooLong`.
  package func tokens(of text: String, recognisesSpecial: Bool, limit: Int) async throws -> [TokenID] {
    try await work.run(bytes: text.utf8.count) { budget in
      let literal = recognisesSpecial ? [] : [0..<text.utf8.count]
      guard let tokens = self.tokenizer.encode(text, literal: literal, limit: limit, shouldStop: { budget.shouldStop })
      else {
        throw ChatError.tooLong(limit: limit)
      }
      return tokens
    }
  }

  /// Returns the text of the prompt in the conversation's mode, with one placeholder per image.
  package func prompt(of conversation: Conversation) async throws -> String {
    try await work.run(.text(bytes: prompter.textBytes(of: conversation))) { _ in
      let (text, literal) = try self.prompter.render(conversation)
      return text + (self.completion(after: self.tail(of: text, literal), for: conversation.mode) ?? "")
    }
  }

  /// Returns the last tokens of a prompt, which show how it opens the reply. The whole prompt may exceed the context.
  private func tail(of text: String, _ literal: [Range<Int>]) -> [TokenID] {
    let bytes = Array(text.utf8)
    let blank = bytes.reversed().prefix { $0 == 0x20 || (0x09...0x0D).contains($0) }.count
    var start = max(0, bytes.count - blank - 64)
    while start < bytes.count, bytes[start] & 0xC0 == 0x80 { start += 1 }
    let ranges = literal.filter { $0.upperBound > start }.map { max(0, $0.lowerBound - start)..<$0.upperBound - start }
    return tokenizer.encode(String(decoding: bytes[start...], as: UTF8.self), literal: ranges, limit: .max) ?? []
  }

  /// Returns a prompt that consists of `tokens`; the reply is raw text. `isEchoed` says that the client sees the prompt
  /// before the reply, so that the reply may complete the last character of the prompt.
  package func completion(
    of tokens: [TokenID], form: AnswerForm = AnswerForm(), isEchoed: Bool = false
  ) async throws -> PreparedChat {
    let unfinished = isEchoed ? WholeCharacters(tokens.suffix(4).flatMap(tokenizer.bytes)).unfinished : []
    var tokens = tokens
    // A prompt needs a token: without a leading token in the vocabulary it begins with an end of text.
    if let leading = tokenizer.leadingToken, tokens.first != leading { tokens.insert(leading, at: 0) }
    if tokens.isEmpty, let begin = tokenizer.id(of: "<|endoftext|>") ?? control.stop.min() { tokens = [begin] }
    let form = try await self.form(of: form, isWhole: true)
    return PreparedChat(
      prompt: Prompt(tokens: tokens), mode: .short, start: .plainText, tokenizer: tokenizer, control: control,
      constraint: form.constraint, loose: form.loose, unfinished: unfinished)
  }
}
