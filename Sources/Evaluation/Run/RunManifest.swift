// The parameters that a directory of results belongs to, so that only the same run can continue it.
import Foundation
import JSON

/// The contents of `run.json`.
struct RunManifest {
  /// The name of the file.
  static let name = "run.json"
  /// The version, incremented when the same parameters lead to different requests.
  private static let version: Int64 = 2

  private(set) var members: JSONObject

  /// Creates the manifest of a kind of run over a set.
  init(_ kind: String, _ set: QuestionSet, _ parameters: JSONObject) {
    var counts = JSONObject()
    for question in set.questions {
      let earlier = counts[question.set]?.int ?? 0
      counts[question.set] = .integer(Int64(earlier + 1))
    }
    members = [
      "run": .string(kind), "version": .integer(Self.version), "questions": .object(counts),
      "digest": .string(set.digest),
    ]
    for member in parameters.members { members[member.name] = member.value }
  }

  init(_ set: QuestionSet, _ parameters: RunParameters) {
    self.init(
      "evaluation", set,
      [
        "model": parameters.model.map(JSONValue.string) ?? .null, "source": parameters.source,
        "modes": .array(parameters.modes.map { .string($0.rawValue) }),
        "biases": .array(parameters.biases.map { .number($0) }),
        "sweep_questions": parameters.sweepQuestions.map { .integer(Int64($0)) } ?? .null,
        "temperature": 0, "max_completion_tokens": parameters.maxTokens.map { .integer(Int64($0)) } ?? .null,
        "seed": .string(String(parameters.seed)), "keep_text": .bool(parameters.keepsText),
        "choices": [
          "separator": .string(parameters.choices.separator), "request": .string(parameters.choices.request),
        ],
      ])
  }

  /// Writes the manifest into a directory, or compares it with the existing one. Throws with every member that
  /// differs.
  func claim(in directory: String) throws(EvaluationError) {
    let path = directory + "/" + Self.name
    guard FileManager.default.fileExists(atPath: path) else {
      do {
        try Data((JSONValue.object(members).pretty() + "\n").utf8).write(
          to: URL(fileURLWithPath: path), options: .atomic)
      } catch {
        throw EvaluationError("\(path) cannot be written: \(error.localizedDescription)")
      }
      return
    }
    guard let data = FileManager.default.contents(atPath: path), let old = try? JSONValue(parsing: Array(data)),
      let object = old.object
    else {
      throw EvaluationError("\(path) cannot be read as JSON")
    }
    let differing = Self.differences(object, members, "")
    if !differing.isEmpty {
      throw EvaluationError(
        "\(directory) contains the results of another run: \(differing.joined(separator: "; ")). Use another directory")
    }
  }

  /// Returns the differences with the path of each member.
  private static func differences(_ old: JSONObject, _ new: JSONObject, _ prefix: String) -> [String] {
    (new.names + old.names.filter { new[$0] == nil }).flatMap { name -> [String] in
      let (was, now) = (old[name], new[name])
      if let was = was?.object, let now = now?.object { return differences(was, now, "\(prefix)\(name).") }
      return same(was, now) ? [] : ["\(prefix)\(name) was \(text(was)), now \(text(now))"]
    }
  }

  /// Whether the values are equal, with or without a number's fraction.
  private static func same(_ a: JSONValue?, _ b: JSONValue?) -> Bool {
    if case .array(let first)? = a, case .array(let second)? = b {
      return first.count == second.count && zip(first, second).allSatisfy { same($0, $1) }
    }
    return a == b || (a?.double != nil && a?.double == b?.double)
  }

  private static func text(_ value: JSONValue?) -> String {
    value.map { String(decoding: $0.encoded, as: UTF8.self) } ?? "absent"
  }
}
