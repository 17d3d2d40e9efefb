// Fetches one image by URL: a GET, and a few redirects that are followed here and checked like the first URL.
import Basics
import CFetch

/// A transfer, which blocks its thread.
struct Transfer {
  let policy: RemotePolicy
  /// The limit on the size of the image in bytes.
  let maxBytes: Int
  let reservation: ByteReservation
  let flag: StopFlag
  let deadline: ContinuousClock.Instant

  /// Returns the image's bytes. Every failure is `.failed`, so that clients cannot tell whether a forbidden address
  /// has a server.
  func bytes(at url: RemoteURL) throws(FetchError) -> [UInt8] {
    var url = url
    for _ in 0...RemotePolicy.maxRedirects {
      guard policy.admits(url) else { throw .failed(reason: "the target of a redirect is not allowed") }
      let receiver = Receiver(policy, reservation, flag)
      let reply = perform(url, receiver)
      defer { if let target = reply.redirect { cf_free(target) } }
      switch reply.outcome {
      case CF_COMPLETE: return receiver.bytes
      case CF_REJECTED: throw receiver.receiveError ?? .tooLarge(limit: maxBytes)
      case CF_REDIRECT:
        guard let target = reply.redirect.flatMap({ RemoteURL(String(cString: $0)) }) else {
          throw .failed(reason: "the target of a redirect is not a valid URL")
        }
        url = target
      default:
        let reason = receiver.hasForbiddenAddress ? "an address is not allowed" : String(cString: reply.reason)
        throw .failed(reason: "status \(reply.status), \(reason)")
      }
    }
    throw .failed(reason: "more than \(RemotePolicy.maxRedirects) redirects")
  }

  private func perform(_ url: RemoteURL, _ receiver: Receiver) -> cf_reply {
    let milliseconds = Int64(min((deadline - .now).nanoseconds / 1_000_000, 1_000_000_000))
    var callbacks = cf_callbacks()
    callbacks.context = Unmanaged.passUnretained(receiver).toOpaque()
    callbacks.may_connect = { context, address, count in
      guard let receiver = Receiver.of(context), let address else { return 0 }
      return receiver.mayConnect(Array(UnsafeBufferPointer(start: address, count: count))) ? 1 : 0
    }
    callbacks.receive = { context, bytes, count in
      guard let receiver = Receiver.of(context), let bytes else { return 0 }
      return receiver.receive(UnsafeBufferPointer(start: bytes, count: count)) ? 1 : 0
    }
    callbacks.is_cancelled = { context in Receiver.of(context)?.flag.isSet == false ? 0 : 1 }
    return withExtendedLifetime((receiver, url)) {
      guard let authorities = policy.authorities else { return fetch(url, milliseconds, nil, &callbacks) }
      return authorities.withCString { fetch(url, milliseconds, $0, &callbacks) }
    }
  }

  private func fetch(
    _ url: RemoteURL, _ milliseconds: Int64, _ authorities: UnsafePointer<CChar>?, _ callbacks: inout cf_callbacks
  ) -> cf_reply {
    var limits = cf_limits(max_bytes: Int64(maxBytes), timeout_ms: milliseconds, authorities: authorities)
    return cf_fetch(url.handle, &limits, &callbacks)
  }
}

/// The state that a transfer's callbacks modify, on the transfer's thread.
private final class Receiver {
  let policy: RemotePolicy
  let reservation: ByteReservation
  let flag: StopFlag
  private(set) var bytes: [UInt8] = []
  private(set) var receiveError: FetchError?
  private(set) var hasForbiddenAddress = false

  init(_ policy: RemotePolicy, _ reservation: ByteReservation, _ flag: StopFlag) {
    self.policy = policy
    self.reservation = reservation
    self.flag = flag
  }

  static func of(_ context: UnsafeMutableRawPointer?) -> Receiver? {
    context.map { Unmanaged<Receiver>.fromOpaque($0).takeUnretainedValue() }
  }

  func mayConnect(_ address: [UInt8]) -> Bool {
    let isAllowed = policy.admits(address: address)
    if !isAllowed { hasForbiddenAddress = true }
    return isAllowed
  }

  func receive(_ new: UnsafeBufferPointer<UInt8>) -> Bool {
    do { try reservation.reserve(new.count) } catch {
      receiveError = error
      return false
    }
    bytes += new
    return true
  }
}
