// Ports, keys and limits of connections.

/// Section `server`.
package struct ServerSettings: Sendable {
  package let host = Setting<String>(
    "server.host", default: "127.0.0.1",
    "Address to listen on; an address other than loopback requires an API key.")
  package let port = Setting<Int?>(
    "server.port", in: 0...65535, default: 8080,
    "TCP port without TLS; 0 lets the system choose one, null opens none.")
  package let unixSocket = Setting<String?>(
    "server.unix_socket", default: nil,
    "Path of an additional Unix-domain socket, relative to config.json; null opens none.")
  package let unixSocketMode = Setting<FileMode>(
    "server.unix_socket_mode", default: "660",
    "Permissions of the Unix-domain socket file.")
  package let insecure = Setting<Bool>(
    "server.insecure", default: false,
    "Allow a public address without an API key.")
  package let allowedHosts = Setting<[String]>(
    "server.allowed_hosts", of: .hostName,
    "Host names accepted on loopback besides localhost, 127.0.0.1 and [::1]; guards against DNS rebinding.")
  package let corsOrigins = Setting<[String]>(
    "server.cors_origins", of: .origin,
    "Origins whose pages may call the API from a browser; `*` allows all, an empty list turns CORS off.")
  package let `public` = Setting<String?>(
    "server.public", default: "Public",
    "Directory of static files, relative to config.json; null serves none. The default directory may be missing, any other must exist."
  )
}

/// Section `tls`.
package struct TLSSettings: Sendable {
  package let port = Setting<Int?>(
    "tls.port", in: 0...65535, default: nil,
    "TCP port with TLS; 0 lets the system choose one, null opens none.")
  package let certificate = Setting<String?>(
    "tls.certificate", default: nil,
    "PEM file with the certificate chain, the server's own certificate first, relative to config.json; SIGHUP reloads it."
  )
  package let key = Setting<String?>(
    "tls.key", default: nil,
    "PEM file with the certificate's private key, without passphrase, relative to config.json; SIGHUP reloads it.")
}

/// Section `auth`.
package struct AuthSettings: Sendable {
  package let keysFile = Setting<String?>(
    "auth.keys_file", default: nil,
    "File with one API key per line as `name:key`; R4B_API_KEY adds a key named `default`.")
  package let policiesFile = Setting<String?>(
    "auth.policies_file", default: nil,
    "JSON file with the allowed modes and token limits of each key, relative to config.json.")
}

/// Section `http`.
package struct HTTPSettings: Sendable {
  package let maxConnections = Setting<Int>(
    "http.max_connections", in: 1...100_000, default: 10_000,
    "Open connections at once.")
  package let maxConnectionsPerAddress = Setting<Int>(
    "http.max_connections_per_address", in: 1...100_000, default: 10_000,
    "Open connections from one address; connections of the Unix-domain socket have no address and are not counted.")
  package let maxHeadBytes = Setting<Int>(
    "http.max_head_bytes", in: 1024...1_048_576, default: 16_384,
    "Bytes of request line and header fields.")
  package let maxBodyBytes = Setting<Int>(
    "http.max_body_bytes", in: 1024...1 << 30, default: 67_108_864,
    "Bytes of a request body.")
  package let maxBufferedBytes = Setting<Int>(
    "http.max_buffered_bytes", in: 2048...1 << 40, default: 536_870_912,
    "Bytes of all request bodies being received or processed, at least twice max_body_bytes; requests beyond get 503.")
  package let headTimeout = Setting<Duration>(
    "http.head_timeout_s", seconds: 0.1...3600, default: 10,
    "Seconds for the request line and header fields to arrive.")
  package let bodyTimeout = Setting<Duration>(
    "http.body_timeout_s", seconds: 0.1...3600, default: 60,
    "Seconds for a request body to arrive.")
  package let idleTimeout = Setting<Duration>(
    "http.idle_timeout_s", seconds: 0.1...86_400, default: 75,
    "Seconds that a kept-alive connection may wait for the next request.")
  package let writeTimeout = Setting<Duration>(
    "http.write_timeout_s", seconds: 0.1...3600, default: 30,
    "Seconds without progress, or below http.min_send_bytes_per_s, after which a slow reader is disconnected.")
  package let maxUnsentBytes = Setting<Int>(
    "http.max_unsent_bytes", in: 1_048_576...1 << 40, default: 268_435_456,
    "Bytes of all responses waiting to be sent; beyond it the slowest readers are disconnected, then responses become 503."
  )
  package let minSendBytesPerSecond = Setting<Int>(
    "http.min_send_bytes_per_s", in: 1...1 << 30, default: 8192,
    "Bytes per second that a reader must accept, averaged over the time in which a response waits for it.")
  package let requestCPU = Setting<Duration>(
    "http.request_cpu_s", seconds: 0.1...3600, default: 20,
    "Seconds of processor time to read and prepare one request (JSON, text, images, schemas); beyond it the request gets 400."
  )
}
