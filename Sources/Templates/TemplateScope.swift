// The references that live for one rendering: namespaces, macros, scopes, loops and their helpers.

import Text

/// `namespace(…)`: the only object whose attributes a template may set.
final class TemplateNamespace {
  var attributes: [(name: String, value: TemplateValue)]

  init(_ attributes: [(name: String, value: TemplateValue)]) { self.attributes = attributes }

  subscript(name: String) -> TemplateValue? {
    get { attributes.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
    set {
      guard let newValue else { return }
      if let at = attributes.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
        attributes[at].value = newValue
      } else {
        attributes.append((name, newValue))
      }
    }
  }
}

/// A macro with the scope in which it was defined.
final class TemplateMacro {
  let syntax: TemplateMacroSyntax
  let scope: TemplateScope

  init(_ syntax: TemplateMacroSyntax, _ scope: TemplateScope) { (self.syntax, self.scope) = (syntax, scope) }
}

/// Values by name.
struct TemplateVariables {
  private var values: [ExactString: TemplateValue] = [:]

  subscript(name: String) -> TemplateValue? {
    get { values[name.exact] }
    set { values[name.exact] = newValue }
  }
}

/// The names set in one block. Lookups continue in `parent`.
final class TemplateScope {
  var variables = TemplateVariables()
  let parent: TemplateScope?
  /// Whether a macro refers to this scope, so that the renderer must break the cycle.
  var isCaptured = false

  init(parent: TemplateScope?) { self.parent = parent }

  func value(of name: String) -> TemplateValue? {
    var scope: TemplateScope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.parent
    }
    return nil
  }
}

/// The variable `loop`.
final class TemplateLoop {
  let elements: [TemplateValue]
  let depth: Int
  /// The number of calls of a recursive loop around this one.
  let level: Int
  /// The syntax and scope of a recursive loop, for calling it; nil for other loops.
  let recursion: (syntax: TemplateLoopSyntax, scope: TemplateScope)?
  var index = 0
  var lastChanged: [TemplateValue]?

  init(
    _ elements: [TemplateValue], depth: Int, level: Int,
    recursion: (syntax: TemplateLoopSyntax, scope: TemplateScope)?
  ) {
    self.elements = elements
    self.depth = depth
    self.level = level
    self.recursion = recursion
  }
}

/// `cycler(…)`: cycles through its items.
final class TemplateCycler {
  let items: [TemplateValue]
  let depth: Int
  var position = 0

  init(_ items: [TemplateValue], depth: Int) { (self.items, self.depth) = (items, depth) }
}

/// `joiner(…)`: returns nothing on its first call and its separator on every later one.
final class TemplateJoiner {
  let separator: TemplateValue
  var isUsed = false

  init(_ separator: TemplateValue) { self.separator = separator }
}
