// The one error of this module. Names inside a model file are untrusted: errors escape and truncate them.
import JSON
import Text

/// Why a model file or directory cannot be used: the location, what was expected there, and what was found.
package struct ModelFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The part of a file that is wrong.
  package enum Location: Equatable, Sendable {
    case whole
    /// A tensor, by its canonical name or, where that is not known yet, by its stored name.
    case tensor(String)
    /// A JSON member, as a path such as `text_config.hidden_size`.
    case key(String)
  }

  /// Path of the file or directory at fault.
  package var file: String
  package var location: Location
  package var expected: String
  package var found: String

  package init(file: String, location: Location = .whole, expected: String, found: String) {
    (self.file, self.location, self.expected, self.found) = (file, location, expected, found)
  }

  package var description: String {
    let subject =
      switch location {
      case .whole: ""
      case .tensor(let name): "tensor \(quoted(name)): "
      case .key(let path): "\(path): "
      }
    return "\(file): \(subject)expected \(expected), found \(found)"
  }
}

/// Returns `text` in quotes, cut to 120 scalars, with everything escaped that a terminal might interpret.
func quoted(_ text: String) -> String {
  let scalars = text.unicodeScalars
  return "\"" + scalars.prefix(120).map { $0.escaped(asASCII: true) }.joined() + (scalars.count > 120 ? "…\"" : "\"")
}

/// Returns the JSON parser's message with quoted names made safe to print.
func shown(_ error: JSONError) -> String {
  error.description.unicodeScalars.map { $0.value < 0x7F && $0.value >= 0x20 ? String($0) : $0.escaped(asASCII: true) }
    .joined()
}

/// Returns a JSON value for errors: scalars as written, containers by their type.
func shown(_ value: JSONValue?) -> String {
  switch value {
  case nil: "nothing"
  case .string(let text): quoted(text)
  case .array(let values): "an array of \(values.count)"
  case .object: "an object"
  case .some(let scalar): String(decoding: scalar.encoded, as: UTF8.self)
  }
}
