// Images that a request names instead of holding: the check of the name, which touches neither network nor disk, and later the
// bytes. Shared by all requests.

import Text

/// Where an image is, checked against the operator's rules.
package enum ImageLocation: Sendable {
  case remote(RemoteURL)
  case file(FilePath)
}

/// Which of several images could not be had, and why.
package struct ImageFailure: Error, Equatable {
  /// Its place among those asked for.
  package var index: Int
  package var error: FetchError

  package init(index: Int, error: FetchError) { (self.index, self.error) = (index, error) }
}

/// Fetches from allowed hosts and reads below one directory.
package final class ImageFetcher: Sendable {
  /// Bounds in bytes.
  package struct Limits: Sendable {
    package var image: Int
    /// All images of one request.
    package var request: Int
    /// All requests.
    package var total: Int

    package init(image: Int, request: Int, total: Int) {
      (self.image, self.request, self.total) = (image, request, total)
    }
  }

  private let remote: RemotePolicy
  private let folder: ImageFolder?
  private let limits: Limits
  private let room: ByteRoom
  /// Few enough to be no burden on the hosts, enough that a slow one leaves room for others.
  private let transfers = FetchQueue(label: "r4b.fetch", width: 8)
  private let reads = FetchQueue(label: "r4b.files", width: 2)
  /// For a disk, or a network's file system that does not answer.
  private let readTimeout: Duration

  package init(
    remote: RemotePolicy, folder: ImageFolder?, limits: Limits, readTimeout: Duration = .seconds(30)
  ) {
    (self.remote, self.folder, self.limits, self.readTimeout) = (remote, folder, limits, readTimeout)
    room = ByteRoom(limit: limits.total)
  }

  /// Bytes that fetched images take.
  package var bytesHeld: Int { room.count }

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

  /// Calls `body` with the bytes of every image in order; their memory counts until it returns. Throws `ImageFailure` for the
  /// first one that fails, `CancellationError`, or what `body` throws.
  package func withImages<Value: Sendable>(
    at locations: [ImageLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value {
    let share = ByteShare(room, limit: limits.request)
    let now = ContinuousClock.now
    let images = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
      for (index, location) in locations.enumerated() {
        group.addTask {
          let deadline: ContinuousClock.Instant
          if case .file = location { deadline = now + self.readTimeout } else { deadline = now + self.remote.timeout }
          do {
            return (index, try await self.bytes(at: location, share, until: deadline))
          } catch let error as FetchError { throw ImageFailure(index: index, error: error) }
        }
      }
      var images = Array(repeating: [UInt8](), count: locations.count)
      for try await (index, bytes) in group { images[index] = bytes }
      return images
    }
    defer { withExtendedLifetime(share) {} }
    return try await body(images)
  }

  private func bytes(
    at location: ImageLocation, _ share: ByteShare, until deadline: ContinuousClock.Instant
  ) async throws -> [UInt8] {
    let (maxBytes, remote) = (limits.image, remote)
    switch location {
    case .remote(let url):
      return try await transfers.run(until: deadline) { flag throws(FetchError) in
        try Transfer(policy: remote, maxBytes: maxBytes, share: share, flag: flag, deadline: deadline).bytes(at: url)
      }
    case .file(let file):
      guard let folder else { throw FetchError.filesOff }
      return try await reads.run(until: deadline) { flag throws(FetchError) in
        try folder.bytes(at: file, maxBytes: maxBytes, share: share, flag: flag)
      }
    }
  }
}
