// Bounds of the work queue, and how the size of a job is told to it.

/// What a work queue may hold and use.
package struct WorkLimits: Sendable, Equatable {
  /// Threads. One of them never takes long jobs, so that short ones always find one.
  package var workers: Int
  /// Jobs that wait, over all clients.
  package var waiting = 1024
  /// Jobs of one client that wait.
  package var waitingPerClient = 512
  /// Images that are decoded at once; each may hold some hundred megabytes.
  package var images = 2
  /// Processor time of one request over all of its jobs.
  package var requestTime = Duration.seconds(20)

  package init(workers: Int) { self.workers = max(2, workers) }
}

/// How much a job is expected to take.
package struct WorkSize: Sendable, Equatable {
  enum Kind: Sendable { case short, long, image }

  let kind: Kind
  /// Seconds of processor time; what the job did take replaces it afterwards.
  let seconds: Double
  /// Whether the job is refused where too many wait.
  var isBounded = true

  /// Bytes up to which a job is short.
  private static let shortBytes = 64 << 10

  /// Work that is proportional to so many bytes of text.
  package static func text(bytes: Int) -> WorkSize {
    WorkSize(kind: bytes <= shortBytes ? .short : .long, seconds: Double(bytes) * 5e-8 + 1e-4)
  }

  /// Work of unknown length that is not short, such as the compilation of a schema.
  package static let long = WorkSize(kind: .long, seconds: 0.05)

  /// Work on one image, whose decoded pixels are held meanwhile.
  package static let image = WorkSize(kind: .image, seconds: 0.2)
}
