// Reads question sets from JSONL files: one JSON object per line, empty lines are ignored. All errors are found
// before the first question is asked.
import Foundation
import JSON

/// The questions of one or more files in order, each unique by set and id.
package struct QuestionSet: Sendable {
  /// Limits on the files.
  package struct Limits: Sendable {
    /// The size of a file in bytes.
    package var fileBytes = 1 << 30
    /// The size of a line in bytes, including data URIs.
    package var lineBytes = 64 << 20
    /// The number of questions in all files.
    package var questions = 1_000_000

    package init() {}
  }

  package private(set) var questions: [Question] = []
  /// A 64-bit FNV-1a digest of every line and image, in hexadecimal. It detects changes, but not forgery.
  package private(set) var digest = ""

  /// Reads the files in order. Throws at the first error, with file, line and field. If `needsAnswers`, a question
  /// without an answer is an error.
  package init(files: [String], needsAnswers: Bool = true, limits: Limits = Limits()) throws(EvaluationError) {
    var hash = Fingerprint()
    var locations: [Question.Key: String] = [:]
    for file in files {
      let stem = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
      let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
      for (number, line) in try Self.lines(of: file, limits) {
        let location = "\(file):\(number)"
        let question = try QuestionLine(line, location: location, folder: folder)
          .question(defaultSet: stem, defaultID: String(number), needsAnswer: needsAnswers)
        if let earlier = locations.updateValue(location, forKey: question.key) {
          throw EvaluationError("\(location): id: \(question.key) is already used at \(earlier)")
        }
        questions.append(question)
        guard questions.count <= limits.questions else {
          throw EvaluationError("\(location): there must be at most \(limits.questions) questions")
        }
        hash.add(Array(question.key.description.utf8))
        hash.add(Array(line))
        for (index, image) in question.images.enumerated() {
          do throws(EvaluationError) { hash.add(try image.contents()) } catch {
            throw EvaluationError("\(location): image \(index + 1): \(error)")
          }
        }
      }
    }
    if questions.isEmpty { throw EvaluationError("\(files.joined(separator: ", ")): the files contain no questions") }
    digest = hash.text
  }

  /// Keeps the first `count` questions of each set.
  package mutating func limit(toFirst count: Int) {
    var taken: [String: Int] = [:]
    questions = questions.filter { question in
      taken[question.set, default: 0] += 1
      return taken[question.set, default: 0] <= count
    }
  }

  private static func lines(
    of file: String, _ limits: Limits
  ) throws(EvaluationError) -> [(number: Int, line: ArraySlice<UInt8>)] {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    if let size = attributes?[.size] as? Int, size > limits.fileBytes {
      throw EvaluationError("\(file) must have at most \(limits.fileBytes) bytes, got \(size)")
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw EvaluationError("\(file) cannot be read")
    }
    var bytes = Array(data)[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    var lines: [(Int, ArraySlice<UInt8>)] = []
    for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      guard line.count <= limits.lineBytes else {
        throw EvaluationError(
          "\(file):\(index + 1): a line must have at most \(limits.lineBytes) bytes, got \(line.count)")
      }
      lines.append((index + 1, line))
    }
    return lines
  }
}
