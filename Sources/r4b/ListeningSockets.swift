// The sockets of `r4b serve`: checked before the model is loaded, opened after.
import Configuration
import Foundation
import HTTP
import Transport

/// A plain port, a port with TLS and a Unix-domain socket, at least one of them.
struct ListeningSockets {
  /// The address of both ports.
  let host: String
  let port: Int?
  let tls: (port: Int, identity: TLSIdentity)?
  let unix: (path: String, mode: UInt32)?

  /// Checks the settings and loads the certificate.
  init(_ settings: Settings, _ base: URL) throws {
    host = settings.server.host
    port = settings.server.port
    let tlsPort = settings.tls.port
    let socket = settings.server.unixSocket.map { settings.path($0, base) }
    if port == nil, tlsPort == nil, socket == nil {
      throw ConfigurationError(
        "server.port, tls.port and server.unix_socket are all null; set at least one of them to listen on")
    }
    if let port, port == tlsPort, port != 0 {
      throw ConfigurationError("server.port and tls.port must differ, both are \(port)")
    }
    unix = socket.map { ($0, settings.server.unixSocketMode.bits) }
    guard let tlsPort else {
      tls = nil
      return
    }
    guard let certificate = settings.tls.certificate.map({ settings.path($0, base) }) else {
      throw ConfigurationError("tls.certificate must name a PEM file, because tls.port is set")
    }
    guard let key = settings.tls.key.map({ settings.path($0, base) }) else {
      throw ConfigurationError(
        "tls.key must name the PEM file with the certificate's private key, because tls.port is set")
    }
    tls = (tlsPort, try TLSIdentity(certificate: certificate, key: key))
  }

  private var hasPort: Bool { port != nil || tls != nil }
  private var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  /// Whether a port is open to the programs of this machine alone, browsers among them.
  var isOnLoopback: Bool { hasPort && isLoopback }
  /// Whether a port is open to other machines.
  var isPublic: Bool { hasPort && !isLoopback }

  /// Opens all and calls `opened` with each as a URL, plain ports first, or as `unix:` and the path.
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
