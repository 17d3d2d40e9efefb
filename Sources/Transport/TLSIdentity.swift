// The certificate of a listener, stored in files that may be renewed while it runs.

import Synchronization

/// A certificate chain and its key as PEM files, and the context created from them at the last reload.
package final class TLSIdentity: Sendable {
  package let certificate: String
  package let key: String
  private let current: Mutex<TLSContext>

  /// Reads both files.
  package init(certificate: String, key: String) throws(TLSError) {
    (self.certificate, self.key) = (certificate, key)
    current = Mutex(try TLSContext(certificate: certificate, key: key))
  }

  /// The context for new connections; open connections keep the one with which they began.
  package var context: TLSContext { current.withLock { $0 } }

  /// Reads both files again. On an error the context stays as it was.
  package func reload() throws(TLSError) {
    let renewed = try TLSContext(certificate: certificate, key: key)
    current.withLock { $0 = renewed }
  }
}
