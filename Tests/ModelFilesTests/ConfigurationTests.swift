import Foundation
import JSON
import ModelFiles
import Testing
import Text

@Suite struct `Configuration files` {
  @Test func `R-4B's shape has the published number of parameters`() {
    let configuration = RConfiguration(
      text: TextConfiguration(
        hiddenSize: 2560, layerCount: 36, headCount: 32, kvHeadCount: 8, headDimension: 128, intermediateSize: 9728,
        vocabularySize: 151_936, ropeTheta: 1e6, rmsNormEpsilon: 1e-6, maxPositions: 40960, tied: false),
      vision: VisionConfiguration(
        hiddenSize: 1152, layerCount: 26, headCount: 16, intermediateSize: 4304, imageSize: 384, patchSize: 14,
        channelCount: 3, layerNormEpsilon: 1e-6),
      imageTokenIndex: 151_669, visionAspectRatio: .anyres(maxPatches: nil),
      imageGridPinpoints: RConfiguration.defaultPinpoints(imageSize: 384), maxPositions: 32768)
    let parameters = configuration.requiredTensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    let postNorm = 2 * 1152
    #expect(parameters + postNorm == 4_818_684_704)
    #expect(configuration.vision?.patchCount == 729)
  }

  @Test func `missing files and keys have the documented values`() throws {
    var tiny = TinyCheckpoint()
    for key in ["image_token_index", "projector_hidden_act", "vision_feature_layer", "vision_aspect_ratio"] {
      tiny.set(key, nil)
    }
    tiny.set("text_config.rope_theta", nil)
    tiny.set("text_config.rope_scaling", .null)
    let checkpoint = try tiny.write().open()
    let configuration = checkpoint.configuration
    #expect(configuration.imageTokenIndex == nil)
    #expect(configuration.visionAspectRatio == .anyres(maxPatches: nil))
    #expect(configuration.imageGridPinpoints.map(\.height) == [5, 10, 10, 15, 5])
    #expect(configuration.imageGridPinpoints.map(\.width) == [10, 5, 10, 5, 15])
    #expect(configuration.text.ropeTheta == 10000)
    #expect(configuration.text.rmsNormEpsilon == 1e-6)
    #expect(configuration.vision?.layerNormEpsilon == 1e-6)
    #expect(
      checkpoint.preprocessor
        == PreprocessorConfiguration(
          mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], rescaleFactor: 1 / 255, resample: 2,
          size: PixelSize(height: 5, width: 5), pinpoints: configuration.imageGridPinpoints))
    // Qwen3's stop tokens lie beyond this vocabulary of ten.
    #expect(checkpoint.generation == GenerationConfiguration(endOfSequence: []))
  }

  @Test func `image settings come from processor_config, which has precedence, and a note names their source`() throws {
    var tiny = TinyCheckpoint()
    #expect(try tiny.write().open().notes.contains { $0.contains("SigLIP's default values") })
    let settings = #"{"image_mean": [0.1, 0.2, 0.3], "resample": 3, "image_grid_pinpoints": [[10, 15]]}"#
    tiny.file("processor_config.json", #"{"image_processor": \#(settings), "processor_class": "RProcessor"}"#)
    var checkpoint = try tiny.write().open()
    #expect(checkpoint.preprocessor?.mean == [0.1, 0.2, 0.3] && checkpoint.preprocessor?.resample == 3)
    #expect(
      checkpoint.configuration.imageGridPinpoints == [PixelSize(height: 10, width: 15)] && checkpoint.notes.isEmpty)
    // Equal values in another order need no note.
    tiny.file(
      "preprocessor_config.json", #"{"resample": 3, "image_grid_pinpoints": [[10, 15]], "image_mean": [0.1, 0.2, 0.3]}"#
    )
    #expect(try tiny.write().open().notes.isEmpty)
    tiny.file("preprocessor_config.json", #"{"image_mean": [0.9, 0.9, 0.9], "resample": 0}"#)
    checkpoint = try tiny.write().open()
    #expect(checkpoint.preprocessor?.mean == [0.1, 0.2, 0.3] && checkpoint.preprocessor?.resample == 3)
    #expect(checkpoint.notes.count == 1 && checkpoint.notes[0].contains("different image settings"))
    // Files of version 4 contain no image settings.
    tiny.file("processor_config.json", #"{"processor_class": "RProcessor"}"#)
    checkpoint = try tiny.write().open()
    #expect(checkpoint.preprocessor?.mean == [0.9, 0.9, 0.9] && checkpoint.notes.isEmpty)
  }

  @Test(arguments: [
    (#"{"image_processor": {"resample": 6}}"#, "processor_config.json: image_processor.resample: expected"),
    (#"{"image_processor": []}"#, "image_processor: expected an object"),
    (#"[]"#, "processor_config.json: expected a JSON object"),
  ])
  func `an error in processor_config names its key`(text: String, words: String) throws {
    var tiny = TinyCheckpoint()
    tiny.file("processor_config.json", text)
    let directory = try tiny.write()
    let error = #expect(throws: ModelFileError.self) { try directory.open() }
    #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(String(describing: error))")
  }

  @Test func `an id that means none is no token`() throws {
    for none in ["-1", "4294967295"] {
      var tiny = TinyCheckpoint()
      tiny.set("eos_token_id", 1)
      tiny.file("generation_config.json", #"{"eos_token_id": \#(none), "pad_token_id": \#(none)}"#)
      #expect(try tiny.write().open().generation == GenerationConfiguration(endOfSequence: [1]))
      tiny.file("generation_config.json", #"{"eos_token_id": [3, \#(none)]}"#)
      #expect(try tiny.write().open().generation.endOfSequence == [3])
    }
  }

  @Test func `a byte order mark and CRLF in any of the files change nothing`() throws {
    var tiny = TinyCheckpoint()
    let texts = [
      "generation_config.json": #"{"eos_token_id": [3]}"#, "preprocessor_config.json": #"{"resample": 3}"#,
      "processor_config.json": #"{"image_processor": {"resample": 1}}"#,
      "tokenizer_config.json": #"{"eos_token": "x"}"#,
      "chat_template.jinja": "{{ messages }}",
    ]
    for (name, text) in texts { tiny.files[name] = Array("\u{FEFF}\(text)\r\n".utf8) }
    let directory = try tiny.write()
    let config = try Data(contentsOf: URL(fileURLWithPath: directory.path + "/config.json"))
    try directory.write("config.json", Array("\u{FEFF}".utf8) + config)
    let checkpoint = try directory.open()
    #expect(checkpoint.generation.endOfSequence == [3] && checkpoint.preprocessor?.resample == 1)
    #expect(checkpoint.namedTokens == ["eos_token": "x"])
    #expect(checkpoint.chatTemplate.map { Array($0.utf8) } == Array("{{ messages }}\r\n".utf8))
  }

  @Test func `the values of the files are used`() throws {
    var tiny = TinyCheckpoint()
    tiny.set("vision_aspect_ratio", "anyres_max_9")
    tiny.set("text_config.rope_theta", nil)
    tiny.set("text_config.rope_parameters", ["rope_theta": 5e5, "rope_type": "default"])
    tiny.file(
      "preprocessor_config.json",
      #"{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 3], "rescale_factor": 0.5, "resample": 3, "do_convert_rgb": null,"#
        + #" "size": {"shortest_edge": 5}, "image_grid_pinpoints": [[10, 15], [5, 50]]}"#)
    tiny.file(
      "generation_config.json",
      #"{"eos_token_id": [3, 4], "pad_token_id": 5, "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95,"#
        + #" "min_p": 0, "repetition_penalty": 1.05, "max_new_tokens": 77}"#)
    let checkpoint = try tiny.write().open()
    let pinpoints = [PixelSize(height: 10, width: 15), PixelSize(height: 5, width: 50)]
    #expect(checkpoint.configuration.visionAspectRatio == .anyres(maxPatches: 9))
    #expect(checkpoint.configuration.text.ropeTheta == 5e5)
    #expect(checkpoint.configuration.imageGridPinpoints == pinpoints)
    #expect(
      checkpoint.preprocessor
        == PreprocessorConfiguration(
          mean: [0.1, 0.2, 0.3], std: [1, 2, 3], rescaleFactor: 0.5, resample: 3, size: PixelSize(height: 5, width: 5),
          pinpoints: pinpoints))
    #expect(
      checkpoint.generation
        == GenerationConfiguration(
          endOfSequence: [3, 4], padding: 5, doSample: true, temperature: 0.6, topK: 20, topP: 0.95, minP: 0,
          repetitionPenalty: 1.05, maxNewTokens: 77))
  }

  @Test func `stop tokens come from the most specific file`() throws {
    var tiny = TinyCheckpoint()
    func stops() throws -> [Int] { try tiny.write().open().generation.endOfSequence }
    tiny.set("eos_token_id", 1)
    #expect(try stops() == [1])
    tiny.set("text_config.eos_token_id", [2, 1])
    #expect(try stops() == [2, 1])
    tiny.file("generation_config.json", "{}")
    #expect(try stops() == [2, 1])
    tiny.file("generation_config.json", #"{"eos_token_id": 3}"#)
    #expect(try stops() == [3])
    tiny.file("generation_config.json", #"{"eos_token_id": []}"#)
    #expect(try stops() == [2, 1])
  }

  @Test func `the tokens that templates name are strings or objects`() throws {
    var tiny = TinyCheckpoint()
    #expect(try tiny.write().open().namedTokens == [:])
    tiny.file(
      "tokenizer_config.json",
      #"{"bos_token": null, "eos_token": "<|im_end|>", "pad_token": {"content": "<pad>", "special": true}, "clean": 1}"#
    )
    #expect(try tiny.write().open().namedTokens == ["eos_token": "<|im_end|>", "pad_token": "<pad>"])
    tiny.file("tokenizer_config.json", #"{"eos_token": 7}"#)
    #expect {
      _ = try tiny.write().open()
    } throws: {
      "\($0)".contains("tokenizer_config.json: eos_token: expected a string")
    }
  }

  /// A key of config.json, an invalid value, and words of the error besides file and key.
  struct Refusal: Sendable, CustomTestStringConvertible {
    let key: String
    let value: JSONValue
    let words: [String]
    init(_ key: String, _ value: JSONValue, _ words: String...) {
      (self.key, self.value, self.words) = (key, value, words)
    }
    var testDescription: String { "\(key) = \(String(decoding: value.encoded, as: UTF8.self))" }
  }

  @Test(arguments: [
    Refusal("model_type", "qwen3", #"expected "R" or "Bee""#, #"found "qwen3""#),
    Refusal("model_type", .null, "found null"),
    Refusal("text_config", 3, "an object", "found 3"),
    Refusal("vision_config", .null, "an object"),
    Refusal("text_config.hidden_size", "8", "from 1 to 65536", #"found "8""#),
    Refusal("text_config.hidden_size", 0, "found 0"),
    Refusal("text_config.hidden_size", 1.5, "an integer", "found 1.5"),
    Refusal("text_config.num_hidden_layers", -1, "found -1"),
    Refusal("text_config.num_hidden_layers", 9_223_372_036_854_775_807, "from 1 to 1024"),
    Refusal("text_config.num_hidden_layers", 1, "the checkpoint's 2 decoder layers", "found 1"),
    Refusal("text_config.num_attention_heads", [], "found an array of 0"),
    Refusal("text_config.num_key_value_heads", 3, "a divisor of num_attention_heads, 2"),
    Refusal("text_config.head_dim", 5, "an even number"),
    Refusal("text_config.vocab_size", 1e300, "from 1 to 4194304"),
    Refusal("text_config.rope_theta", 0, "a number from 1.0"),
    Refusal("text_config.rms_norm_eps", -1, "found -1"),
    Refusal("text_config.model_type", "llama", #""qwen3", the only supported value"#),
    Refusal("text_config.hidden_act", "gelu", #""silu""#, #"found "gelu""#),
    Refusal("text_config.attention_bias", true, "expected false"),
    Refusal("text_config.use_sliding_window", true, "expected false"),
    Refusal("text_config.tie_word_embeddings", 1, "true or false"),
    Refusal("vision_config.hidden_act", "gelu", "gelu_pytorch_tanh"),
    Refusal("vision_config.model_type", "clip_vision_model", "siglip_vision_model"),
    Refusal("vision_config.num_channels", 4, "expected 3"),
    Refusal("vision_config.num_attention_heads", 3, "a divisor of hidden_size, 4"),
    Refusal("vision_config.patch_size", 6, "at most image_size, 5"),
    Refusal("vision_config.image_size", 1_000_000, "from 1 to 4096"),
    Refusal("vision_feature_layer", 0, "a layer of the 2"),
    Refusal("vision_feature_layer", 3, "a layer of the 2", "found 3"),
    Refusal("vision_feature_layer", -4, "a layer of the 2"),
    Refusal("vision_feature_layer", [-2, -1], "found an array of 2"),
    Refusal("vision_feature_select_strategy", "default", #""full""#),
    Refusal("vision_aspect_ratio", "square", "anyres_max_N"),
    Refusal("vision_aspect_ratio", "anyres_max_0", "anyres_max_N"),
    Refusal("projector_hidden_act", "relu", #""gelu""#),
    Refusal("multimodal_projector_bias", false, "expected true"),
    Refusal("image_token_index", 10, "from 0 to 9"),
    Refusal("image_token_id", 8, "image_token_index, which is 9"),
    Refusal("eos_token_id", [1, 10], "token ids below 10", "found 10"),
    Refusal("image_grid_pinpoints", [], "1 to 64"),
  ])
  func `an unsupported or impossible value is an error that names it`(refusal: Refusal) throws {
    var tiny = TinyCheckpoint()
    tiny.set(refusal.key, refusal.value)
    let message = try tiny.failure()
    for words in ["config.json: \(refusal.key): expected"] + refusal.words {
      #expect(message.contains(words), "\(message)")
    }
  }

  @Test(arguments: [
    Refusal(
      "text_config.rope_scaling", ["rope_type": "yarn", "factor": 4], #"text_config.rope_scaling.rope_type"#, #""yarn""#
    ),
    Refusal("text_config.rope_scaling", ["type": "linear"], #"text_config.rope_scaling.type"#, "linear"),
    Refusal("text_config.rope_parameters", ["rope_theta": 5], "text_config.rope_theta", "which is 5.0", "found 10000"),
    Refusal("text_config.layer_types", ["full_attention", "sliding_attention"], "layer_types[1]", "sliding_attention"),
    Refusal("image_grid_pinpoints", [[5, 5], [10]], "image_grid_pinpoints[1]", "[height, width]"),
    Refusal("image_grid_pinpoints", [[5, 7]], "image_grid_pinpoints[0]", "multiples of the image size 5", "[5, 7]"),
    Refusal("image_grid_pinpoints", [[0, 5]], "image_grid_pinpoints[0]"),
    Refusal("image_grid_pinpoints", [[20, 15]], "at most 10 tiles", "found 12"),
    Refusal(
      "vision_config.num_hidden_layers", 3, "vision_feature_layer", "the checkpoint's 2 encoder layers", "layer 3"),
    Refusal("text_config.num_hidden_layers", 3, "layers.2.input_layernorm.weight", "no such tensor"),
    Refusal("text_config.head_dim", .null, "q_proj.weight", "[256, 8]", "[12, 8]"),
  ])
  func `an error inside a value, or against the tensors, names its location`(refusal: Refusal) throws {
    var tiny = TinyCheckpoint()
    tiny.set(refusal.key, refusal.value)
    let message = try tiny.failure()
    for words in refusal.words { #expect(message.contains(words), "\(message)") }
  }

  @Test(arguments: [
    (
      "preprocessor_config.json", #"{"size": {"height": 384, "width": 384}}"#, "size: expected vision_config.image_size"
    ),
    ("preprocessor_config.json", #"{"do_normalize": false}"#, "do_normalize: expected true"),
    ("preprocessor_config.json", #"{"resample": 6}"#, "resample: expected an integer from 0 to 5, found 6"),
    ("preprocessor_config.json", #"{"image_std": [0.5, 0, 0.5]}"#, "image_std: expected three numbers"),
    ("preprocessor_config.json", #"{"image_mean": 0.5}"#, "image_mean: expected three numbers"),
    (
      "preprocessor_config.json", #"{"image_grid_pinpoints": [[5, 5]]}"#,
      "expected the list of config.json, [5, 10], found [5, 5]"
    ),
    ("generation_config.json", #"{"temperature": -1}"#, "temperature: expected a number from 0.0 to 100.0, found -1"),
    ("generation_config.json", #"{"eos_token_id": "x"}"#, #"eos_token_id: expected token ids below 10, found "x""#),
    ("generation_config.json", "[]", "expected a JSON object, found an array of 0"),
    ("generation_config.json", #"{"top_k": 1,}"#, "expected JSON, found"),
    ("config.json", "{", "expected JSON, found unexpected end"),
    ("chat_template.json", #"{"chat_template": 1}"#, "chat_template: expected a string, found 1"),
    ("tokenizer_config.json", #"{"chat_template": [{"name": "x", "template": "t"}]}"#, #"a template named "default""#),
  ])
  func `errors in the other files name the file`(file: String, text: String, words: String) throws {
    var tiny = TinyCheckpoint()
    tiny.set("image_grid_pinpoints", [[5, 10]])
    tiny.file(file, text)
    let message = try tiny.failure()
    #expect(message.hasPrefix(file + ": "), "\(message)")
    #expect(message.contains(words), "\(message)")
  }

  @Test func `a template that is not UTF-8 is an error`() throws {
    var tiny = TinyCheckpoint()
    tiny.files["chat_template.jinja"] = [0x61, 0xFF]
    #expect(try tiny.failure().hasPrefix("chat_template.jinja: expected UTF-8"))
  }

  @Test(arguments: ["config.json", "tokenizer.json", "model.safetensors"])
  func `a missing required file is named`(name: String) throws {
    let directory = try TinyCheckpoint().write()
    try FileManager.default.removeItem(atPath: directory.path + "/" + name)
    let error = #expect(throws: ModelFileError.self) { try directory.open() }
    #expect(error?.description.contains(name) == true)
  }

  @Test func `a missing directory is an error`() {
    let error = #expect(throws: ModelFileError.self) { try Checkpoint(directory: "/nonexistent/model") }
    #expect(error?.description == "/nonexistent/model: expected a model directory, found No such file or directory")
  }
}
