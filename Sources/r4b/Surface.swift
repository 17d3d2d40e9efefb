// What the settings say about the HTTP surface beside the model: keys, policies, hosts, origins, images and pages. It is read
// before the model, so that a mistake shows at once and not after minutes of loading.
import API
import Configuration
import Fetching
import Foundation

/// The parts of an `APIConfiguration` that need no model.
struct Surface {
  private let keys: APIKeys
  private let policies: KeyPolicies
  private let corsOrigins: [String]
  private let allowedHosts: [String]?
  private let images: ImageFetcher?
  private let pages: StaticFiles?

  /// Reads and checks the settings and the files that they name. Notes what has no effect.
  init(_ settings: Settings, _ base: URL, _ keys: APIKeys, _ places: ListeningPlaces) throws {
    self.keys = keys
    policies = try KeyPolicies(settings, base, keys)
    corsOrigins = settings.origins("server.cors_origins")
    let hosts = settings.strings("server.allowed_hosts")
    allowedHosts = places.isOnLoopback ? APIConfiguration.loopbackHosts + hosts : nil
    if allowedHosts == nil, !hosts.isEmpty {
      note("Warning: server.allowed_hosts has no effect: it guards ports on loopback only, and none is open there.")
    }
    images = try ImageFetcher(settings, base)
    pages = try Self.pages(settings, base)
  }

  /// The default directory may be missing: a program that was installed alone has no pages.
  private static func pages(_ settings: Settings, _ base: URL) throws -> StaticFiles? {
    guard let folder = settings.optionalString("server.public") else { return nil }
    let path = URL(fileURLWithPath: folder, relativeTo: base).standardizedFileURL.path
    if !settings.isGiven("server.public"), !FileManager.default.fileExists(atPath: path) {
      note("Note: no pages are served, as the directory \(path) does not exist; server.public names another.")
      return nil
    }
    do { return try StaticFiles(directory: path) } catch { throw ConfigurationError("server.public: \(error)") }
  }

  /// The whole configuration, with what the model decides.
  func configuration(_ settings: Settings, _ loaded: LoadedModel) -> APIConfiguration {
    var api = APIConfiguration(settings, loaded)
    api.shadowFraction = settings.double("shadow.fraction")
    (api.keys, api.policies, api.imageFetcher, api.publicFiles) = (keys, policies, images, pages)
    (api.corsOrigins, api.allowedHosts) = (corsOrigins, allowedHosts)
    api.reasoningField = ReasoningField(rawValue: settings.string("api.reasoning_field")) ?? .reasoningContent
    return api
  }
}
