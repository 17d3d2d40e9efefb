// Pictures by URL of a valid request: fetched last, so that nothing goes out for a request that is refused anyway.
import Chat
import Fetching
import Scheduling

extension ChatCompletions {
  /// The conversation ready for the engine, its pictures fetched. They are held only until it is prepared.
  func prepare(_ wanted: ChatCompletionRequest, _ record: RequestRecord) async throws -> any PreparedConversation {
    let references = wanted.references
    // A model without pictures refuses them by name; fetching them would be in vain.
    guard !references.isEmpty, chat.takesPictures, let pictures = configuration.pictures else {
      return try await chat.prepareReply(to: wanted.conversation)
    }
    if let refusal = engine.refusal { throw APIError(refusal, param: "messages") }
    do {
      return try await pictures.withPictures(at: references.map(\.location)) { bytes in
        var conversation = wanted.conversation
        conversation.fill(references, with: bytes)
        return try await chat.prepareReply(to: conversation)
      }
    } catch let failure as PictureFailure {
      if case .failed(let reason) = failure.error { record.note { $0.detail = "picture: \(reason)" } }
      throw APIError(failure.error, field: references[failure.index].field)
    }
  }
}
