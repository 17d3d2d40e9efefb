// `results.jsonl`: a line is written whole, at once and behind all others, so that a run that is killed loses at most the line it was writing. That line
// is cut off when the file is opened again. A lock keeps two runs from one file.
import Foundation
import Glibc
import JSON

/// The results of a run on disk; it has one owner.
struct ResultsFile<Result: RunResult>: ~Copyable {
  /// The name of the file.
  static var name: String { "results.jsonl" }

  private let descriptor: Int32
  private let path: String
  /// What the file held when it was opened, in order. Of several results for one question the last counts.
  let earlier: [Result]

  /// Opens or makes the file, and the directory with it, and cuts off a last line that was not finished. Throws when another run has it open, when the directory
  /// is not `run`'s, or when a line before the last cannot be read.
  init(in directory: String, of run: RunManifest) throws(EvaluationError) {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw EvaluationError("\(directory) cannot be made: \(error.localizedDescription)")
    }
    let path = directory + "/" + Self.name
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw EvaluationError("\(path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    do throws(EvaluationError) {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw EvaluationError(
          errno == EWOULDBLOCK
            ? "\(path) is in use by another run" : "\(path) cannot be locked: \(String(cString: strerror(errno)))")
      }
      // Behind the lock, so that of two runs that begin together one is the directory's.
      try run.settle(in: directory)
      guard let data = FileManager.default.contents(atPath: path) else {
        throw EvaluationError("\(path) cannot be read")
      }
      let (results, length) = try Self.parse(Array(data), path)
      if length < data.count, ftruncate(descriptor, off_t(length)) != 0 {
        throw EvaluationError("\(path) cannot be cut to \(length) bytes: \(String(cString: strerror(errno)))")
      }
      earlier = results
    } catch {
      close(descriptor)
      throw error
    }
    (self.descriptor, self.path) = (descriptor, path)
  }

  deinit { close(descriptor) }

  /// Appends a line. Throws when the disk takes no more; what was begun of the line is cut off by the next opening.
  func append(_ result: Result) throws(EvaluationError) {
    var rest = (result.json.encoded + [0x0A])[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        throw EvaluationError("\(path) cannot be written: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// The results, and the bytes of the lines that are whole.
  private static func parse(
    _ bytes: [UInt8], _ path: String
  ) throws(EvaluationError) -> (results: [Result], length: Int) {
    var results: [Result] = []
    var start = 0, number = 1
    while let end = bytes[start...].firstIndex(of: 0x0A) {
      do {
        results.append(try Result(JSONValue(parsing: Array(bytes[start..<end]))))
      } catch {
        throw EvaluationError("\(path):\(number): \(error)")
      }
      (start, number) = (end + 1, number + 1)
    }
    return (results, start)
  }
}
