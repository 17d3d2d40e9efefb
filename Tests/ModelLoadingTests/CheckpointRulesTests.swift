import Chat
import Foundation
import GenerationTypes
import Imaging
import JSON
import ModelFiles
import ModelLoading
import Testing
import Tokenization
import Work

extension Checkpoint {
  fileprivate func chat() throws -> ChatModel {
    try makeChatModel(name: "test", imageLimits: ImageLimits(), work: WorkQueue())
  }
}

@Suite struct `The tokenizer of a checkpoint` {
  @Test func `is that of tokenizer.json, and the same as a GGUF vocabulary`() throws {
    let checkpoint = try RTinyCopy().open()
    let tokenizer = try checkpoint.makeTokenizer()
    let same = try Tokenizer(vocabulary: checkpoint.makeVocabulary())
    let text = "What is in the image? 12 <|im_end|>"
    #expect(tokenizer.encode(text, literal: []) == same.encode(text, literal: []))
    #expect(tokenizer.vocabularySize <= checkpoint.configuration.text.vocabularySize)
  }

  @Test func `is named by its file where it cannot be read`() throws {
    let copy = try RTinyCopy()
    try copy.write("tokenizer.json", #"{"model": {"type": "WordPiece"}}"#)
    let checkpoint = try copy.open()
    for message in [message { _ = try checkpoint.makeTokenizer() }, message { _ = try checkpoint.makeVocabulary() }] {
      #expect(message.hasPrefix("\(copy.path)/tokenizer.json: "), "\(message)")
    }
  }

  @Test func `must have an embedding row for each id`() throws {
    let copy = try RTinyCopy()
    try copy.replace("\"content\": \"<image>\"", by: "\"content\": \"<other>\"", in: "tokenizer.json")
    var document = try JSONValue(
      parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: copy.path + "/tokenizer.json"))))
    var object = try #require(document.object)
    var added = try #require(object["added_tokens"]?.array)
    var last = try #require(added.last?.object)
    last["id"] = 640
    last["content"] = "<beyond>"
    added.append(.object(last))
    object["added_tokens"] = .array(added)
    document = .object(object)
    try copy.write("tokenizer.json", String(decoding: document.encoded, as: UTF8.self))
    let checkpoint = try copy.open()
    let message = message { _ = try checkpoint.chat() }
    #expect(
      message
        == "\(copy.path)/tokenizer.json: token ids must be below the model's 640 embedding rows, the largest is 640")
  }

  @Test func `must have the image token of a model with vision, with the configuration's id`() throws {
    let other = try RTinyCopy()
    try other.replace("\"image_token_index\": 624", by: "\"image_token_index\": 5", in: "config.json")
    let checkpoint = try other.open()
    let mismatch = message { _ = try checkpoint.chat() }
    #expect(mismatch == "\(other.path): image_token_index is 5, but the tokenizer's <image> has the id 624")
    let without = try RTinyCopy()
    try without.replace("<image>", by: "<thing>", in: "tokenizer.json")
    let textual = try without.open()
    #expect(message { _ = try textual.chat() }.contains("needs the token <image>"))
  }
}

@Suite struct `Chat with a checkpoint` {
  @Test func `takes stop tokens from its files, and tags from its tokenizer`() throws {
    let chat = try RTinyCopy().open().chat()
    #expect(chat.control.stop == [619, 621])
    #expect(chat.control.thinking.open != nil && chat.control.thinking.close != nil)
    #expect(chat.takesImages)
  }

  @Test func `needs a token that ends replies`() throws {
    let copy = try RTinyCopy()
    for name in ["<|im_end|>", "<|endoftext|>"] {
      try copy.replace(name, by: name.replacing("end", with: "xxx"), in: "tokenizer.json")
    }
    try copy.write("generation_config.json", #"{"eos_token_id": []}"#)
    try copy.replace("\"eos_token_id\": 621", by: "\"eos_token_id\": []", in: "config.json")
    let checkpoint = try copy.open()
    #expect(message { _ = try checkpoint.chat() }.contains("replies would not end"))
  }

  @Test func `names the file of a malformed template`() throws {
    let copy = try RTinyCopy()
    try copy.write("chat_template.jinja", "{% for %}")
    let checkpoint = try copy.open()
    #expect(message { _ = try checkpoint.chat() }.hasPrefix("\(copy.path): chat template (chat_template.jinja): "))
    let gguf = try Checkpoint(path: copy.writeGGUF(template: "{% for %}"))
    #expect(message { _ = try gguf.chat() }.contains("text.gguf: chat template (tokenizer.chat_template): "))
  }

  @Test func `opens the thought for models with vision, or with R-4B's template`() throws {
    let copy = try RTinyCopy()
    #expect(try copy.open().opensThought)
    let plain = try Checkpoint(path: copy.writeGGUF(template: "{{ messages[0].content }}"))
    #expect(!plain.opensThought)
    let modes = try Checkpoint(path: copy.writeGGUF(template: "{{ thinking_mode }}"))
    #expect(modes.opensThought)
    let none = try Checkpoint(path: copy.writeGGUF(template: nil))
    #expect(!none.opensThought)
  }

  @Test func `samples only where generation_config.json has do_sample`() throws {
    let copy = try RTinyCopy()
    func sampling(_ text: String) throws -> SamplingParameters {
      try copy.write("generation_config.json", text)
      return try copy.open().defaultSampling
    }
    func expect(
      _ sampling: SamplingParameters, temperature: Float, topK: Int, topP: Float, minP: Float, penalty: Float = 1
    ) {
      #expect(sampling.temperature == temperature && sampling.topK == topK)
      #expect(sampling.topP == topP && sampling.minP == minP && sampling.repetitionPenalty == penalty)
    }
    let greedy = SamplingParameters()
    func expectGreedy(_ sampling: SamplingParameters, penalty: Float) {
      expect(
        sampling, temperature: greedy.temperature, topK: greedy.topK, topP: greedy.topP, minP: greedy.minP,
        penalty: penalty)
    }
    #expect(greedy.temperature == 0)
    expectGreedy(try copy.open().defaultSampling, penalty: 1)
    expectGreedy(try sampling(#"{"temperature": 0.5, "top_k": 5, "repetition_penalty": 1.5}"#), penalty: 1.5)
    expectGreedy(try sampling(#"{"do_sample": false, "temperature": 0.5}"#), penalty: 1)
    expect(try sampling(#"{"do_sample": true}"#), temperature: 1, topK: 50, topP: 1, minP: 0)
    expect(
      try sampling(
        #"{"do_sample": true, "temperature": 0.5, "top_k": 7, "top_p": 0.25, "min_p": 0.125, "repetition_penalty": 1.5}"#
      ),
      temperature: 0.5, topK: 7, topP: 0.25, minP: 0.125, penalty: 1.5)
  }
}

@Suite struct `Images of a checkpoint` {
  @Test func `are cut into tiles, and a model of text alone takes none`() throws {
    let copy = try RTinyCopy()
    let tiled = try copy.open()
    #expect(try tiled.makeImageProcessor() != nil)
    #expect(
      tiled.imageTokens == "16 + h * (w + 1), h and w the kept rows and columns of the tile grid in patches of 14 px")
    let textual = try Checkpoint(path: copy.writeGGUF(template: nil))
    #expect(try textual.makeImageProcessor() == nil && textual.imageTokens == nil)
  }
}
