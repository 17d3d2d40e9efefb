// The model that the settings name, and how it is served.
import Configuration
import Foundation
import Imaging
import Inference
import ModelFiles
import ModelLoading
import Scheduling
import Work

extension ModelSource {
  /// The model's files and types; relative paths start from `base`.
  init(_ settings: Settings, _ base: URL) {
    self.init(
      path: settings.path(settings.model.path, base), mmproj: settings.model.mmproj.map { settings.path($0, base) },
      quantization: settings.model.quantize.flatMap(FileType.init(rawValue:)),
      visionType: VisionType(rawValue: settings.model.visionType) ?? .auto)
  }

  /// Opens the files and prints what is served differently than the operator may expect.
  func openReporting() throws(ModelFileError) -> Checkpoint {
    let checkpoint = try open()
    for sentence in checkpoint.notes { note("Note: \(sentence).") }
    return checkpoint
  }
}

extension ServingOptions {
  init(_ settings: Settings) {
    let scheduling = settings.scheduling
    self.init(
      engine: EngineConfiguration(
        maxRunning: scheduling.maxRunning, maxRunningBatch: scheduling.maxBatchRequests,
        shortSlots: scheduling.shortRequestSlots, maxWaiting: scheduling.maxWaiting, kvTokens: 0,
        prefillChunk: scheduling.prefillChunk, maxStall: scheduling.maxStall,
        imageCacheBytes: scheduling.imageCacheMB * 1_000_000))
    name = settings.model.name
    imageLimits = ImageLimits(maxBytes: settings.images.maxBytes, maxPixels: settings.images.maxPixels)
    threads = scheduling.threads
    cacheType = settings.cacheType
    kvTokens = scheduling.kvTokens
    prefixCacheBytes = scheduling.prefixCacheMB.map { $0 * 1_000_000 }
  }
}

extension LoadedModel {
  /// Loads the model that the settings name.
  init(_ settings: Settings, _ base: URL) async throws {
    let source = ModelSource(settings, base)
    try await self.init(
      source.openReporting(), from: source, options: ServingOptions(settings), work: WorkQueue(settings),
      progress: LoadingProgress().show)
  }
}

extension Settings {
  /// The type of cached keys and values; nil lets the runner choose.
  var cacheType: KVCacheType? { KVCacheType(rawValue: self.scheduling.kvType) }

  /// `file` as an absolute path; a relative one starts from `base`, the folder of config.json.
  func path(_ file: String, _ base: URL) -> String { URL(fileURLWithPath: file, relativeTo: base).path }
}
