// Decodes how clients of different servers ask for thinking: one of the model's three modes, and the rules of the
// thought.
import GenerationTypes
import JSON
import Text

/// The wishes of a request about thinking; the key's policy and the server's defaults decide where a member is nil.
package struct ThinkingWish: Sendable, Equatable {
  /// The requested mode, and the field that sets it.
  var mode: ThinkingMode?
  var modeField: String?
  /// Bias against thinking, in logits, at the token that decides.
  var bias: Float?
  var threshold: Float?
  /// The maximum number of thinking tokens; `Int.max` for no limit.
  var budget: Int?
  /// Tokens that are reserved for the answer.
  var reserve: Int?
}

extension FieldReader {
  /// The fields that `thinkingWish` reads.
  static let modeFields =
    [
      "thinking_mode", "chat_template_kwargs", "enable_thinking", "thinking", "reasoning_effort", "think_bias",
      "think_threshold",
    ] + boundFields

  private static let budgetFields = ["thinking_budget", "thinking_budget_tokens", "thinking_token_budget"]

  /// Reads the wishes of a request. If several fields select a mode, they must agree.
  func thinkingWish(_ defaults: RequestDefaults) throws(APIError) -> ThinkingWish {
    var wish = ThinkingWish()
    var asked: [(field: String, mode: ThinkingMode)] = []
    if let mode = try thinkingMode() { asked.append((path(to: "thinking_mode"), mode)) }
    if let arguments = try object("chat_template_kwargs") {
      if let mode = try arguments.thinkingMode() { asked.append((arguments.path(to: "thinking_mode"), mode)) }
      if let enable = try arguments.bool("enable_thinking") {
        asked.append((arguments.path(to: "enable_thinking"), enable ? .long : .short))
      }
      try arguments.closeArguments()
    }
    if let enable = try bool("enable_thinking") { asked.append(("enable_thinking", enable ? .long : .short)) }
    var budgets: [(field: String, value: Int)] = []
    if let thinking = try object("thinking") {
      let type = try thinking.require("type", thinking.word("type", of: ["enabled", "disabled", "adaptive"]))
      asked.append((thinking.path(to: "type"), type == "enabled" ? .long : type == "disabled" ? .short : .auto))
      if let budget = try thinking.budget("budget_tokens") {
        if type == "disabled" {
          throw thinking.contradiction("budget_tokens", "asks for thinking, but type disables it")
        }
        budgets.append((thinking.path(to: "budget_tokens"), budget))
      }
      try thinking.close()
    }
    if let (mode, bias) = try effort("reasoning_effort", defaults) {
      asked.append((path(to: "reasoning_effort"), mode))
      wish.bias = bias
    }
    if let first = asked.first {
      if let other = asked.first(where: { $0.mode != first.mode }) {
        throw .invalid(
          other.field,
          "\(other.field) asks for mode \(other.mode.rawValue), but \(first.field) asks for \(first.mode.rawValue).",
          code: "contradiction")
      }
      (wish.mode, wish.modeField) = (first.mode, first.field)
    }
    try readBounds(budgets, into: &wish)
    try readDecision(into: &wish)
    return wish
  }

  /// Reads the limits of thoughts, for requests whose modes are fixed.
  func thoughtBounds() throws(APIError) -> ThinkingWish {
    var wish = ThinkingWish()
    try readBounds([], into: &wish)
    return wish
  }

  /// The fields that `thoughtBounds` reads.
  static let boundFields = budgetFields + ["answer_reserve"]

  private func readBounds(
    _ found: [(field: String, value: Int)], into wish: inout ThinkingWish
  ) throws(APIError) {
    var budgets = found
    for name in Self.budgetFields {
      if let budget = try budget(name) { budgets.append((path(to: name), budget)) }
    }
    try take(budgets, into: &wish)
    wish.reserve = try integer("answer_reserve", in: 0...1_000_000_000)
  }

  private func take(
    _ budgets: [(field: String, value: Int)], into wish: inout ThinkingWish
  ) throws(APIError) {
    guard let first = budgets.first else { return }
    if let other = budgets.first(where: { $0.value != first.value }) {
      throw .invalid(
        other.field,
        "\(other.field) (\(other.value)) contradicts \(first.field) (\(first.value)). Send only one of them.",
        code: "contradiction")
    }
    // Clients send their budget with every request, also with those that do not think.
    if wish.mode == .short { return budgets.forEach { ignore(path: $0.field) } }
    wish.budget = first.value < 0 ? .max : first.value
  }

  /// Reads `think_bias` or `think_threshold`, which work in mode auto only.
  private func readDecision(into wish: inout ThinkingWish) throws(APIError) {
    let bias = try number("think_bias", in: -100...100)
    let threshold = try number("think_threshold", in: 0...1)
    let field = bias == nil ? "think_threshold" : "think_bias"
    guard bias != nil || threshold != nil else { return }
    if let mode = wish.mode, mode != .auto {
      throw contradiction(
        field, "works in mode auto only, but \(wish.modeField ?? "the request") asks for \(mode.rawValue)")
    }
    if bias != nil, threshold != nil {
      throw contradiction("think_threshold", "replaces think_bias. Send only one of them")
    }
    // An explicit value replaces the bias of an effort.
    wish.bias = bias.map { Float($0) }
    wish.threshold = threshold.map { Float($0) }
  }

  /// The maximum number of thinking tokens; −1 means no limit, as on other servers.
  private func budget(_ name: String) throws(APIError) -> Int? { try integer(name, in: -1...1_000_000_000) }

  private func contradiction(_ name: String, _ what: String) -> APIError {
    .invalid(path(to: name), "\(path(to: name)) \(what).", code: "contradiction")
  }

  /// Ends the reading of `chat_template_kwargs`. Templates get no other members.
  private func closeArguments() throws(APIError) {
    guard try stray() != nil else { return }
    throw .invalid(
      path, "\(path) accepts only thinking_mode and enable_thinking.", code: "unsupported_parameter")
  }

  private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

  /// OpenAI's efforts. The lower ones let the model decide, with a bias against thinking.
  func effort(_ name: String, _ defaults: RequestDefaults) throws(APIError) -> (mode: ThinkingMode, bias: Float?)? {
    switch try word(name, of: Self.efforts) {
    case nil: nil
    case "none": (.short, nil)
    case "minimal": (.auto, defaults.minimalEffortBias)
    case "low": (.auto, defaults.lowEffortBias)
    case "medium": (.auto, nil)
    default: (.long, nil)
    }
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
