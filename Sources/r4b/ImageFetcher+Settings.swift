// Images by URL, as the settings say: off unless there is a host or a directory.
import Configuration
import Fetching
import Foundation

extension ImageFetcher {
  /// What fetches images; nil where the settings allow neither hosts nor files. Throws for an entry that cannot be read.
  convenience init?(_ settings: Settings, _ base: URL) throws(ConfigurationError) {
    let entries = settings.strings("images.remote")
    var rules: [HostRule] = []
    for entry in entries {
      guard let rule = HostRule(entry) else {
        throw ConfigurationError(
          "images.remote: \"\(entry.prefix(80))\" is not [http://|https://]HOST[:PORT] or *.DOMAIN")
      }
      rules.append(rule)
    }
    var networks: [Network] = []
    for entry in settings.strings("images.remote_networks") {
      guard let network = Network(entry) else {
        throw ConfigurationError(
          "images.remote_networks: \"\(entry.prefix(80))\" is neither an address nor a network as 10.1.0.0/16")
      }
      networks.append(network)
    }
    func path(_ name: String) -> String? {
      settings.optionalString(name).map { URL(fileURLWithPath: $0, relativeTo: base).standardizedFileURL.path }
    }
    let authorities = path("images.remote_ca_file")
    if let authorities, !FileManager.default.isReadableFile(atPath: authorities) {
      throw ConfigurationError("images.remote_ca_file: \(authorities) cannot be read")
    }
    var folder: ImageFolder?
    if let root = path("images.root") {
      folder = ImageFolder(path: root)
      if folder == nil { throw ConfigurationError("images.root: \(root) is not a directory that can be read") }
    }
    if rules.isEmpty && folder == nil { return nil }
    // What a request makes the server fetch is bounded as what it could have brought itself, and all of it as all bodies are.
    let limits = Limits(
      image: settings.int("images.max_bytes"), request: settings.int("http.max_body_bytes"),
      total: settings.int("http.max_buffered_bytes"))
    self.init(
      remote: RemotePolicy(
        rules: rules, networks: networks, authorities: authorities,
        timeout: settings.seconds("images.remote_timeout_s")), folder: folder, limits: limits)
  }
}
