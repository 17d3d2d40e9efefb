// Turns conversations into prompts: template, tokens, images. Immutable and shared by all requests.
import GenerationTypes
import Imaging
import JSON
import Templates
import Text
import Tokenization
import Work

/// The parts of a checkpoint that turn conversations into prompts and tokens into replies.
package final class ChatModel: Sendable {
  /// What a checkpoint defines about chats.
  package struct Configuration: Sendable {
    /// The source of the chat template; nil selects R-4B's form (spec §4.3) if the tokenizer has turns, otherwise a
    /// plain one.
    package var template: String?
    /// The spelling of the image placeholder.
    package var imageToken = "<image>"
    /// Ids that end a reply. If the tokenizer has none of them, `<|im_end|>` and `<|endoftext|>` end it (spec §10.7).
    package var stopTokens: Set<TokenID>
    /// Further variables of the template, such as `bos_token` and `eos_token`, as transformers passes them.
    package var templateVariables: [ExactString: String]
    /// Whether the model was trained with `<think>` at the beginning of the assistant's turn. If the template does not
    /// write it, the prompt is completed.
    package var opensThought: Bool
    /// The number of positions of the context.
    package var contextLength: Int
    package var imageLimits: ImageLimits
    /// The model's name, for errors.
    package var name: String

    package init(
      template: String?, stopTokens: Set<TokenID>, opensThought: Bool, contextLength: Int,
      imageLimits: ImageLimits = ImageLimits(), templateVariables: [ExactString: String] = [:],
      name: String = "loaded"
    ) {
      self.name = name
      (self.template, self.stopTokens, self.opensThought) = (template, stopTokens, opensThought)
      (self.contextLength, self.imageLimits) = (contextLength, imageLimits)
      self.templateVariables = templateVariables
    }
  }

  package let tokenizer: Tokenizer
  package let control: ControlTokens
  let configuration: Configuration
  let imageProcessor: ImageProcessor?
  let imageToken: TokenID?
  let prompter: Prompter
  let forms: FormCompiler
  /// The queue for heavy work, fair between clients.
  let work: WorkQueue

  /// Parses and probes the template. Throws `TemplateError` if it is malformed or prints no message.
  package init(
    tokenizer: Tokenizer, imageProcessor: ImageProcessor?, configuration: Configuration, work: WorkQueue = WorkQueue()
  ) throws(TemplateError) {
    self.tokenizer = tokenizer
    self.work = work
    self.configuration = configuration
    self.imageProcessor = imageProcessor
    imageToken = tokenizer.id(of: configuration.imageToken)
    control = ControlTokens(
      of: tokenizer, stop: Self.stopTokens(tokenizer, configuration.stopTokens), image: imageToken)
    forms = FormCompiler(tokenizer: tokenizer, control: control)
    let spellings = tokenizer.specialTokens.map(\.text) + [configuration.imageToken]
    prompter = try Prompter(
      template: configuration.template
        ?? (tokenizer.id(of: "<|im_start|>") == nil ? Prompter.plainTemplate : Prompter.fallbackTemplate),
      imageToken: configuration.imageToken,
      spellings: spellings, variables: configuration.templateVariables)
  }

  /// Whether the model supports images.
  package var takesImages: Bool { imageProcessor != nil }

  /// Renders and tokenises a conversation and prepares its images. Throws `ChatError`, or `CancellationError` if the
  /// task is cancelled before a long text or an image.
  package func prepare(_ conversation: Conversation) async throws -> PreparedChat {
    try await prepare(conversation, modes: [conversation.mode])[0]
  }

  /// Prepares the same conversation in each of `modes`; its images are prepared once.
  package func prepare(_ conversation: Conversation, modes: [ThinkingMode]) async throws -> [PreparedChat] {
    let variants = modes.map { mode in
      var variant = conversation
      variant.mode = mode
      return variant
    }
    // Rendering runs on a work thread, because a template may take long even for a short text.
    let texts = try await work.run(.text(bytes: prompter.textBytes(of: conversation) * modes.count)) { _ in
      try variants.map { try self.encode($0) }
    }
    let form = try await self.form(of: conversation.answer)
    let images = try await prepareImages(of: conversation, beside: texts.map(\.count).min() ?? 0)
    return try zip(variants, texts).map { try prepared($0, text: $1, images, form) }
  }

  private func prepared(
    _ conversation: Conversation, text: [TokenID], _ images: [PreparedImage], _ form: FormCompiler.Form
  ) throws(ChatError) -> PreparedChat {
    var (tokens, placed) = try place(images, in: text)
    if let completion = completion(after: tokens, for: conversation.mode) { tokens += tokenizer.encode(completion) }
    return PreparedChat(
      prompt: Prompt(tokens: tokens, images: placed), mode: conversation.mode, start: replyStart(after: tokens),
      tokenizer: tokenizer, control: control, constraint: form.constraint, loose: form.loose,
      tools: conversation.answer.tools)
  }

  /// Compiles the form of an answer on a work thread.
  func form(of answer: AnswerForm, isWhole: Bool = false) async throws -> FormCompiler.Form {
    if answer.text == nil, answer.tools == nil { return FormCompiler.Form() }
    return try await work.run(.long) { budget in
      try self.forms.form(of: answer, isWhole: isWhole, shouldStop: { budget.shouldStop })
    }
  }

  /// Returns the text that the template prints, with one placeholder per image.
  package func render(_ conversation: Conversation) throws(ChatError) -> String {
    try prompter.render(conversation).text
  }

  /// Returns the text and bytes of a token, for log-probabilities. Incomplete UTF-8 becomes U+FFFD.
  package func text(of id: TokenID) -> (string: String, bytes: [UInt8]) {
    let bytes = tokenizer.bytes(of: id)
    return (String(decoding: bytes, as: UTF8.self), bytes)
  }

  /// Returns the tokens of the conversation, with one placeholder per image.
  func encode(_ conversation: Conversation) throws(ChatError) -> [TokenID] {
    let (rendered, literal) = try prompter.render(conversation)
    let limit = configuration.contextLength
    guard
      let tokens = tokenizer.encode(rendered, literal: literal, limit: limit, shouldStop: { WorkContext.shouldStop })
    else {
      throw .tooLong(limit: limit)
    }
    guard let leading = tokenizer.leadingToken, tokens.first != leading else { return tokens }
    return [leading] + tokens
  }

  private static func stopTokens(_ tokenizer: Tokenizer, _ stated: Set<TokenID>) -> Set<TokenID> {
    let known = stated.filter { $0 >= 0 && Int($0) < tokenizer.vocabularySize }
    return known.isEmpty ? Set(["<|im_end|>", "<|endoftext|>"].compactMap(tokenizer.id)) : known
  }

  private var tags: ThinkingTokens { control.thinking }

  /// Returns where the reply begins: a thinking tag at the end of the prompt decides, apart from white space.
  private func replyStart(after tokens: [TokenID]) -> ReplyStart {
    guard let last = tokens.last(where: { !tokenizer.isWhitespace($0) }) else { return .beforeThought }
    if last == tags.open { return .insideThought }
    return last == tags.close ? .answer : .beforeThought
  }

  /// Returns what a template without support for `thinking_mode` omits from the assistant's turn (spec §4.1).
  func completion(after tokens: [TokenID], for mode: ThinkingMode) -> String? {
    guard configuration.opensThought, tags.open != nil, tags.close != nil else { return nil }
    switch (mode, replyStart(after: tokens)) {
    case (.short, .beforeThought): return "<think>\n\n</think>\n\n"
    case (.short, .insideThought): return tokens.last == tags.open ? "\n\n</think>\n\n" : "\n</think>\n\n"
    case (.long, .beforeThought): return "<think>\n"
    case (.long, .insideThought): return tokens.last == tags.open ? "\n" : nil
    case (.auto, .beforeThought): return "<think>"
    default: return nil
    }
  }
}
