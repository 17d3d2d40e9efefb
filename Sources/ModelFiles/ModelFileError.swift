// The one error of this room. Names inside a model file are untrusted: they are escaped and cut before they are shown.
import JSON
import Text

/// Why a model directory cannot be used: where the fault is, what was expected there, and what was found.
package struct ModelFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The part of a file that is wrong.
  package enum Place: Equatable, Sendable {
    case whole
    /// A tensor, by its canonical name or, where that is not known yet, as stored.
    case tensor(String)
    /// A JSON member, as a path such as `text_config.hidden_size`.
    case key(String)
  }

  /// Path of the file or directory at fault.
  package var file: String
  package var place: Place
  package var expected: String
  package var found: String

  package init(file: String, place: Place = .whole, expected: String, found: String) {
    (self.file, self.place, self.expected, self.found) = (file, place, expected, found)
  }

  package var description: String {
    let subject =
      switch place {
      case .whole: ""
      case .tensor(let name): "tensor \(quoted(name)): "
      case .key(let path): "\(path): "
      }
    return "\(file): \(subject)expected \(expected), found \(found)"
  }
}

/// `text` between quotes, at most 120 scalars of it, with everything escaped that a terminal might act upon.
func quoted(_ text: String) -> String {
  let scalars = text.unicodeScalars
  return "\"" + scalars.prefix(120).map { $0.escaped(asASCII: true) }.joined() + (scalars.count > 120 ? "…\"" : "\"")
}

/// What the JSON parser says, with the names it cites made safe to print.
func shown(_ error: JSONError) -> String {
  error.description.unicodeScalars.map { $0.value < 0x7F && $0.value >= 0x20 ? String($0) : $0.escaped(asASCII: true) }
    .joined()
}

/// A JSON value as an error text shows it: scalars as written, containers by their type.
func shown(_ value: JSONValue?) -> String {
  switch value {
  case nil: "nothing"
  case .string(let text): quoted(text)
  case .array(let values): "an array of \(values.count)"
  case .object: "an object"
  case .some(let scalar): String(decoding: scalar.encoded, as: UTF8.self)
  }
}
