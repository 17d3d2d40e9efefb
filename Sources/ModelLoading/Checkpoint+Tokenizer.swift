// The tokenizer of a checkpoint, and its checks against the model.
import ModelFiles
import Tokenization

extension Checkpoint {
  /// The checkpoint's own tokenizer, from `tokenizer.json` or from the metadata of a GGUF file.
  package func makeTokenizer() throws(ModelLoadingError) -> Tokenizer {
    do throws(TokenizerError) {
      switch tokenizer {
      case .json(let bytes, _): return try Tokenizer(json: bytes)
      case .vocabulary(let vocabulary): return try Tokenizer(vocabulary: vocabulary)
      }
    } catch {
      throw ModelLoadingError(error, file: tokenizer.file)
    }
  }

  /// The same tokenizer as GGUF files hold it.
  package func makeVocabulary() throws(ModelLoadingError) -> TokenizerVocabulary {
    switch tokenizer {
    case .vocabulary(let vocabulary): return vocabulary
    case .json(let bytes, let path):
      do throws(TokenizerError) { return try TokenizerVocabulary(tokenizerJSON: bytes) } catch {
        throw ModelLoadingError(error, file: path)
      }
    }
  }

  /// Throws when the tokenizer has ids without a row in the embedding, or another image token than the configuration
  /// (spec §5.3, §10.4).
  func check(_ tokenizer: Tokenizer) throws(ModelLoadingError) {
    let rows = configuration.text.vocabularySize
    guard tokenizer.vocabularySize <= rows else {
      throw ModelLoadingError(
        file: self.tokenizer.file,
        reason: "token ids must be below the model's \(rows) embedding rows, the largest is "
          + "\(tokenizer.vocabularySize - 1)")
    }
    if configuration.vision == nil { return }
    guard let image = tokenizer.id(of: Self.imageToken) else {
      throw ModelLoadingError(
        file: self.tokenizer.file, reason: "the tokenizer of a model with vision needs the token \(Self.imageToken)")
    }
    if let index = configuration.imageTokenIndex, index != Int(image) {
      throw ModelLoadingError(
        file: path,
        reason: "image_token_index is \(index), but the tokenizer's \(Self.imageToken) has the id \(image)")
    }
  }

  /// The spelling of the image placeholder in prompts.
  static let imageToken = "<image>"
}

extension ModelLoadingError {
  fileprivate init(_ error: TokenizerError, file: String) {
    self.init(file: file, reason: error.path.isEmpty ? error.reason : "\(error.path): \(error.reason)")
  }
}
