// `results.jsonl`. Lines are appended atomically, so that a killed run loses at most its last line, which is removed
// when the file is next opened. A lock prevents two runs from using one file.
import Foundation
import Glibc
import JSON

/// The results of a run on disk. Has one owner.
struct ResultsFile<Result: RunResult>: ~Copyable {
  /// The name of the file.
  static var name: String { "results.jsonl" }

  private let descriptor: Int32
  private let path: String
  /// The contents of the file when it was opened, in order. The last of several results for a question counts.
  let earlier: [Result]

  /// Opens or creates the file and its directory, and removes an incomplete last line. Throws if another run has the
  /// file open, if the directory does not belong to `run`, or if a complete line is invalid.
  init(in directory: String, of run: RunManifest) throws(EvaluationError) {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw EvaluationError("\(directory) cannot be created: \(error.localizedDescription)")
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
      // Done while holding the lock, so that only one of two simultaneous runs gets the directory.
      try run.claim(in: directory)
      guard let data = FileManager.default.contents(atPath: path) else {
        throw EvaluationError("\(path) cannot be read")
      }
      let (results, length) = try Self.parse(Array(data), path)
      if length < data.count, ftruncate(descriptor, off_t(length)) != 0 {
        throw EvaluationError("\(path) cannot be truncated to \(length) bytes: \(String(cString: strerror(errno)))")
      }
      earlier = results
    } catch {
      close(descriptor)
      throw error
    }
    (self.descriptor, self.path) = (descriptor, path)
  }

  deinit { close(descriptor) }

  /// Appends a line. Throws if the disk is full; the next opening removes the incomplete line.
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

  /// Returns the results and the size of the complete lines in bytes.
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
