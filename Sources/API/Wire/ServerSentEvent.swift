// The event stream format (WHATWG HTML, section 9.2), as far as chat clients use it.
import JSON

enum ServerSentEvent {
  static let contentType = "text/event-stream; charset=utf-8"

  /// Encodes an event with a JSON document. JSON text has no line feed, so it is one line.
  static func data(_ value: JSONValue) -> [UInt8] { Array("data: ".utf8) + value.encoded + [0x0A, 0x0A] }

  /// Encodes a comment, which clients skip.
  static func comment(_ text: String) -> [UInt8] { Array(": \(text)\n\n".utf8) }

  /// The end of the stream.
  static let done = Array("data: [DONE]\n\n".utf8)
}
