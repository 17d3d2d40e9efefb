// A conversation becomes a prompt: template, tokens, images at their places. Immutable and shared by all requests.
import GenerationTypes
import Imaging
import JSON
import Templates
import Text
import Tokenization
import Work

/// Everything of a checkpoint that turns conversations into prompts and tokens into replies.
package final class ChatModel: Sendable {
  /// What a checkpoint says about chatting.
  package struct Configuration: Sendable {
    /// The source of the chat template; nil takes R-4B's form from spec §4.3 where the tokenizer has its tags, else a plain one.
    package var template: String?
    /// Spelling of the image placeholder.
    package var imageToken = "<image>"
    /// Ids that end a reply. Where none of them is the tokenizer's, `<|im_end|>` and `<|endoftext|>` do (spec §10.7).
    package var stopTokens: Set<TokenID>
    /// Variables of the template besides the conversation: `bos_token`, `eos_token` and so on, as transformers passes them.
    package var templateVariables: [ExactString: String]
    /// Whether the model was trained with the assistant's turn opened by `<think>`, so that a template which does not
    /// open it is completed.
    package var opensThought: Bool
    /// Places that a prompt may take.
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
  /// Does what takes long, in turns that are fair to clients.
  let work: WorkQueue

  /// Parses the template. Throws `TemplateError` when it is malformed.
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

  /// Whether conversations may have images.
  package var takesImages: Bool { imageProcessor != nil }

  /// Renders, tokenises and prepares the images. Throws `ChatError`, or `CancellationError` before a long text or an image.
  package func prepare(_ conversation: Conversation) async throws -> PreparedChat {
    try await prepare(conversation, modes: [conversation.mode])[0]
  }

  /// The same conversation in each of `modes`, whatever its own; its images are decoded and cut once.
  package func prepare(_ conversation: Conversation, modes: [ThinkingMode]) async throws -> [PreparedChat] {
    let variants = modes.map { mode in
      var variant = conversation
      variant.mode = mode
      return variant
    }
    // A template may take long over a short text, so that none is rendered on the caller's thread.
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
    let imageTokens = placed.reduce(0) { $0 + $1.image.layout.tokenCount }
    return PreparedChat(
      prompt: Prompt(tokens: tokens, images: placed), textTokens: tokens.count - imageTokens,
      imageTokens: imageTokens,
      mode: conversation.mode, start: replyStart(after: tokens),
      tools: conversation.answer.tools, form: form, model: self)
  }

  /// What the answer is kept to. A schema may take a while to compile.
  func form(of answer: AnswerForm, isWhole: Bool = false) async throws -> FormCompiler.Form {
    if answer.text == nil, answer.tools == nil { return FormCompiler.Form() }
    return try await work.run(.long) { budget in
      try self.forms.form(of: answer, isWhole: isWhole, shouldStop: { budget.shouldStop })
    }
  }

  /// The prompt's text for a conversation, image placeholders unexpanded.
  package func render(_ conversation: Conversation) throws(ChatError) -> String {
    try prompter.render(conversation).text
  }

  /// A token's text and bytes, for log-probabilities. Incomplete UTF-8 shows as replacement characters.
  package func text(of id: TokenID) -> (string: String, bytes: [UInt8]) {
    let bytes = tokenizer.bytes(of: id)
    return (String(decoding: bytes, as: UTF8.self), bytes)
  }

  /// The conversation's tokens, image placeholders unexpanded.
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

  /// Decodes and cuts every image, after checking from the headers that all of them fit the context. `tokens` are those of the
  /// text, one for each image among them.
  private func prepareImages(of conversation: Conversation, beside tokens: Int) async throws -> [PreparedImage] {
    var parts: [(bytes: [UInt8], view: ImageProcessor.View, field: String)] = []
    for message in conversation.messages {
      for case .image(let bytes, let detail, let field) in message.parts {
        parts.append((bytes, detail == .low ? .low : .full, field))
      }
    }
    guard let first = parts.first else { return [] }
    guard let imageProcessor else { throw ChatError.imagesUnsupported(field: first.field, model: configuration.name) }
    let limits = configuration.imageLimits
    // The stored size: a turned image's layout may differ by a few places, which the engine's own check sees. Headers of GIF files are
    // as long as their author likes.
    let places = try await work.run(.text(bytes: parts.reduce(0) { $0 + $1.bytes.count })) { [parts] _ in
      var places = 0
      for part in parts {
        do {
          let size = try ImageDecoder.check(part.bytes, limits)
          places += imageProcessor.layout(width: size.width, height: size.height, view: part.view).tokenCount
        } catch let error as ImageError { throw ChatError.image(field: part.field, error) }
      }
      return places
    }
    if places > configuration.contextLength {
      throw ChatError.tooManyImageTokens(
        text: max(0, tokens - parts.count), images: places, limit: configuration.contextLength)
    }
    var images: [PreparedImage] = []
    for part in parts {
      do {
        images.append(
          try await work.run(.image) { budget in
            let decoded = try ImageDecoder.decode(part.bytes, limits: limits) { budget.shouldStop }
            var image = imageProcessor.prepare(decoded, view: part.view)
            image.digest = ContentDigest(of: image)
            return image
          })
      } catch let error as ImageError { throw ChatError.image(field: part.field, error) }
    }
    return images
  }

  /// Expands each image placeholder into its image's places.
  private func place(_ images: [PreparedImage], in tokens: [TokenID]) throws(ChatError) -> ([TokenID], [Prompt.Image]) {
    let found = imageToken.map { image in tokens.count { $0 == image } } ?? 0
    if found != images.count {
      throw .template("the chat template wrote \(found) image places for \(images.count) images")
    }
    guard let imageToken, found > 0 else { return (tokens, []) }
    var expanded: [TokenID] = []
    var placed: [Prompt.Image] = []
    for token in tokens {
      if token == imageToken {
        let image = images[placed.count]
        placed.append(Prompt.Image(image: image, position: expanded.count))
        expanded += repeatElement(imageToken, count: image.layout.tokenCount)
      } else {
        expanded.append(token)
      }
    }
    return (expanded, placed)
  }

  private var tags: ThinkingTokens { control.thinking }

  /// Reads the prompt's tail: the last thinking tag decides, with nothing but white space behind it.
  private func replyStart(after tokens: [TokenID]) -> ReplyStart {
    guard let last = tokens.last(where: { !tokenizer.isWhitespace($0) }) else { return .beforeThought }
    if last == tags.open { return .insideThought }
    return last == tags.close ? .answer : .beforeThought
  }

  /// What a template that does not know `thinking_mode` left out of the assistant's turn (spec §4.1).
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

/// A prompt that is ready for the engine, and how to read the reply.
package struct PreparedChat: Sendable {
  package let prompt: Prompt
  /// Prompt tokens that are not image places.
  package let textTokens: Int
  package let imageTokens: Int
  package let mode: ThinkingMode
  package let start: ReplyStart
  /// The form of the answer; nil leaves it free.
  package let constraint: (any TokenConstraint)?
  /// Paths of schemas in the request that the answer is not held to.
  package let loose: [String]
  /// Names of the tools that the answer may call.
  private let tools: [String]
  /// Whether the answer must call one of them.
  private let mustCall: Bool
  /// The beginning of a character at the prompt's end, where the reply's text follows the prompt's.
  private let unfinished: [UInt8]
  private let model: ChatModel

  init(
    prompt: Prompt, textTokens: Int, imageTokens: Int = 0, mode: ThinkingMode, start: ReplyStart,
    tools: ToolUse? = nil, form: FormCompiler.Form, unfinished: [UInt8] = [], model: ChatModel
  ) {
    (self.prompt, self.textTokens, self.imageTokens) = (prompt, textTokens, imageTokens)
    (self.mode, self.start, self.model) = (mode, start, model)
    (constraint, loose, self.unfinished) = (form.constraint, form.loose, unfinished)
    self.tools = tools?.callable.map(\.name) ?? []
    mustCall = tools?.isOwed ?? false
  }

  package var control: ControlTokens { model.control }

  /// Whether the reply's first token decides about thinking.
  package var decides: Bool { mode == .auto && start == .insideThought }

  /// A parser for one reply.
  package func makeParser(stopStrings: [String] = []) -> ReplyParser {
    ReplyParser(
      start: start, tokenizer: model.tokenizer, control: model.control, stopStrings: stopStrings,
      tools: tools, mustCall: mustCall, unfinished: unfinished)
  }
}
