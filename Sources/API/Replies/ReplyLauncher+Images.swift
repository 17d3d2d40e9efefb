// Images by URL of a valid request: fetched last, so that nothing goes out for a request that is refused anyway.
import Chat
import Fetching
import GenerationTypes
import Scheduling

extension ReplyLauncher {
  /// The conversation ready for the engine, its images fetched. They are held only until it is prepared; `prompt` is the field
  /// that it came in.
  func prepare(
    _ conversation: Conversation, _ references: [ImageReference], _ record: RequestRecord, prompt: String = "messages"
  ) async throws -> any PreparedConversation {
    try await prepare(conversation, references, modes: [conversation.mode], record, prompt: prompt)[0]
  }

  /// The same in each of `modes`, whatever the conversation's own.
  func prepare(
    _ conversation: Conversation, _ references: [ImageReference], modes: [ThinkingMode], _ record: RequestRecord,
    prompt: String = "messages"
  ) async throws -> [any PreparedConversation] {
    do {
      return try await fetching(references, for: conversation, modes, record)
    } catch let error as ChatError {
      throw APIError(error, prompt: prompt)
    } catch let failure as ImageFailure {
      if case .failed(let reason) = failure.error { record.note { $0.detail = "image: \(reason)" } }
      throw APIError(failure.error, field: references[failure.index].field)
    }
  }

  private func fetching(
    _ references: [ImageReference], for conversation: Conversation, _ modes: [ThinkingMode], _ record: RequestRecord
  ) async throws -> [any PreparedConversation] {
    // A model without images refuses them by name; fetching them would be in vain.
    guard !references.isEmpty, chat.takesImages, let images = configuration.images else {
      return try await chat.prepareReplies(to: conversation, modes: modes)
    }
    if let refusal = engine.refusal { throw APIError(refusal, param: "messages") }
    return try await images.withImages(at: references.map(\.location)) { bytes in
      var filled = conversation
      filled.fill(references, with: bytes)
      return try await chat.prepareReplies(to: filled, modes: modes)
    }
  }
}
