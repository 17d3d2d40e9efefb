// The spellings by which clients of different servers ask for thinking, brought to one of the model's three modes.
import GenerationTypes
import JSON

extension FieldReader {
  /// Fields that choose the mode or shape the thought.
  static let modeFields = [
    "thinking_mode", "chat_template_kwargs", "enable_thinking", "thinking", "reasoning_effort", "thinking_budget",
    "thinking_budget_tokens", "thinking_token_budget", "think_bias", "think_threshold",
  ]

  /// The mode this request asks for. The first spelling in the order of the contract wins; another that says something else
  /// is a contradiction. `ignored` receives what was understood only in part.
  func mode(default fallback: ThinkingMode, ignored: inout [String]) throws(APIError) -> ThinkingMode {
    for name in ["thinking_budget", "thinking_budget_tokens", "thinking_token_budget", "think_bias", "think_threshold"]
    where value(name) != nil {
      throw notOffered(name)
    }
    var asked: [(field: String, mode: ThinkingMode)] = []
    if let mode = try thinkingMode() { asked.append((path(to: "thinking_mode"), mode)) }
    if let arguments = try object("chat_template_kwargs") {
      let own = ["thinking_mode", "enable_thinking"]
      for name in arguments.object.names where !own.contains(name) {
        throw .invalid(
          arguments.path, "chat_template_kwargs takes thinking_mode and enable_thinking only.",
          code: "unsupported_parameter")
      }
      if let mode = try arguments.thinkingMode() { asked.append((arguments.path(to: "thinking_mode"), mode)) }
      if let enable = try arguments.bool("enable_thinking") {
        asked.append((arguments.path(to: "enable_thinking"), enable ? .long : .short))
      }
    }
    if let enable = try bool("enable_thinking") { asked.append(("enable_thinking", enable ? .long : .short)) }
    if let thinking = try object("thinking") {
      if thinking.value("budget_tokens") != nil { throw thinking.notOffered("budget_tokens") }
      let type = try thinking.require("type", thinking.word("type", of: ["enabled", "disabled", "adaptive"]))
      asked.append((thinking.path(to: "type"), type == "enabled" ? .long : type == "disabled" ? .short : .auto))
      ignored += try FieldNames.unknown(in: thinking, known: ["type", "budget_tokens"])
    }
    let efforts = ["none", "minimal", "low", "medium", "high", "xhigh"]
    if let effort = try word("reasoning_effort", of: efforts) {
      asked.append(("reasoning_effort", effort == "none" ? .short : effort.hasSuffix("high") ? .long : .auto))
      // Their bias against thinking is not offered yet, so the client learns that they came out as plain auto.
      if effort == "minimal" || effort == "low" { ignored.append("reasoning_effort") }
    }
    guard let first = asked.first else { return fallback }
    if let other = asked.first(where: { $0.mode != first.mode }) {
      throw .invalid(
        other.field,
        "\(other.field) asks for mode \(other.mode.rawValue), but \(first.field) asks for \(first.mode.rawValue).",
        code: "contradiction")
    }
    return first.mode
  }

  private func thinkingMode() throws(APIError) -> ThinkingMode? {
    switch try word("thinking_mode", of: ["auto", "long", "short", "thinking", "non-thinking", "on", "off"]) {
    case "auto": .auto
    case "long", "thinking", "on": .long
    case "short", "non-thinking", "off": .short
    default: nil
    }
  }
}
