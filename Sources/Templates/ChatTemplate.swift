// A chat template: the Jinja2 program inside a model that prints a conversation as the model was trained to read
// it. This is the subset that Hugging Face templates use, set up as transformers does: trim_blocks, lstrip_blocks,
// loop controls, immutable sandbox, `raise_exception`, `strftime_now`, `tojson`. Not here: template inheritance,
// imports, text marked as safe for HTML, integers beyond 64 bits, a few filters (`TemplateFilter.refused`).
import JSON
import Text

/// A parsed template; rendering it changes nothing, so one can serve any number of threads.
package struct ChatTemplate: Sendable {
  private let statements: [TemplateStatement]
  private let limits: TemplateLimits
  /// Whether the source is nothing but white space.
  package let isBlank: Bool

  /// Parses `source`. Throws a syntax error with its place, or a limit error for a source too long or too deep.
  package init(source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
    isBlank = source.unicodeScalars.allSatisfy(\.isPythonSpace)
    statements = try TemplateParser.statements(of: source, limits: limits)
    self.limits = limits
  }

  /// The text of `context` (`messages`, `tools`, `add_generation_prompt`, …). Throws where Jinja2 raises, where the
  /// template refuses the conversation (`TemplateError.Kind.raised`) and at a limit.
  package func render(_ context: JSONObject) throws(TemplateError) -> String {
    try TemplateRenderer.render(statements, context, limits)
  }
}
