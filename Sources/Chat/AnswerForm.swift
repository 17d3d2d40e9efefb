// The form of an answer: free text, JSON, one of several texts, tool calls.
import JSON
import Text

/// The form that an answer must or may have.
package struct AnswerForm: Sendable, Equatable {
  /// The form of the text; nil for free text.
  package var text: TextForm?
  /// The tools; nil if no tool may be called.
  package var tools: ToolUse?

  package init(text: TextForm? = nil, tools: ToolUse? = nil) { (self.text, self.tools) = (text, tools) }
}

/// The form of the text of an answer. A path is the position of the form in the request.
package enum TextForm: Sendable, Equatable {
  /// Any JSON object.
  case object
  /// JSON that matches a schema.
  case schema(JSONValue, path: String)
  /// One of these texts, not as a JSON string.
  case choice([String], path: String)
  /// A text that a regular expression matches entirely.
  case pattern(String, path: String)
}

/// Tools that the model may or must call.
package struct ToolUse: Sendable, Equatable {
  package struct Tool: Sendable, Equatable {
    package var name: String
    /// The schema of its arguments; nil allows any object.
    package var parameters: JSONValue?
    /// Whether an unsupported schema is an error; otherwise any object is allowed.
    package var isStrict: Bool
    /// `{"type": "function", "function": …}`, as templates print it.
    package var definition: JSONValue
    /// The path of the schema in the request.
    package var path: String

    package init(name: String, parameters: JSONValue?, isStrict: Bool, definition: JSONValue, path: String) {
      (self.name, self.parameters, self.isStrict) = (name, parameters, isStrict)
      (self.definition, self.path) = (definition, path)
    }
  }

  package enum Choice: Sendable, Equatable { case none, auto, required, named(String) }

  package var tools: [Tool]
  package var choice: Choice
  /// Names of the tools that may be called; nil for all.
  package var allowed: [ExactString]?
  /// Whether one answer may contain several calls.
  package var isParallel: Bool

  package init(tools: [Tool], choice: Choice, isParallel: Bool, allowed: [ExactString]? = nil) {
    (self.tools, self.choice, self.isParallel, self.allowed) = (tools, choice, isParallel, allowed)
  }

  /// Whether the answer must be a call.
  package var isOwed: Bool {
    switch choice {
    case .required, .named: true
    case .none, .auto: false
    }
  }

  /// The tools that may be called.
  package var callable: [Tool] {
    switch choice {
    case .none: []
    case .named(let name): tools.filter { $0.name == name }
    case .auto, .required: tools.filter { allowed?.contains($0.name.exact) ?? true }
    }
  }
}
