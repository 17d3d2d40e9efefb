// What one reply said, gathered for a response in one document.
import Chat
import GenerationTypes

/// The text of one reply in order, and its tokens where they are needed.
struct ReplyTranscript: Sendable {
  enum Kind: Sendable {
    case thought, content
    case call(id: String, name: String)
  }

  /// Consecutive text of one kind; of a call, its arguments.
  struct Block: Sendable {
    let kind: Kind
    var text: String
    /// Where the tokens of the text are in `tokens`.
    var tokens: Range<Int>
  }

  private(set) var blocks: [Block] = []
  private(set) var tokens: [GeneratedToken] = []
  /// The first token whose text has not come.
  private var pending = 0

  var thought: String { blocks.reduce(into: "") { if case .thought = $1.kind { $0 += $1.text } } }
  var content: String { blocks.reduce(into: "") { if case .content = $1.kind { $0 += $1.text } } }
  var calls: [(id: String, name: String, arguments: String)] {
    blocks.compactMap { block in
      if case .call(let id, let name) = block.kind { (id, name, block.text) } else { nil }
    }
  }

  /// Adds text, and the tokens since the last addition.
  mutating func append(_ pieces: [ReplyPiece], _ new: [GeneratedToken]) {
    tokens += new
    if pieces.isEmpty { return }
    let own = pending..<tokens.count
    pending = tokens.count
    for piece in pieces {
      switch (piece, blocks.last?.kind) {
      case (.thinking(let text), .thought), (.content(let text), .content), (.toolArguments(_, let text), .call):
        blocks[blocks.count - 1].text += text
        blocks[blocks.count - 1].tokens = blocks[blocks.count - 1].tokens.lowerBound..<own.upperBound
      case (.thinking(let text), _): blocks.append(Block(kind: .thought, text: text, tokens: own))
      case (.content(let text), _): blocks.append(Block(kind: .content, text: text, tokens: own))
      case (.toolCall(_, let name), _):
        blocks.append(Block(kind: .call(id: Self.callID(), name: name), text: "", tokens: own))
      case (.toolArguments, _): break
      }
    }
  }

  /// About how many bytes the reply takes in a document; a log-probability takes some hundred.
  var size: Int {
    blocks.reduce(0) { $0 + $1.text.utf8.count } + tokens.reduce(0) { $0 + 128 * (1 + $1.top.count) }
  }

  /// An id that no other call has.
  static func callID() -> String { "call_" + RequestID.random() }
}
