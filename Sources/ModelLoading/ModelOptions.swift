// The operator's choices for a model: its files, its types in memory, and how it is served.
import Imaging
import Inference
import ModelFiles
import Scheduling
import Text

/// The files of a model and the types that its weights get in memory.
package struct ModelSource: Sendable {
  /// A directory in Hugging Face layout, a GGUF file, or a directory of GGUF files.
  package var path: String
  /// The vision file of a GGUF file; nil looks for it beside that file.
  package var mmproj: String?
  /// The type to which weights of 16 or 32 bits are quantised; nil keeps the stored types.
  package var quantization: FileType?
  package var visionType: VisionType

  package init(path: String, mmproj: String? = nil, quantization: FileType? = nil, visionType: VisionType = .auto) {
    (self.path, self.mmproj) = (path, mmproj)
    (self.quantization, self.visionType) = (quantization, visionType)
  }

  /// The last part of `path` without `.gguf`: the model's name where the operator gives none.
  package var name: String {
    let ending = ".gguf"
    let parts = path.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
    let last = parts.last.map { String(Substring($0)) } ?? path
    return last.hasSuffix(ending) ? String(decoding: last.utf8.dropLast(ending.utf8.count), as: UTF8.self) : last
  }

  /// Opens and checks the files.
  package func open() throws(ModelFileError) -> Checkpoint { try Checkpoint(path: path, mmproj: mmproj) }

  /// Reads the weights of `checkpoint`, which `open()` returned. `progress` gets the fraction that is read.
  package func load(_ checkpoint: Checkpoint, progress: (Double) -> Void = { _ in }) throws -> RModel {
    let plan = checkpoint.types(quantizedTo: quantization, vision: visionType)
    return try RModel(checkpoint: checkpoint, plan: plan, progress: progress)
  }
}

/// How a model is served.
package struct ServingOptions: Sendable {
  /// The name for clients; nil takes that of the source.
  package var name: String?
  package var imageLimits = ImageLimits()
  /// Worker threads; nil takes the cores that this process may use.
  package var threads: Int?
  /// The type of cached keys and values; nil lets the runner choose.
  package var cacheType: KVCacheType?
  /// Positions in the KV cache; nil takes half of the available memory.
  package var kvTokens: Int?
  /// Bytes of the KV cache for prefixes of finished requests; nil sets no limit of its own.
  package var prefixCacheBytes: Int?
  /// The engine's other limits. Its KV limits are set from the ones above.
  package var engine: EngineConfiguration

  package init(engine: EngineConfiguration) { self.engine = engine }
}
