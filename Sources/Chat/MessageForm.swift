// The form of a message's values in a template. transformers gives the arguments of a call as an object, and none for content that is
// missing. Templates that were written for another form fail on that one, so there are forms to fall back to.
import JSON

/// How messages are given to a template.
struct MessageForm: Equatable {
  /// Whether a turn without content has `content: none`, otherwise an empty string.
  var emptyIsNone: Bool
  /// Whether arguments that are a JSON object in a string become that object.
  var argumentsAreObjects: Bool

  static let transformers = MessageForm(emptyIsNone: true, argumentsAreObjects: true)

  /// The forms to try for `messages`, best first. Forms that are the same for these messages are left out.
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

  /// A call of an earlier turn. Arguments that are blank or `null` are no arguments; what is no JSON object stays the text that it is.
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
