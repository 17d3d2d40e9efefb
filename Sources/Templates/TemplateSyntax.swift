// The syntax tree of a template. Every node stores its depth, so that neither traversing nor freeing a tree recurses
// deeper than `TemplateLimits.depth`.

import Text

/// An expression and its position.
final class TemplateExpression: Sendable {
  indirect enum Kind: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    case attribute(TemplateExpression, String)
    case item(TemplateExpression, TemplateExpression)
    case slice(TemplateExpression, from: TemplateExpression?, to: TemplateExpression?, step: TemplateExpression?)
    case call(TemplateExpression, TemplateCallArguments)
    case filter(TemplateExpression, TemplateFilterUse)
    case test(TemplateExpression, String, TemplateCallArguments)
    case not(TemplateExpression)
    case negative(TemplateExpression)
    case positive(TemplateExpression)
    case and(TemplateExpression, TemplateExpression)
    case or(TemplateExpression, TemplateExpression)
    case binary(TemplateExpression, String, TemplateExpression)
    case concatenation([TemplateExpression])
    case comparison(TemplateExpression, [(symbol: String, operand: TemplateExpression)])
    case conditional(test: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
  }

  let kind: Kind
  let position: TemplatePosition
  let depth: Int

  init(_ kind: Kind, _ position: TemplatePosition, depth: Int) {
    self.kind = kind
    self.position = position
    self.depth = depth
  }
}

/// The arguments of a call as written: `f(a, b, name=c, *d, **e)`.
struct TemplateCallArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
  var spread: TemplateExpression?
  var namedSpread: TemplateExpression?

  var depth: Int {
    var depth = max(spread?.depth ?? 0, namedSpread?.depth ?? 0)
    for argument in positional { depth = max(depth, argument.depth) }
    for argument in named { depth = max(depth, argument.value.depth) }
    return depth
  }
}

/// A filter by name with its arguments.
struct TemplateFilterUse: Sendable {
  var name: String
  var arguments: TemplateCallArguments
  var position: TemplatePosition
}

/// The target of `set` and `for`.
indirect enum TemplateTarget: Sendable {
  case name(String)
  case attribute(of: String, String)
  case tuple([TemplateTarget])
}

/// A statement. A template is a list of statements.
indirect enum TemplateStatement: Sendable {
  case text(String)
  case print(TemplateExpression)
  case condition([(test: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
  case loop(TemplateLoopSyntax)
  case set(TemplateTarget, TemplateExpression)
  case setBlock(TemplateTarget, [TemplateFilterUse], [TemplateStatement], TemplatePosition)
  case macro(TemplateMacroSyntax)
  /// `{% call %}`: the block becomes the macro `caller` of the call.
  case call(TemplateExpression, TemplateMacroSyntax)
  case filter([TemplateFilterUse], [TemplateStatement], TemplatePosition)
  /// `{% with %}` and `{% generation %}`: a body with its own scope.
  case scope([(target: TemplateTarget, value: TemplateExpression)], [TemplateStatement], TemplatePosition)
  case `break`
  case `continue`
}

/// `{% for target in sequence if filter recursive %}body{% else %}otherwise{% endfor %}`.
final class TemplateLoopSyntax: Sendable {
  let target: TemplateTarget
  let sequence: TemplateExpression
  let filter: TemplateExpression?
  let body: [TemplateStatement]
  let otherwise: [TemplateStatement]
  /// Whether the body may call `loop(…)`.
  let isRecursive: Bool
  let position: TemplatePosition

  init(
    target: TemplateTarget, sequence: TemplateExpression, filter: TemplateExpression?, body: [TemplateStatement],
    otherwise: [TemplateStatement], isRecursive: Bool, position: TemplatePosition
  ) {
    self.target = target
    self.sequence = sequence
    self.filter = filter
    self.body = body
    self.otherwise = otherwise
    self.isRecursive = isRecursive
    self.position = position
  }
}

/// `{% macro name(parameters) %}body{% endmacro %}`.
final class TemplateMacroSyntax: Sendable {
  let name: String
  let parameters: [(name: String, fallback: TemplateExpression?)]
  let body: [TemplateStatement]
  /// Which of `caller`, `varargs` and `kwargs` the body reads. A call may pass only those.
  let implicit: Set<ExactString>
  let position: TemplatePosition

  init(
    name: String, parameters: [(name: String, fallback: TemplateExpression?)], body: [TemplateStatement],
    implicit: Set<ExactString>, position: TemplatePosition
  ) {
    self.name = name
    self.parameters = parameters
    self.body = body
    self.implicit = implicit
    self.position = position
  }
}
