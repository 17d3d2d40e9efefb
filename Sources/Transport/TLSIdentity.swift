// The certificate that a listener shows, as files that may be renewed while it runs.

import Synchronization

/// A certificate chain and its key as PEM files, and the context made of what they held last.
package final class TLSIdentity: Sendable {
  package let certificate: String
  package let key: String
  private let current: Mutex<TLSContext>

  /// Reads both files.
  package init(certificate: String, key: String) throws(TLSError) {
    (self.certificate, self.key) = (certificate, key)
    current = Mutex(try TLSContext(certificate: certificate, key: key))
  }

  /// What a new connection starts from; connections keep the one they started from.
  package var context: TLSContext { current.withLock { $0 } }

  /// Reads both files again. What throws leaves the context as it was.
  package func reload() throws(TLSError) {
    let renewed = try TLSContext(certificate: certificate, key: key)
    current.withLock { $0 = renewed }
  }
}
