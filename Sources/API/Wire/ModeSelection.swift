// The spellings by which clients of different servers ask for thinking, brought to one of the model's three modes and to the rules
// that a thought keeps to.
import GenerationTypes
import JSON
import Text

/// What a request says about thinking; nil is left to the key's policy and the server's defaults.
package struct ThinkingWish: Sendable, Equatable {
  /// The mode that was asked for, and by which field.
  var mode: ThinkingMode?
  var modeField: String?
  /// Logits against thinking at the token that decides.
  var bias: Float?
  var threshold: Float?
  /// Thinking tokens at most; `Int.max` for a request that wants no limit.
  var budget: Int?
  /// Tokens kept for the answer.
  var reserve: Int?
}

extension FieldReader {
  /// Fields that choose the mode or shape the thought.
  static let modeFields =
    [
      "thinking_mode", "chat_template_kwargs", "enable_thinking", "thinking", "reasoning_effort", "think_bias",
      "think_threshold",
    ] + boundFields

  private static let budgetFields = ["thinking_budget", "thinking_budget_tokens", "thinking_token_budget"]

  /// What this request wishes. The first spelling of the mode in the order of the contract wins; another that says something else
  /// is a contradiction.
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

  /// What bounds the thoughts of a request whose modes are given.
  func thoughtBounds() throws(APIError) -> ThinkingWish {
    var wish = ThinkingWish()
    try readBounds([], into: &wish)
    return wish
  }

  /// Fields of `thoughtBounds`.
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
    // Clients send their budget with every request; one that does not think needs none.
    if wish.mode == .short { return budgets.forEach { ignore(path: $0.field) } }
    wish.budget = first.value < 0 ? .max : first.value
  }

  /// `think_bias` or `think_threshold`, which need a decision to act on.
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
    // Said outright, it replaces the bias that an effort stands for.
    wish.bias = bias.map { Float($0) }
    wish.threshold = threshold.map { Float($0) }
  }

  /// Thinking tokens at most; −1 is no limit, as on other servers.
  private func budget(_ name: String) throws(APIError) -> Int? { try integer(name, in: -1...1_000_000_000) }

  private func contradiction(_ name: String, _ what: String) -> APIError {
    .invalid(path(to: name), "\(path(to: name)) \(what).", code: "contradiction")
  }

  /// Ends the reading of `chat_template_kwargs`. A template gets nothing from a request but these.
  private func closeArguments() throws(APIError) {
    guard try stray() != nil else { return }
    throw .invalid(
      path, "\(path) accepts only thinking_mode and enable_thinking.", code: "unsupported_parameter")
  }

  private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

  /// OpenAI's efforts: the lower ones leave the choice to the model, but lean against thinking.
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
