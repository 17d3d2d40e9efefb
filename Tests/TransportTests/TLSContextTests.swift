import Foundation
import TLSTestSupport
import Testing
import Transport

@Suite struct `Certificates and keys` {
  private func refusal(_ certificate: String, _ key: String) -> TLSError? {
    do throws(TLSError) {
      _ = try TLSContext(certificate: certificate, key: key)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [TestCertificate.Kind.p256, .p384, .rsa])
  func `a pair that belongs together is loaded`(kind: TestCertificate.Kind) {
    let made = TestCertificate(kind)
    #expect(refusal(made.certificate, made.key) == nil)
  }

  @Test func `what is missing or something else is named with the reason`() throws {
    let made = TestCertificate()
    let nothing = made.folder.appendingPathComponent("nothing").path
    #expect(refusal(nothing, made.key) == TLSError(file: nothing, reason: "No such file or directory"))
    #expect(refusal(made.certificate, nothing) == TLSError(file: nothing, reason: "No such file or directory"))
    #expect("\(refusal(nothing, nothing)!)" == "\(nothing): No such file or directory")
    #expect(
      refusal(made.key, made.key)?.reason.hasPrefix("cannot be used as a certificate chain in PEM form: ") == true)
    #expect(refusal(made.certificate, made.certificate)?.file == made.certificate)
    try Data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
      .write(to: URL(fileURLWithPath: nothing))
    #expect(refusal(nothing, made.key)?.reason.hasPrefix("cannot be used as a certificate chain in PEM form: ") == true)
    #expect(
      refusal(made.certificate, nothing)?.reason.hasPrefix("cannot be used as a private key in PEM form: ") == true)
    #expect(refusal(made.folder.path, made.key)?.file == made.folder.path)
  }

  @Test(arguments: [TestCertificate.Kind.p256, .p384, .rsa])
  func `a key of another certificate is refused, of the same kind or not`(kind: TestCertificate.Kind) {
    let (made, other) = (TestCertificate(), TestCertificate(kind))
    let reason = "is not the key of the certificate in \(made.certificate)"
    #expect(refusal(made.certificate, other.key) == TLSError(file: other.key, reason: reason))
  }

  @Test func `a key with a passphrase is refused and nobody is asked for it`() {
    let made = TestCertificate(passphrase: "sesame")
    let reason = "is encrypted; a key without passphrase is needed"
    #expect(refusal(made.certificate, made.key) == TLSError(file: made.key, reason: reason))
  }

  @Test func `a reload that fails leaves the context as it was`() throws {
    let (made, other) = (TestCertificate(), TestCertificate())
    let identity = try TLSIdentity(certificate: made.certificate, key: made.key)
    let first = identity.context
    try made.take(certificate: other)
    #expect(throws: TLSError.self) { try identity.reload() }
    #expect(identity.context === first)
    try made.take(key: other)
    try identity.reload()
    #expect(identity.context !== first)
  }
}
