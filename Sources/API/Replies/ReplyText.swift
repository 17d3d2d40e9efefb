// The texts of one reply, gathered for a response in one document.
import Chat
import GenerationTypes

/// What one reply said.
struct ReplyText: Sendable {
  struct Call: Sendable {
    var id: String
    var name: String
    var arguments = ""
  }

  private(set) var thought = "", content = ""
  private(set) var calls: [Call] = []

  mutating func append(_ piece: ReplyPiece) {
    switch piece {
    case .thinking(let text): thought += text
    case .content(let text): content += text
    case .toolCall(_, let name): calls.append(Call(id: Self.callID(), name: name))
    case .toolArguments(let index, let text): if calls.indices.contains(index) { calls[index].arguments += text }
    }
  }

  /// About how many bytes the document of these replies takes; a log-probability is some hundred.
  static func size(_ texts: [ReplyText], _ tokens: [[GeneratedToken]]) -> Int {
    let text = texts.reduce(0) { $0 + $1.thought.utf8.count + $1.content.utf8.count }
    return text + tokens.reduce(0) { $0 + $1.reduce(0) { $0 + 128 * (1 + $1.top.count) } }
  }

  /// An id that no other call has.
  static func callID() -> String { "call_" + RequestID.random() }
}
