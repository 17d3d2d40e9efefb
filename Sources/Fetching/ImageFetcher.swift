// Fetches the images that a request names: first checks the location, without network or disk access, and later gets
// the bytes. Shared by all requests.

import Text

/// The location of an image, checked against the operator's rules.
package enum ImageLocation: Sendable {
  case remote(RemoteURL)
  case file(FilePath)
}

/// The first of several images that is not available, and the reason.
package struct ImageFailure: Error, Equatable {
  /// The index among the requested images.
  package var index: Int
  package var error: FetchError

  package init(index: Int, error: FetchError) { (self.index, self.error) = (index, error) }
}

/// Fetches images from allowed hosts and reads them below one directory.
package final class ImageFetcher: Sendable {
  /// Limits in bytes.
  package struct Limits: Sendable {
    package var image: Int
    /// The size of all images of one request.
    package var request: Int
    /// The size of the images of all requests.
    package var total: Int

    package init(image: Int, request: Int, total: Int) {
      self.image = image
      self.request = request
      self.total = total
    }
  }

  private let remote: RemotePolicy
  private let folder: ImageFolder?
  private let limits: Limits
  private let budget: ByteBudget
  /// Few enough not to burden hosts, and enough to continue when one host is slow.
  private let transfers = FetchQueue(label: "r4b.fetch", width: 8)
  private let reads = FetchQueue(label: "r4b.files", width: 2)
  /// The time limit for a disk, or for a network file system that does not respond.
  private let readTimeout: Duration

  package init(
    remote: RemotePolicy, folder: ImageFolder?, limits: Limits, readTimeout: Duration = .seconds(30)
  ) {
    self.remote = remote
    self.folder = folder
    self.limits = limits
    self.readTimeout = readTimeout
    budget = ByteBudget(limit: limits.total)
  }

  /// The number of bytes of fetched images.
  package var bytesHeld: Int { budget.count }

  /// Checks an `http:`, `https:` or `file:` URL.
  package func location(of url: String) throws(FetchError) -> ImageLocation {
    if FilePath.isFileURL(url) {
      guard let folder else { throw .filesOff }
      return .file(try FilePath(url: url, root: folder.path))
    }
    if remote.rules.isEmpty { throw .remoteOff }
    guard let url = RemoteURL(url) else { throw .malformed }
    guard remote.admits(url) else { throw .notAllowed }
    return .remote(url)
  }

  /// Calls `body` with the bytes of all images in order; their memory is reserved until it returns. Throws
  /// `ImageFailure` for the first image that fails, `CancellationError`, or the error of `body`.
  package func withImages<Value: Sendable>(
    at locations: [ImageLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value {
    let reservation = ByteReservation(budget, limit: limits.request)
    let now = ContinuousClock.now
    let images = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
      for (index, location) in locations.enumerated() {
        group.addTask {
          let deadline: ContinuousClock.Instant
          if case .file = location { deadline = now + self.readTimeout } else { deadline = now + self.remote.timeout }
          do {
            return (index, try await self.bytes(at: location, reservation, until: deadline))
          } catch let error as FetchError { throw ImageFailure(index: index, error: error) }
        }
      }
      var images = Array(repeating: [UInt8](), count: locations.count)
      for try await (index, bytes) in group { images[index] = bytes }
      return images
    }
    defer { withExtendedLifetime(reservation) {} }
    return try await body(images)
  }

  private func bytes(
    at location: ImageLocation, _ reservation: ByteReservation, until deadline: ContinuousClock.Instant
  ) async throws -> [UInt8] {
    let (maxBytes, remote) = (limits.image, remote)
    switch location {
    case .remote(let url):
      return try await transfers.run(until: deadline) { flag throws(FetchError) in
        try Transfer(policy: remote, maxBytes: maxBytes, reservation: reservation, flag: flag, deadline: deadline)
          .bytes(at: url)
      }
    case .file(let file):
      guard let folder else { throw FetchError.filesOff }
      return try await reads.run(until: deadline) { flag throws(FetchError) in
        try folder.bytes(at: file, maxBytes: maxBytes, reservation: reservation, flag: flag)
      }
    }
  }
}
