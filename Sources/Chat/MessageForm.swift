// The form of message values for a template. transformers passes the arguments of a call as an object, and none for
// missing content. Templates that were written for another form fail on this one, so there are fallbacks.
import JSON

/// The form in which a template gets messages.
struct MessageForm: Equatable {
  /// Whether a turn without content has `content: none`; otherwise it has an empty string.
  var emptyIsNone: Bool
  /// Whether arguments, a JSON object in a string, become an object.
  var argumentsAreObjects: Bool

  static let transformers = MessageForm(emptyIsNone: true, argumentsAreObjects: true)

  /// The forms to try for `messages`, best first, without forms that are equal for these messages.
  static func candidates(for messages: [Conversation.Message]) -> [MessageForm] {
    let hasEmpty = messages.contains { $0.parts.isEmpty }
    let hasArguments = messages.contains { message in
      message.toolCalls.contains { Self.transformers.call($0) != $0 }
    }
    var forms: [MessageForm] = []
    for argumentsAreObjects in hasArguments ? [true, false] : [true] {
      for emptyIsNone in hasEmpty ? [true, false] : [false] {
        forms.append(MessageForm(emptyIsNone: emptyIsNone, argumentsAreObjects: argumentsAreObjects))
      }
    }
    return forms
  }

  /// Returns a call of an earlier turn in this form. Blank or `null` arguments become an empty object; text that is no
  /// JSON object stays text.
  func call(_ call: JSONValue) -> JSONValue {
    guard argumentsAreObjects, var object = call.object, var function = object["function"]?.object,
      let text = function["arguments"]?.string
    else { return call }
    let isBlank = text.utf8.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let parsed = isBlank ? .null : try? JSONValue(parsing: text, limits: JSONLimits(depth: 32)) else {
      return call
    }
    switch parsed {
    case .null: function["arguments"] = [:]
    case .object: function["arguments"] = parsed
    default: return call
    }
    object["function"] = .object(function)
    return .object(object)
  }
}
