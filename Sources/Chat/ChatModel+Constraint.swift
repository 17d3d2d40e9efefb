// The form of an answer as what the engine keeps tokens to.
import GenerationTypes

extension ChatModel {
  /// What keeps the answer to `form`; nil where it is free.
  func constraint(of form: AnswerForm) async throws -> (any TokenConstraint)? { nil }
}
