// Limits of the work queue, and the size of a job.

/// Limits of a work queue.
package struct WorkLimits: Sendable, Equatable {
  /// The number of threads. One of them never takes long jobs, so that short ones can always run.
  package var workers: Int
  /// The number of waiting jobs over all clients.
  package var waiting = 1024
  /// The number of waiting jobs of one client.
  package var waitingPerClient = 512
  /// The number of images decoded at the same time; each may take some hundred megabytes.
  package var images = 2
  /// The processor time of one request over all its jobs.
  package var requestTime = Duration.seconds(20)

  package init(workers: Int) { self.workers = max(2, workers) }
}

/// The expected cost of a job.
package struct WorkSize: Sendable, Equatable {
  enum Kind: Sendable { case short, long, image }

  let kind: Kind
  /// The expected processor time in seconds. The measured time replaces it afterwards.
  let seconds: Double
  /// Whether the job is rejected if too many are waiting.
  var isBounded = true

  /// The number of bytes up to which a job is short.
  private static let shortBytes = 64 << 10

  /// Returns the size of work that is proportional to the number of bytes of text.
  package static func text(bytes: Int) -> WorkSize {
    WorkSize(kind: bytes <= shortBytes ? .short : .long, seconds: Double(bytes) * 5e-8 + 1e-4)
  }

  /// Work of unknown length that is not short, such as compiling a schema.
  package static let long = WorkSize(kind: .long, seconds: 0.05)

  /// Work on one image, whose decoded pixels are in memory meanwhile.
  package static let image = WorkSize(kind: .image, seconds: 0.2)
}
