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
  func `a matching pair is loaded`(kind: TestCertificate.Kind) {
    let made = TestCertificate(kind)
    #expect(refusal(made.certificate, made.key) == nil)
  }

  @Test func `a missing or invalid file is named with the reason`() throws {
    let made = TestCertificate()
    let nothing = made.folder.appendingPathComponent("nothing").path
    #expect(refusal(nothing, made.key) == TLSError(file: nothing, reason: "No such file or directory"))
    #expect(refusal(made.certificate, nothing) == TLSError(file: nothing, reason: "No such file or directory"))
    #expect("\(refusal(nothing, nothing)!)" == "\(nothing): No such file or directory")
    #expect(
      refusal(made.key, made.key)?.reason.hasPrefix("is not a valid certificate chain in PEM format: ") == true)
    #expect(refusal(made.certificate, made.certificate)?.file == made.certificate)
    try Data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
      .write(to: URL(fileURLWithPath: nothing))
    #expect(refusal(nothing, made.key)?.reason.hasPrefix("is not a valid certificate chain in PEM format: ") == true)
    #expect(
      refusal(made.certificate, nothing)?.reason.hasPrefix("is not a valid private key in PEM format: ") == true)
    #expect(refusal(made.folder.path, made.key)?.file == made.folder.path)
  }

  @Test(arguments: [TestCertificate.Kind.p256, .p384, .rsa])
  func `a key of another certificate is rejected, of the same type or not`(kind: TestCertificate.Kind) {
    let (made, other) = (TestCertificate(), TestCertificate(kind))
    let reason = "does not match the certificate in \(made.certificate)"
    #expect(refusal(made.certificate, other.key) == TLSError(file: other.key, reason: reason))
  }

  @Test func `a key with a passphrase is rejected without a prompt`() {
    let made = TestCertificate(passphrase: "sesame")
    let reason = "is encrypted; provide a key without a passphrase"
    #expect(refusal(made.certificate, made.key) == TLSError(file: made.key, reason: reason))
  }

  @Test func `a failed reload keeps the previous context`() throws {
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
