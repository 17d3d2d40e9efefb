// Chat templates: the Jinja2 programs in models that format a conversation as the model was trained to read it.
// Implements the subset of Hugging Face templates with the settings of transformers: trim_blocks, lstrip_blocks, loop
// controls, immutable sandbox, `raise_exception`, `strftime_now`, `tojson`. Not supported: inheritance, imports, text
// marked as safe for HTML, integers beyond 64 bits, a few filters (`TemplateFilter.unsupported`).
import JSON
import Text

/// A parsed template. Rendering does not change it, so any number of threads may use it.
package struct ChatTemplate: Sendable {
  private let statements: [TemplateStatement]
  private let limits: TemplateLimits
  /// Whether the source consists only of white space.
  package let isBlank: Bool

  /// Parses `source`. Throws a syntax error with its position, or a limit error if the source is too long or too
  /// deeply nested.
  package init(source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
    isBlank = source.unicodeScalars.allSatisfy(\.isPythonSpace)
    statements = try TemplateParser.statements(of: source, limits: limits)
    self.limits = limits
  }

  /// Renders the template with `context` (`messages`, `tools`, `add_generation_prompt`, …). Throws where Jinja2
  /// raises an error, where the template rejects the conversation (`TemplateError.Kind.raised`), and at a limit.
  package func render(_ context: JSONObject) throws(TemplateError) -> String {
    try TemplateRenderer.render(statements, context, limits)
  }
}
