import Chat
import GenerationTypes
import ModelFiles
import Testing
import Tokenization

/// Models without thinking tags and images, and perhaps without a template, such as SmolLM2.
@Suite struct `Text-only models` {
  /// A vocabulary of single printable bytes and `control` tokens.
  private static func chat(
    template: String? = nil, control: [String] = ["<|im_start|>", "<|im_end|>"], pre: String = "gpt-2"
  ) throws -> ChatModel {
    var tokens = GGUFStrings((33...126).map { String(UnicodeScalar($0)) } + ["Ġ", "Ċ"])
    var kinds = [TokenKind](repeating: .normal, count: tokens.count)
    for text in control {
      tokens.append(text.utf8)
      kinds.append(.control)
    }
    let end = tokens.count - 1
    let vocabulary = TokenizerVocabulary(
      tokens: tokens, kinds: kinds, merges: GGUFStrings(), preTokenizer: pre, beginning: end, end: end)
    return try ChatModel(
      tokenizer: Tokenizer(vocabulary: vocabulary), imageProcessor: nil,
      configuration: .init(
        template: template, stopTokens: [TokenID(end)], opensThought: false, contextLength: 512, name: "Smol"))
  }

  @Test(arguments: ThinkingMode.allCases)
  func `the prompt is the output of the template in every mode`(mode: ThinkingMode) async throws {
    let chat = try Self.chat()
    let prepared = try await chat.prepare(.user("Hi", mode: mode))
    #expect(chat.tokenizer.decode(prepared.prompt.tokens) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    #expect(prepared.start == .beforeThought && !prepared.decides)
    var parser = prepared.makeParser()
    var text = ""
    for id in chat.tokenizer.encode("A <think> b\n\nc<|im_end|>") {
      for case .content(let piece) in parser.consume(GeneratedToken(id: id)) { text += piece }
    }
    for case .content(let piece) in parser.finish(.stop) { text += piece }
    #expect(text == "A <think> b\n\nc")
    #expect(parser.thought.outcome == .nonThinking && parser.thought.end == nil)
    #expect(parser.thought.counts == TokenCounts(thinking: 0, control: 1, answer: 14))
  }

  @Test func `without turns in the vocabulary the prompt is plain text`() async throws {
    let chat = try Self.chat(control: ["<end>"])
    let prepared = try await chat.prepare(.user(" Hi "))
    #expect(chat.tokenizer.decode(prepared.prompt.tokens) == "User: Hi\nAssistant:")
  }

  @Test func `the leading token of a model appears once`() async throws {
    for template in ["{{ messages[0].content }}", "{{ '<s>' + messages[0].content }}"] {
      let chat = try Self.chat(template: template, control: ["<s>"], pre: "llama-bpe")
      #expect(chat.tokenizer.decode(try await chat.prepare(.user("Hi")).prompt.tokens) == "<s>Hi")
    }
  }

  @Test func `the error for an image names the model`() async throws {
    let chat = try Self.chat()
    let error = await #expect(throws: ChatError.self) { try await chat.prepare(.user("Hi", images: [[1, 2, 3]])) }
    #expect("\(try #require(error))" == "image: the model Smol does not support images")
  }
}
