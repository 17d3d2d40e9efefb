// How a checkpoint chats: template, stop tokens, thinking, default sampling.
import Chat
import GenerationTypes
import Imaging
import ModelFiles
import Templates
import Text
import Tokenization
import Work

extension Checkpoint {
  /// Tokenizer, template and image processor, checked against each other. `name` is for errors.
  package func makeChatModel(name: String, imageLimits: ImageLimits, work: WorkQueue) throws(ModelLoadingError)
    -> ChatModel
  {
    let tokenizer = try makeTokenizer()
    try check(tokenizer)
    let configuration = ChatModel.Configuration(
      template: chatTemplate, stopTokens: Set(generation.endOfSequence.map(TokenID.init)), opensThought: opensThought,
      contextLength: self.configuration.maxPositions, imageLimits: imageLimits, templateVariables: namedTokens,
      name: name)
    let images = try makeImageProcessor()
    let chat: ChatModel
    do throws(TemplateError) {
      chat = try ChatModel(tokenizer: tokenizer, imageProcessor: images, configuration: configuration, work: work)
    } catch {
      throw ModelLoadingError(file: path, reason: "chat template (\(chatTemplateLocation)): \(error)")
    }
    guard !chat.control.stop.isEmpty else {
      throw ModelLoadingError(
        file: path,
        reason: "replies would not end: no file names an end-of-text token, and the tokenizer has no <|im_end|>")
    }
    return chat
  }

  /// Whether the model was trained with the assistant's turn opened by `<think>`, as R-4B is: it has a vision tower, or
  /// its template knows R-4B's thinking modes.
  package var opensThought: Bool {
    configuration.vision != nil || chatTemplate?.contains(exactly: "thinking_mode") == true
  }

  /// The file, or the key of a GGUF file, that holds the chat template.
  private var chatTemplateLocation: String {
    if case .vocabulary = tokenizer { "tokenizer.chat_template" } else { "chat_template.jinja" }
  }

  /// The sampling that `generation_config.json` asks for. As in transformers, only `do_sample` turns sampling on;
  /// without it replies are greedy, and missing values are 1, 50, 1 and 0.
  package var defaultSampling: SamplingParameters {
    var sampling = SamplingParameters()
    sampling.repetitionPenalty = Float(generation.repetitionPenalty ?? 1)
    guard generation.doSample == true else { return sampling }
    sampling.temperature = Float(generation.temperature ?? 1)
    sampling.topK = generation.topK ?? 50
    sampling.topP = Float(generation.topP ?? 1)
    sampling.minP = Float(generation.minP ?? 0)
    return sampling
  }
}
