import API
import Configuration
import Fetching
import Foundation
// The part of the API configuration that needs no model: keys, policies, hosts, origins, images and pages. It is read
// before the model, so that a mistake is an error at once and not after minutes of loading.
import ModelLoading

/// The parts of an `APIConfiguration` that need no model.
struct Surface {
  private let keys: APIKeys
  private let policies: KeyPolicies
  private let corsOrigins: [String]
  private let allowedHosts: [String]?
  private let images: ImageFetcher?
  private let pages: StaticFiles?

  /// Reads and checks the settings and the files that they name. Warns about settings without effect.
  init(_ settings: Settings, _ base: URL, _ keys: APIKeys, _ sockets: ListeningSockets) throws {
    self.keys = keys
    policies = try KeyPolicies(settings, base, keys)
    corsOrigins = settings.server.corsOrigins
    let hosts = settings.server.allowedHosts
    allowedHosts = sockets.isOnLoopback ? APIConfiguration.loopbackHosts + hosts : nil
    if allowedHosts == nil, !hosts.isEmpty {
      note("Warning: server.allowed_hosts has no effect, because no port listens on loopback.")
    }
    images = try ImageFetcher(settings, base)
    pages = try Self.pages(settings, base)
  }

  /// The default directory may be missing, because the program may be installed without pages.
  private static func pages(_ settings: Settings, _ base: URL) throws -> StaticFiles? {
    guard let folder = settings.server.public else { return nil }
    let path = URL(fileURLWithPath: folder, relativeTo: base).standardizedFileURL.path
    if !settings.isGiven(\.server.public), !FileManager.default.fileExists(atPath: path) {
      note("Note: the directory \(path) does not exist, so no pages are served; server.public sets another directory.")
      return nil
    }
    do { return try StaticFiles(directory: path) } catch { throw ConfigurationError("server.public: \(error)") }
  }

  /// Returns the whole configuration, including what depends on the model.
  func configuration(_ settings: Settings, _ loaded: LoadedModel) -> APIConfiguration {
    var api = APIConfiguration(settings, loaded)
    api.shadowFraction = settings.shadow.fraction
    (api.keys, api.policies, api.imageFetcher, api.publicFiles) = (keys, policies, images, pages)
    (api.corsOrigins, api.allowedHosts) = (corsOrigins, allowedHosts)
    api.reasoningField = ReasoningField(rawValue: settings.api.reasoningField) ?? .reasoningContent
    return api
  }
}
