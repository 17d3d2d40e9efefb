// Images by URL according to the settings: off unless a host or a directory is set.
import Configuration
import Fetching
import Foundation

extension ImageFetcher {
  /// Creates the fetcher; nil where the settings allow neither hosts nor files. Throws for a malformed entry.
  convenience init?(_ settings: Settings, _ base: URL) throws(ConfigurationError) {
    let entries = settings.images.remote
    var rules: [HostRule] = []
    for entry in entries {
      guard let rule = HostRule(entry) else {
        throw ConfigurationError(
          "images.remote: an entry must be [http://|https://]HOST[:PORT] or *.DOMAIN, got \"\(entry.prefix(80))\"")
      }
      rules.append(rule)
    }
    var networks: [Network] = []
    for entry in settings.images.remoteNetworks {
      guard let network = Network(entry) else {
        throw ConfigurationError(
          "images.remote_networks: an entry must be an address or a network such as 10.1.0.0/16, got \"\(entry.prefix(80))\""
        )
      }
      networks.append(network)
    }
    func path(_ file: String) -> String { URL(fileURLWithPath: file, relativeTo: base).standardizedFileURL.path }
    let authorities = settings.images.remoteCAFile.map(path)
    if let authorities, !FileManager.default.isReadableFile(atPath: authorities) {
      throw ConfigurationError("images.remote_ca_file: cannot read \(authorities)")
    }
    var folder: ImageFolder?
    if let root = settings.images.root.map(path) {
      folder = ImageFolder(path: root)
      if folder == nil { throw ConfigurationError("images.root: \(root) is not a readable directory") }
    }
    if rules.isEmpty && folder == nil { return nil }
    // Fetched images have the limits of request bodies: per request, and together.
    let limits = Limits(
      image: settings.images.maxBytes, request: settings.http.maxBodyBytes,
      total: settings.http.maxBufferedBytes)
    self.init(
      remote: RemotePolicy(
        rules: rules, networks: networks, authorities: authorities,
        timeout: settings.images.remoteTimeout), folder: folder, limits: limits)
  }
}
