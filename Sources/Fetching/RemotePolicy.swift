// Where the server may go for an image: which URLs, and which addresses their names may lead to.

/// The operator's rule for images by URL. Asked for the URL of a request, for every redirect, and for every address before it is
/// connected to.
package struct RemotePolicy: Sendable {
  /// Without a rule nothing is fetched.
  package var rules: [HostRule]
  /// Addresses that are not public and may be connected to all the same.
  package var networks: [Network]
  /// PEM file of certificate authorities; nil takes the system's.
  package var authorities: String?
  /// From a request's turn to the last byte of its images, waiting in line included.
  package var timeout: Duration

  package init(
    rules: [HostRule], networks: [Network] = [], authorities: String? = nil, timeout: Duration = .seconds(20)
  ) {
    (self.rules, self.networks, self.authorities, self.timeout) = (rules, networks, authorities, timeout)
  }

  /// Redirects that are followed.
  static let maxRedirects = 3

  package func admits(_ url: RemoteURL) -> Bool { rules.contains { $0.admits(url) } }

  /// Whether to connect to an address of 4 or 16 bytes.
  package func admits(address: [UInt8]) -> Bool {
    PublicAddress.isPublic(address) || networks.contains { $0.contains(address) }
  }
}
