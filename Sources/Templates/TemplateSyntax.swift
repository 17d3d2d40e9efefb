// The syntax tree of a template. Every node knows its depth, so that neither walking a tree nor freeing it can recurse
// further than `TemplateLimits.depth`.

import Text

/// An expression and its place.
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
    (self.kind, self.position, self.depth) = (kind, position, depth)
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

/// What `set` and `for` assign to.
indirect enum TemplateTarget: Sendable {
  case name(String)
  case attribute(of: String, String)
  case tuple([TemplateTarget])
}

/// A statement; a template is a list of them.
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
  /// `{% with %}` and `{% generation %}`: a body with names of its own.
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
    (self.target, self.sequence, self.filter) = (target, sequence, filter)
    (self.body, self.otherwise, self.isRecursive, self.position) = (body, otherwise, isRecursive, position)
  }
}

/// `{% macro name(parameters) %}body{% endmacro %}`.
final class TemplateMacroSyntax: Sendable {
  let name: String
  let parameters: [(name: String, fallback: TemplateExpression?)]
  let body: [TemplateStatement]
  /// Which of `caller`, `varargs` and `kwargs` the body reads; only those are accepted from a call.
  let implicit: Set<ExactString>
  let position: TemplatePosition

  init(
    name: String, parameters: [(name: String, fallback: TemplateExpression?)], body: [TemplateStatement],
    implicit: Set<ExactString>, position: TemplatePosition
  ) {
    (self.name, self.parameters, self.body) = (name, parameters, body)
    (self.implicit, self.position) = (implicit, position)
  }
}
