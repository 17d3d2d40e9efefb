// What a reply may be, as a pushdown automaton over bytes: scalars are automata, objects and arrays open and close around them, and
// what is open is a stack of frames. Immutable; shared by all replies of a form.
import JSON
import Text

/// The compiled form of an answer, for one vocabulary: its masks are kept with it.
package final class Grammar: Sendable {
  /// Index of a node.
  typealias NodeID = Int32

  /// A part of the form.
  enum Node: Sendable {
    /// Text of an automaton, which has a number for caches.
    case scalar(ByteAutomaton)
    /// A free string of so many code points.
    case text(least: Int32, most: Int32)
    /// A string of an automaton that has so many code points.
    case counted(CountedText)
    /// Text of an automaton that must differ from its siblings, with the number of texts behind each state.
    case distinct(ByteAutomaton, texts: [Int32])
    case sequence([NodeID])
    case choice([NodeID])
    case object(ObjectForm)
    case array(ArrayForm)
    /// Several of the same with a separator between them.
    case series(NodeID, separator: NodeID, most: Int32)
  }

  /// An object: declared members in their order, then others. Leads are what stands before a member's value.
  struct ObjectForm: Sendable {
    struct Member: Sendable {
      /// The lead of a first member, and of a later one.
      var first, next: NodeID
      var value: NodeID
      var isRequired: Bool
    }
    var members: [Member]
    /// For every place, the next member that must come; the count when none must.
    var nextRequired: [Int32]
    /// Members that are not declared, by the form of their names.
    var others: [Others] = []
    /// Members at least and at most.
    var least: Int32 = 0, most: Int32 = .max
    /// Whether members are counted.
    var isCounted: Bool { least > 0 || most < .max }

    /// Members whose names are of one form. Where names must differ, what stands before and behind a name is apart from it.
    struct Others: Sendable {
      var first, next: NodeID
      var name: (node: NodeID, end: NodeID)?
      var value: NodeID
    }
  }

  /// An array: leads are what stands before an element.
  struct ArrayForm: Sendable {
    var prefix: [NodeID]
    /// Elements behind the prefix; nil for none.
    var items: NodeID?
    var least, most: Int32
    /// How many elements there are that differ; nil where they need not.
    var texts: Int32?
  }

  /// Parts that all objects and arrays share, at fixed places.
  static let openObject: NodeID = 0, closeEmptyObject: NodeID = 1, closeObject: NodeID = 2
  static let openArray: NodeID = 3, closeEmptyArray: NodeID = 4, closeArray: NodeID = 5
  static let firstElement: NodeID = 6, nextElement: NodeID = 7

  let nodes: [Node]
  /// Objects and arrays that a node needs open at once at least.
  let heights: [Int32]
  let root: NodeID
  let cache = MaskCache()

  init(nodes: [Node], heights: [Int32], root: NodeID) {
    (self.nodes, self.heights, self.root) = (nodes, heights, root)
  }

  /// Any JSON object. A grammar of its own each time, as masks are kept with it.
  package static func anyObject() -> Grammar {
    var builder = GrammarBuilder()
    let root = builder.anyObject()
    guard let grammar = builder.build(root: root) else { preconditionFailure("there are objects") }
    return grammar
  }

  /// The values that `schema`, found at `path` of a request, allows.
  package convenience init(
    schema: JSONValue, path: String, budget: CompilationBudget = CompilationBudget()
  ) throws(SchemaError) {
    var compiler = SchemaCompiler(root: schema, path: path, budget: budget)
    let root = try compiler.compile(schema, path)
    try self.init(compiler.builder, root: root, path: path, budget)
  }

  /// One tool of an answer that calls tools.
  package struct Tool: Sendable {
    package var name: String
    /// The schema of the arguments; nil for any object.
    package var parameters: JSONValue?
    /// Where the schema stood in the request.
    package var path: String
    package init(name: String, parameters: JSONValue?, path: String) {
      (self.name, self.parameters, self.path) = (name, parameters, path)
    }
  }

  /// One to `most` calls in Qwen's form, with `opening` and `closing` tags; or, `afterOpening`, the rest of one call.
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
          throw SchemaError(path: tool.path, reason: "nothing can satisfy it")
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
      throw SchemaError(path: path, reason: "nothing can satisfy it")
    }
    guard heights[Int(root)] <= Int32(SchemaLimits.nesting) else {
      throw SchemaError(
        path: path, reason: "needs more than \(SchemaLimits.nesting) objects and arrays within each other")
    }
    do {
      self.init(nodes: try builder.flattened(budget), heights: heights, root: root)
    } catch {
      throw SchemaError(error, path: path)
    }
  }
}
