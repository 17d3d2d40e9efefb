// A prompt that is ready for the engine, and how to read its reply. A plain value: tests construct one from a
// tokenizer.
import GenerationTypes
import Tokenization

/// A prompt and everything that is needed to generate and to read a reply to it.
package struct PreparedChat: Sendable {
  package let prompt: Prompt
  /// The mode that the prompt was rendered in.
  package let mode: ThinkingMode
  /// Where the reply begins.
  package let start: ReplyStart
  package let control: ControlTokens
  /// The form of the answer; nil for free text.
  package let constraint: (any TokenConstraint)?
  /// Paths of the schemas in the request that the answer is not held to.
  package let loose: [String]
  /// Names of the tools that the answer may call.
  private let tools: [String]
  /// Whether the answer must call a tool.
  private let mustCall: Bool
  /// The first bytes of a character that the prompt ends within; the reply's text continues it.
  private let unfinished: [UInt8]
  private let tokenizer: Tokenizer

  /// A chat whose reply `tokenizer` and `control` read. `tools` are those of the request; `unfinished` holds the bytes
  /// of a character that ends the prompt and that the reply may complete.
  package init(
    prompt: Prompt, mode: ThinkingMode, start: ReplyStart, tokenizer: Tokenizer, control: ControlTokens,
    constraint: (any TokenConstraint)? = nil, loose: [String] = [], tools: ToolUse? = nil, unfinished: [UInt8] = []
  ) {
    (self.prompt, self.mode, self.start) = (prompt, mode, start)
    (self.tokenizer, self.control) = (tokenizer, control)
    (self.constraint, self.loose, self.unfinished) = (constraint, loose, unfinished)
    self.tools = tools?.callable.map(\.name) ?? []
    mustCall = tools?.isOwed ?? false
  }

  package var textTokens: Int { prompt.textTokens }
  package var imageTokens: Int { prompt.imageTokens }

  /// Whether the reply's first token decides about thinking.
  package var decides: Bool { mode == .auto && start == .insideThought }

  /// Returns a parser for one reply.
  package func makeParser(stopStrings: [String] = []) -> ReplyParser {
    ReplyParser(
      start: start, tokenizer: tokenizer, control: control, stopStrings: stopStrings, tools: tools, mustCall: mustCall,
      unfinished: unfinished)
  }
}
