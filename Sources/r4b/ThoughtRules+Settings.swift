// The operator's rules for thinking.
import Configuration
import GenerationTypes

extension ThoughtRules {
  /// The rules in the settings.
  init(_ settings: Settings) {
    self.init()
    budget = settings.generation.thinkingBudget
    answerReserve = settings.generation.answerReserve
    stopsLoops = settings.generation.stopLoops
  }
}
