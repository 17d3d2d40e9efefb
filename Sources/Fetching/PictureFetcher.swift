// Pictures that a request names instead of holding: the check of the name, which touches neither network nor disk, and later the
// bytes. Shared by all requests.

import Text

/// Where a picture is, checked against the operator's rules.
package enum PictureLocation: Sendable {
  case remote(RemoteURL)
  case file(FilePath)
}

/// Which of several pictures could not be had, and why.
package struct PictureFailure: Error, Equatable {
  /// Its place among those asked for.
  package var index: Int
  package var error: FetchError

  package init(index: Int, error: FetchError) { (self.index, self.error) = (index, error) }
}

/// Fetches from allowed hosts and reads below one directory.
package final class PictureFetcher: Sendable {
  /// Bounds in bytes.
  package struct Limits: Sendable {
    package var picture: Int
    /// All pictures of one request.
    package var request: Int
    /// All requests.
    package var total: Int

    package init(picture: Int, request: Int, total: Int) {
      (self.picture, self.request, self.total) = (picture, request, total)
    }
  }

  private let remote: RemotePolicy
  private let folder: PictureFolder?
  private let limits: Limits
  private let room: ByteRoom
  /// Few enough to be no burden on the hosts, enough that a slow one leaves room for others.
  private let transfers = FetchQueue(label: "r4b.fetch", width: 8)
  private let reads = FetchQueue(label: "r4b.files", width: 2)
  /// For a disk, or a network's file system that does not answer.
  private let readTimeout: Duration

  package init(
    remote: RemotePolicy, folder: PictureFolder?, limits: Limits, readTimeout: Duration = .seconds(30)
  ) {
    (self.remote, self.folder, self.limits, self.readTimeout) = (remote, folder, limits, readTimeout)
    room = ByteRoom(limit: limits.total)
  }

  /// Bytes that fetched pictures take.
  package var bytesHeld: Int { room.count }

  /// Checks an `http:`, `https:` or `file:` URL.
  package func location(of url: String) throws(FetchError) -> PictureLocation {
    if FilePath.isFileURL(url) {
      guard let folder else { throw .filesOff }
      return .file(try FilePath(url: url, root: folder.path))
    }
    if remote.rules.isEmpty { throw .remoteOff }
    guard let url = RemoteURL(url) else { throw .malformed }
    guard remote.admits(url) else { throw .notAllowed }
    return .remote(url)
  }

  /// Calls `body` with the bytes of every picture in order; their memory counts until it returns. Throws `PictureFailure` for the
  /// first one that fails, `CancellationError`, or what `body` throws.
  package func withPictures<Value: Sendable>(
    at locations: [PictureLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value {
    let share = ByteShare(room, limit: limits.request)
    let now = ContinuousClock.now
    let pictures = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
      for (index, location) in locations.enumerated() {
        group.addTask {
          let deadline: ContinuousClock.Instant
          if case .file = location { deadline = now + self.readTimeout } else { deadline = now + self.remote.timeout }
          do {
            return (index, try await self.bytes(at: location, share, until: deadline))
          } catch let error as FetchError { throw PictureFailure(index: index, error: error) }
        }
      }
      var pictures = Array(repeating: [UInt8](), count: locations.count)
      for try await (index, bytes) in group { pictures[index] = bytes }
      return pictures
    }
    defer { withExtendedLifetime(share) {} }
    return try await body(pictures)
  }

  private func bytes(
    at location: PictureLocation, _ share: ByteShare, until deadline: ContinuousClock.Instant
  ) async throws -> [UInt8] {
    let (maxBytes, remote) = (limits.picture, remote)
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
