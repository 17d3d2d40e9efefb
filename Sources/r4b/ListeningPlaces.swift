// Where `r4b serve` listens: read and checked before the model is loaded, opened after.
import Configuration
import Foundation
import HTTP
import Transport

/// A plain port, a port with TLS and a Unix-domain socket, at least one of them.
struct ListeningPlaces {
  /// The address of both ports.
  let host: String
  let port: Int?
  let tls: (port: Int, identity: TLSIdentity)?
  let unix: (path: String, mode: UInt32)?

  /// Checks the settings and loads the certificate.
  init(_ settings: Settings, _ base: URL) throws {
    func path(_ name: String) -> String? {
      settings.optionalString(name).map { URL(fileURLWithPath: $0, relativeTo: base).path }
    }
    host = settings.string("server.host")
    port = settings.optionalInt("server.port")
    let tlsPort = settings.optionalInt("tls.port")
    let socket = path("server.unix_socket")
    if port == nil, tlsPort == nil, socket == nil {
      throw ConfigurationError(
        "server.port, tls.port and server.unix_socket are all null: one of them is needed to listen on")
    }
    if let port, port == tlsPort, port != 0 {
      throw ConfigurationError("server.port and tls.port are both \(port); a port is with TLS or without")
    }
    unix = socket.map { ($0, settings.fileMode("server.unix_socket_mode")) }
    guard let tlsPort else {
      tls = nil
      return
    }
    guard let certificate = path("tls.certificate") else {
      throw ConfigurationError("tls.certificate must name a PEM file when tls.port is set")
    }
    guard let key = path("tls.key") else {
      throw ConfigurationError("tls.key must name the PEM file of the certificate's key when tls.port is set")
    }
    tls = (tlsPort, try TLSIdentity(certificate: certificate, key: key))
  }

  private var hasPort: Bool { port != nil || tls != nil }
  private var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  /// Whether a port is open to this machine's programs alone, browsers among them.
  var isOnLoopback: Bool { hasPort && isLoopback }
  /// Whether a port is open to other machines.
  var isPublic: Bool { hasPort && !isLoopback }

  /// Opens all and tells each as a URL, the plain ones first, or as `unix:` and the path.
  func open(on server: HTTPServer, _ opened: (String) -> Void) throws(TransportError) {
    if let port { for address in try server.listen(host: host, port: port) { opened("http://\(address)") } }
    if let tls {
      for address in try server.listen(host: host, port: tls.port, tls: tls.identity) { opened("https://\(address)") }
    }
    if let unix {
      try server.listen(unix: unix.path, mode: unix.mode)
      opened("unix:\(unix.path)")
    }
  }
}
