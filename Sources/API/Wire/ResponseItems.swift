// The output of a response: items for reasoning, messages and function calls. One value receives the pieces of the
// reply, returns the events of a stream, and has the whole output at the end.
import Chat
import GenerationTypes
import JSON
import Text

/// The items of one response.
struct ResponseItems: Sendable {
  private enum Open: Sendable {
    case reasoning(text: String)
    case message(text: String, logprobs: [JSONValue])
    case call(name: String, callID: String, arguments: String)
  }

  typealias Event = (type: String, members: JSONObject)

  /// Finished items, in order.
  private(set) var finished: [JSONValue] = []
  private var open: (id: String, kind: Open)?

  /// Adds a piece and returns its events; `logprobs` belong to text.
  mutating func append(_ piece: ReplyPiece, logprobs: [JSONValue]) -> [Event] {
    var events: [Event] = []
    switch piece {
    case .thinking(let delta):
      events += begin(.reasoning(text: ""))
      events.append(grow(delta, []))
    case .content(let delta):
      events += begin(.message(text: "", logprobs: []))
      events.append(grow(delta, logprobs))
    case .toolCall(_, let name):
      events += end("completed")
      events += begin(.call(name: name, callID: ReplyTranscript.callID(), arguments: ""))
    case .toolArguments(_, let delta):
      if case .call = open?.kind { events.append(grow(delta, [])) }
    }
    return events
  }

  /// Ends the open item; `status` is `completed` or `incomplete`.
  mutating func end(_ status: String) -> [Event] {
    guard let (id, kind) = open else { return [] }
    var events: [Event] = []
    let location = location(of: id)
    switch kind {
    case .reasoning(let text):
      events.append(("response.reasoning_text.done", location + ["content_index": 0, "text": .string(text)]))
      events.append(("response.content_part.done", location + ["content_index": 0, "part": Self.reasoningPart(text)]))
    case .message(let text, let logprobs):
      events.append(
        (
          "response.output_text.done",
          location + ["content_index": 0, "text": .string(text), "logprobs": .array(logprobs)]
        ))
      events.append(
        ("response.content_part.done", location + ["content_index": 0, "part": Self.textPart(text, logprobs)]))
    case .call(let name, _, let arguments):
      events.append(
        (
          "response.function_call_arguments.done",
          location + ["name": .string(name), "arguments": .string(arguments)]
        ))
    }
    // A call with complete arguments is complete, even if the limit cut the reply after them.
    var status = status
    if status != "completed", case .call(_, _, let arguments) = kind, (try? JSONValue(parsing: arguments)) != nil {
      status = "completed"
    }
    let item = Self.item(id, kind, status: status)
    events.append(("response.output_item.done", ["output_index": .integer(Int64(finished.count)), "item": item]))
    finished.append(item)
    open = nil
    return events
  }

  /// Opens an item of this kind unless one is open.
  private mutating func begin(_ kind: Open) -> [Event] {
    switch (open?.kind, kind) {
    case (.reasoning, .reasoning), (.message, .message): return []
    default: break
    }
    var events = end("completed")
    let (prefix, part): (String, JSONValue?) =
      switch kind {
      case .reasoning: ("rs_", Self.reasoningPart(""))
      case .message: ("msg_", Self.textPart("", []))
      case .call: ("fc_", nil)
      }
    let id = prefix + RequestID.random()
    open = (id, kind)
    var item = Self.item(id, kind, status: "in_progress")
    if part != nil, var object = item.object {
      object["content"] = []
      item = .object(object)
    }
    events.append(("response.output_item.added", ["output_index": .integer(Int64(finished.count)), "item": item]))
    if let part {
      events.append(("response.content_part.added", location(of: id) + ["content_index": 0, "part": part]))
    }
    return events
  }

  private mutating func grow(_ delta: String, _ new: [JSONValue]) -> Event {
    guard let (id, kind) = open else { return ("error", [:]) }
    let location = location(of: id)
    switch kind {
    case .reasoning(let text):
      open = (id, .reasoning(text: text + delta))
      return ("response.reasoning_text.delta", location + ["content_index": 0, "delta": .string(delta)])
    case .message(let text, let logprobs):
      open = (id, .message(text: text + delta, logprobs: logprobs + new))
      return (
        "response.output_text.delta",
        location + ["content_index": 0, "delta": .string(delta), "logprobs": .array(new)]
      )
    case .call(let name, let callID, let arguments):
      open = (id, .call(name: name, callID: callID, arguments: arguments + delta))
      return ("response.function_call_arguments.delta", location + ["delta": .string(delta)])
    }
  }

  private func location(of id: String) -> JSONObject {
    ["item_id": .string(id), "output_index": .integer(Int64(finished.count))]
  }

  private static func item(_ id: String, _ kind: Open, status: String) -> JSONValue {
    switch kind {
    case .reasoning(let text):
      return [
        "id": .string(id), "type": "reasoning", "summary": [], "content": [reasoningPart(text)],
        "status": .string(status),
      ]
    case .message(let text, let logprobs):
      return [
        "id": .string(id), "type": "message", "status": .string(status), "role": "assistant",
        "content": [textPart(text, logprobs)],
      ]
    case .call(let name, let callID, let arguments):
      return [
        "id": .string(id), "type": "function_call", "status": .string(status), "call_id": .string(callID),
        "name": .string(name), "arguments": .string(arguments),
      ]
    }
  }

  private static func reasoningPart(_ text: String) -> JSONValue { ["type": "reasoning_text", "text": .string(text)] }

  private static func textPart(_ text: String, _ logprobs: [JSONValue]) -> JSONValue {
    ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": .array(logprobs)]
  }
}

extension JSONObject {
  /// Returns the members of both.
  static func + (first: JSONObject, second: JSONObject) -> JSONObject {
    var both = first
    for (name, value) in second.members { both[name] = value }
    return both
  }
}
