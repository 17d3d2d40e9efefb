// The operator's rules for thoughts.
import Configuration
import GenerationTypes

extension ThoughtRules {
  /// The rules that the settings state.
  init(_ settings: Settings) {
    self.init()
    budget = settings.optionalInt("generation.thinking_budget")
    answerReserve = settings.int("generation.answer_reserve")
    stopsLoops = settings.bool("generation.stop_loops")
  }
}
