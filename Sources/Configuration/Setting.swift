// The declaration of one setting: name, type, range, default and help, in one place. Sections/ holds the declarations.
// Everything else follows from them: the property that code reads, parsing, variables, flags, errors and the
// documentation.
import JSON

/// One entry of config.json whose value has type `Value`. Null is `nil` where `Value` is optional.
package struct Setting<Value: Sendable>: Sendable {
  let definition: SettingDefinition
  let defaultValue: Value
  /// Converts a value that `definition` allows; nil for any other.
  let decode: @Sendable (JSONValue) -> Value?

  private init(
    _ path: String, _ formerPath: String?, _ kind: SettingKind, _ standard: JSONValue, _ help: String,
    _ decode: @escaping @Sendable (JSONValue) -> Value?
  ) {
    guard let defaultValue = decode(standard) else { preconditionFailure("\(path): the default has another type") }
    definition = SettingDefinition(path: path, formerPath: formerPath, kind: kind, standard: standard, help: help)
    (self.defaultValue, self.decode) = (defaultValue, decode)
  }
}

// Each type of value has its own initialiser. `path` is section and name, for instance `server.port`. `formerly` is the
// path that the setting had before it was renamed: it works for one release, with a warning. `help` is one sentence
// with units.

extension Setting<Bool> {
  init(_ path: String, formerly: String? = nil, default standard: Bool, _ help: String) {
    self.init(path, formerly, .bool, .bool(standard), help, \.bool)
  }
}

extension Setting<Int> {
  init(_ path: String, formerly: String? = nil, in range: ClosedRange<Int>, default standard: Int, _ help: String) {
    self.init(path, formerly, .integer(range), .integer(Int64(standard)), help, \.int)
  }
}

extension Setting<Int?> {
  init(_ path: String, formerly: String? = nil, in range: ClosedRange<Int>, default standard: Int?, _ help: String) {
    let standard = standard.map { JSONValue.integer(Int64($0)) } ?? .null
    self.init(path, formerly, .nullable(.integer(range)), standard, help) { $0.isNull ? .some(nil) : $0.int }
  }
}

extension Setting<Double> {
  init(_ path: String, formerly: String? = nil, in range: ClosedRange<Double>, default standard: Int, _ help: String) {
    self.init(path, formerly, .number(range), .integer(Int64(standard)), help, \.double)
  }
}

extension Setting<Duration> {
  /// A time in seconds; the path ends in `_s`.
  init(
    _ path: String, formerly: String? = nil, seconds range: ClosedRange<Double>, default standard: Int, _ help: String
  ) {
    self.init(path, formerly, .number(range), .integer(Int64(standard)), help) { $0.double.map { .seconds($0) } }
  }

  /// A time in milliseconds; the path ends in `_ms`.
  init(
    _ path: String, formerly: String? = nil, milliseconds range: ClosedRange<Double>, default standard: Int,
    _ help: String
  ) {
    self.init(path, formerly, .number(range), .integer(Int64(standard)), help) { $0.double.map { .milliseconds($0) } }
  }
}

extension Setting<Duration?> {
  /// A time in seconds, null by default; the path ends in `_s`.
  init(_ path: String, formerly: String? = nil, seconds range: ClosedRange<Double>, _ help: String) {
    self.init(path, formerly, .nullable(.number(range)), .null, help) { value in
      value.isNull ? .some(nil) : value.double.map { .seconds($0) }
    }
  }
}

extension Setting<String> {
  init(_ path: String, formerly: String? = nil, default standard: String, _ help: String) {
    self.init(path, formerly, .string, .string(standard), help, \.string)
  }

  init(_ path: String, formerly: String? = nil, oneOf names: [String], default standard: String, _ help: String) {
    self.init(path, formerly, .choice(names), .string(standard), help, \.string)
  }
}

extension Setting<String?> {
  init(_ path: String, formerly: String? = nil, default standard: String?, _ help: String) {
    let standard = standard.map { JSONValue.string($0) } ?? .null
    self.init(path, formerly, .nullable(.string), standard, help) { $0.isNull ? .some(nil) : $0.string }
  }

  /// One of `names`, or null, which is the default.
  init(_ path: String, formerly: String? = nil, oneOf names: [String], _ help: String) {
    self.init(path, formerly, .nullable(.choice(names)), .null, help) { $0.isNull ? .some(nil) : $0.string }
  }
}

extension Setting<[String]> {
  /// A list that is empty by default.
  init(_ path: String, formerly: String? = nil, of entry: SettingKind.ListEntry, _ help: String) {
    self.init(path, formerly, .list(entry), [], help) { value in
      value.array.map { $0.compactMap(\.string).map(entry.normalised) }
    }
  }
}

/// The permission bits of a file.
package struct FileMode: Sendable, Equatable {
  package let bits: UInt32
}

extension Setting<FileMode> {
  /// Permissions as `chmod` reads them, for instance `660`.
  init(_ path: String, formerly: String? = nil, default standard: String, _ help: String) {
    self.init(path, formerly, .fileMode, .string(standard), help) { value in
      value.string.flatMap { UInt32($0, radix: 8) }.map(FileMode.init)
    }
  }
}
