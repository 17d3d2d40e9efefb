import Evaluation
import Testing

@Suite struct `Difficulty judge` {
  @Test(arguments: [
    (#"{"label": "direct"}"#, Annotation.Label.direct), (#" {"label":"Reasoning"} "#, .reasoning),
    (#"{"label": "hard"}"#, nil), ("LABEL: reasoning", .reasoning), ("**Label:** *direct*.", .direct),
    ("label: direct. No, label: reasoning", .reasoning), ("Direct.", .direct),
    ("direct, as no reasoning is needed", nil), ("", nil), ("directly", nil), ("label", nil),
    ("```json\n{\"label\": \"reasoning\"}\n```", .reasoning),
    (String(repeating: "x ", count: 1 << 16) + "direct", .direct),
    ("direct " + String(repeating: "x ", count: 1 << 16), nil),
  ])
  func `a label is read from a judge's answer, or nil`(_ answer: String, _ label: Annotation.Label?) {
    #expect(DifficultyJudge.label(in: answer) == label)
  }

  @Test func `a prompt has one placeholder, and a placeholder in the item is not replaced`() throws {
    let judge = try DifficultyJudge(prompt: "A {question} B")
    #expect(judge.text("{question}") == "A {question} B")
    for prompt in ["none", "{question} {question}"] {
      #expect(throws: EvaluationError.self) { try DifficultyJudge(prompt: prompt) }
    }
    #expect(try DifficultyJudge(prompt: DifficultyJudge.standardPrompt).text("Q").contains("\nQ\n"))
  }
}
