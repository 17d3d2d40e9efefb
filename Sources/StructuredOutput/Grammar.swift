// The set of valid replies as a pushdown automaton over bytes. Scalars are byte automata; open objects and arrays
// form a stack of frames. Immutable; shared by all replies with the same constraint.
import JSON
import Text

/// A compiled constraint for one vocabulary, whose masks it caches.
package final class Grammar: Sendable {
  /// The index of a node.
  typealias NodeID = Int32

  /// A node of the grammar.
  enum Node: Sendable {
    /// Text accepted by an automaton.
    case scalar(ByteAutomaton)
    /// A free string with a limited number of code points.
    case text(least: Int32, most: Int32)
    /// A string accepted by an automaton, with a limited number of code points.
    case counted(CountedText)
    /// Text of an automaton that must differ from its siblings, with the number of texts that can follow each state.
    case distinct(ByteAutomaton, texts: [Int32])
    case sequence([NodeID])
    case choice([NodeID])
    case object(ObjectNode)
    case array(ArrayNode)
    /// Repetitions of a node with a separator between them.
    case series(NodeID, separator: NodeID, most: Int32)
  }

  /// An object: declared members in order, then additional ones. A lead is the text before a member's value.
  struct ObjectNode: Sendable {
    struct Member: Sendable {
      /// The lead as the first member, and as a later one.
      var first, next: NodeID
      var value: NodeID
      var isRequired: Bool
    }
    var members: [Member]
    /// For every index, the next required member; the member count if none is required.
    var nextRequired: [Int32]
    /// Additional members, grouped by the form of their names.
    var others: [AdditionalMembers] = []
    /// The minimum and maximum number of members.
    var least: Int32 = 0, most: Int32 = .max
    /// Whether the number of members is limited.
    var isCounted: Bool { least > 0 || most < .max }

    /// Additional members whose names have one form. If names must be unique, the text around the name is in separate
    /// nodes.
    struct AdditionalMembers: Sendable {
      var first, next: NodeID
      var name: (node: NodeID, end: NodeID)?
      var value: NodeID
    }
  }

  /// An array. A lead is the text before an element.
  struct ArrayNode: Sendable {
    var prefix: [NodeID]
    /// The elements after the prefix; nil if there are none.
    var items: NodeID?
    var least, most: Int32
    /// The number of different elements if they must be unique, else nil.
    var texts: Int32?
  }

  /// Nodes that all objects and arrays share, at fixed indices.
  static let openObject: NodeID = 0, closeEmptyObject: NodeID = 1, closeObject: NodeID = 2
  static let openArray: NodeID = 3, closeEmptyArray: NodeID = 4, closeArray: NodeID = 5
  static let firstElement: NodeID = 6, nextElement: NodeID = 7

  let nodes: [Node]
  /// The minimum number of nested objects and arrays that each node requires.
  let heights: [Int32]
  let root: NodeID
  let cache = MaskCache()

  init(nodes: [Node], heights: [Int32], root: NodeID) {
    self.nodes = nodes
    self.heights = heights
    self.root = root
  }

  /// Creates a grammar of any JSON object. Each call returns a new grammar, because a grammar caches masks.
  package static func anyObject() -> Grammar {
    var builder = GrammarBuilder()
    let root = builder.anyObject()
    guard let grammar = builder.build(root: root) else { preconditionFailure("an object always exists") }
    return grammar
  }

  /// Compiles the grammar of the values that `schema` allows. `path` locates the schema in the request, for errors.
  package convenience init(
    schema: JSONValue, path: String, budget: CompilationBudget = CompilationBudget()
  ) throws(SchemaError) {
    var compiler = SchemaCompiler(root: schema, path: path, budget: budget)
    let root = try compiler.compile(schema, path)
    try self.init(compiler.builder, root: root, path: path, budget)
  }

  /// A tool of a reply that calls tools.
  package struct Tool: Sendable {
    package var name: String
    /// The schema of the arguments; nil for any object.
    package var parameters: JSONValue?
    /// The path of the schema in the request.
    package var path: String
    package init(name: String, parameters: JSONValue?, path: String) {
      self.name = name
      self.parameters = parameters
      self.path = path
    }
  }

  /// Compiles the grammar of one to `most` calls in Qwen's format, with `opening` and `closing` tags; with
  /// `afterOpening`, of the rest of one call.
  package convenience init(
    calls tools: [Tool], most: Int = 16, afterOpening: Bool = false, budget: CompilationBudget = CompilationBudget()
  ) throws(SchemaError) {
    var builder = GrammarBuilder()
    var choices: [NodeID] = []
    for tool in tools {
      var arguments: NodeID
      if let parameters = tool.parameters, parameters.object?.isEmpty == false {
        var compiler = SchemaCompiler(root: parameters, path: tool.path, builder: builder, budget: budget)
        arguments = try compiler.compileObject(parameters, tool.path)
        builder = compiler.builder
        if builder.heights(root: arguments) == nil {
          throw SchemaError(path: tool.path, reason: "cannot be satisfied by any value")
        }
      } else {
        arguments = builder.anyObject()
      }
      let name = String(decoding: JSONValue.string(tool.name).encoded, as: UTF8.self)
      let opening = afterOpening ? "" : "<tool_call>"
      let lead = builder.literal(opening + "\n{\"name\": \(name), \"arguments\": ")
      choices.append(builder.add(.sequence([lead, arguments, builder.literal("}\n</tool_call>")])))
    }
    var root = builder.add(.choice(choices))
    if !afterOpening, most > 1 {
      root = builder.add(.series(root, separator: builder.literal("\n"), most: Int32(clamping: most)))
    }
    try self.init(builder, root: root, path: "tools", budget)
  }

  private convenience init(
    _ builder: GrammarBuilder, root: NodeID, path: String, _ budget: CompilationBudget
  ) throws(SchemaError) {
    guard let heights = builder.heights(root: root) else {
      throw SchemaError(path: path, reason: "cannot be satisfied by any value")
    }
    guard heights[Int(root)] <= Int32(SchemaLimits.nesting) else {
      throw SchemaError(
        path: path, reason: "needs more than \(SchemaLimits.nesting) nested objects and arrays")
    }
    do {
      self.init(nodes: try builder.flattened(budget), heights: heights, root: root)
    } catch {
      throw SchemaError(error, path: path)
    }
  }
}
