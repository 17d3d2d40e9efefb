// The policy for fetching images: allowed URLs, and addresses that their names may resolve to.

/// The operator's rules for images by URL. Applied to the URL of a request, to every redirect, and to every address
/// before connecting.
package struct RemotePolicy: Sendable {
  /// The allowed origins. Without a rule nothing is fetched.
  package var rules: [HostRule]
  /// Networks that are not public but may be connected to.
  package var networks: [Network]
  /// The PEM file of certificate authorities; nil for the system's.
  package var authorities: String?
  /// The time from the request's turn to the last byte of its images, including the time in the queue.
  package var timeout: Duration

  package init(
    rules: [HostRule], networks: [Network] = [], authorities: String? = nil, timeout: Duration = .seconds(20)
  ) {
    self.rules = rules
    self.networks = networks
    self.authorities = authorities
    self.timeout = timeout
  }

  /// The limit on redirects.
  static let maxRedirects = 3

  package func admits(_ url: RemoteURL) -> Bool { rules.contains { $0.admits(url) } }

  /// Whether the server may connect to an address of 4 or 16 bytes.
  package func admits(address: [UInt8]) -> Bool {
    PublicAddress.isPublic(address) || networks.contains { $0.contains(address) }
  }
}
