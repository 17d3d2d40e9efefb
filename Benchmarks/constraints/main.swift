// Constrained decoding without a model: draws tokens uniformly from the allowed ones.
//
//   constraints-benchmark sample TOKENIZER.json   reads lines {"schema" or "tools", "seed", "count"},
//                                                 writes {"texts"} or {"error"}
//   constraints-benchmark time TOKENIZER.json     prints the times of compilation, the first mask and later masks
import Basics
import Foundation
import GenerationTypes
import Inference
import JSON
import StructuredOutput
import Tokenization

/// A vocabulary and the tokens that end a reply.
struct Setting: Sendable {
  let tokenizer: Tokenizer
  let trie: TokenTrie
  let stop: Set<TokenID>
  let buildTime: Duration
  /// The tokens of one byte, and those that close something or end the reply.
  let single, closers: TokenMask

  init(_ path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else { throw CocoaError(.fileNoSuchFile) }
    let tokenizer = try Tokenizer(json: [UInt8](data))
    self.tokenizer = tokenizer
    stop = Set(["<|im_end|>", "<|endoftext|>"].compactMap(tokenizer.id))
    let special = Set(tokenizer.specialTokens.map(\.id))
    let start = ContinuousClock.now
    trie = TokenTrie(vocabularySize: tokenizer.vocabularySize, excluded: special) { tokenizer.bytes(of: $0) }
    buildTime = .now - start
    var single = TokenMask(count: tokenizer.vocabularySize), closers = single
    for id in 0..<TokenID(tokenizer.vocabularySize) {
      let bytes = tokenizer.bytes(of: id)
      if stop.contains(id) || bytes.count == 1 { single.insert(id) }
      if stop.contains(id) || [[0x22], [0x7D], [0x5D]].contains(bytes) { closers.insert(id) }
    }
    (self.single, self.closers) = (single, closers)
  }

  func matcher(_ grammar: Grammar) -> GrammarMatcher {
    let tokenizer = tokenizer
    return GrammarMatcher(grammar, trie: trie, stop: stop) { tokenizer.bytes(of: $0) }
  }

  /// Returns a text of at most `limit` tokens; nil if it has not ended by then.
  func draw(_ grammar: Grammar, _ numbers: inout SplitMix64, limit: Int, times: inout [Duration]) -> String? {
    var matcher = matcher(grammar)
    var bytes: [UInt8] = []
    for index in 0..<limit {
      let start = ContinuousClock.now
      guard let mask = matcher.allowed() else { return nil }
      times.append(.now - start)
      // Later only single bytes are drawn, preferably those that close something.
      var pool = Self.ids(mask, and: nil)
      if index > limit / 4 {
        let brief = Self.ids(mask, and: single), closing = Self.ids(mask, and: closers)
        pool = !closing.isEmpty && Bool.random(using: &numbers) ? closing : brief.isEmpty ? pool : brief
      }
      guard let id = pool.randomElement(using: &numbers) else { return nil }
      if stop.contains(id) { return String(validating: bytes, as: UTF8.self) ?? "invalid UTF-8" }
      bytes += tokenizer.bytes(of: id)
      matcher.advance(past: id)
    }
    return nil
  }

  /// Returns the ids of a mask, or those that are also in another one.
  static func ids(_ mask: TokenMask, and other: TokenMask?) -> [TokenID] {
    var ids: [TokenID] = []
    for (index, word) in mask.words.enumerated() {
      var rest = word & (other?.words[index] ?? .max)
      while rest != 0 {
        ids.append(TokenID(64 * index + rest.trailingZeroBitCount))
        rest &= rest - 1
      }
    }
    return ids
  }
}

func grammar(_ line: JSONValue) throws(SchemaError) -> Grammar {
  if let tools = line["tools"]?.array {
    return try Grammar(
      calls: tools.map { Grammar.Tool(name: $0["name"]?.string ?? "", parameters: $0["parameters"], path: "tools") })
  }
  guard let schema = line["schema"] else { return .anyObject() }
  return try Grammar(schema: schema, path: "schema")
}

func sample(_ setting: Setting) throws {
  while let text = readLine() {
    let line = try JSONValue(parsing: text)
    var answer: JSONObject = [:]
    do throws(SchemaError) {
      let start = ContinuousClock.now
      let grammar = try grammar(line)
      answer["compile_ms"] = .number((.now - start) / .milliseconds(1))
      if let texts = line["accepts"]?.array {
        // Whether complete texts are accepted, byte by byte.
        answer["accepted"] = .array(
          texts.map { text in
            var matcher = setting.matcher(grammar)
            return .bool(matcher.advance(bytes: (text.string ?? "").utf8) && matcher.isComplete)
          })
      }
      var numbers = SplitMix64(seed: UInt64(clamping: line["seed"]?.int ?? 0))
      var times: [Duration] = []
      var texts: [JSONValue] = []
      for _ in 0..<(line["count"]?.int ?? 0) {
        let text = setting.draw(grammar, &numbers, limit: line["limit"]?.int ?? 400, times: &times)
        texts.append(text.map(JSONValue.string) ?? .null)
      }
      answer["texts"] = .array(texts)
      answer["slowest_ms"] = .number((times.max() ?? .zero) / .milliseconds(1))
    } catch {
      answer["error"] = .string(error.description)
      answer["path"] = .string(error.path)
    }
    print(String(decoding: JSONValue.object(answer).encoded, as: UTF8.self))
  }
}

func time(_ setting: Setting) throws {
  func milliseconds(_ duration: Duration) -> String { String(format: "%.3f", duration / .milliseconds(1)) }
  print("\(setting.tokenizer.vocabularySize) tokens, trie built in \(milliseconds(setting.buildTime)) ms")
  let person = """
    {"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":130},
    "email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","maxLength":20},"maxItems":5},
    "address":{"anyOf":[{"type":"null"},{"type":"object","properties":{"street":{"type":"string"},"zip":{"type":"string","pattern":"^[0-9]{5}$"}},
    "required":["street","zip"],"additionalProperties":false}]}},"required":["name","age","email","tags","address"],"additionalProperties":false}
    """
  let tree = """
    {"$defs":{"node":{"type":"object","properties":{"value":{"type":"number"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},
    "required":["value","children"],"additionalProperties":false}},"$ref":"#/$defs/node"}
    """
  let cases: [(String, JSONValue)] = [
    ("person", ["schema": try JSONValue(parsing: person)]), ("tree", ["schema": try JSONValue(parsing: tree)]),
    ("any object", [:]),
    ("tool call", ["tools": [["name": "person", "parameters": try JSONValue(parsing: person)]]]),
  ]
  for (name, line) in cases {
    let start = ContinuousClock.now
    let grammar = try grammar(line)
    let compile = ContinuousClock.now - start
    var numbers = SplitMix64(seed: 1)
    var cold: [Duration] = [], warm: [Duration] = []
    for _ in 0..<5 { _ = setting.draw(grammar, &numbers, limit: 200, times: &cold) }
    numbers = SplitMix64(seed: 1)
    for _ in 0..<5 { _ = setting.draw(grammar, &numbers, limit: 200, times: &warm) }
    func summary(_ times: [Duration]) -> String {
      let sorted = times.sorted()
      let mean = sorted.reduce(.zero, +) / max(sorted.count, 1)
      return "mean \(milliseconds(mean)) p50 \(milliseconds(sorted[sorted.count / 2])) "
        + "p99 \(milliseconds(sorted[sorted.count * 99 / 100])) max \(milliseconds(sorted[sorted.count - 1]))"
    }
    print(
      "\(name): compiled in \(milliseconds(compile)) ms; \(cold.count) masks, first time \(summary(cold)); again \(summary(warm)) ms"
    )
  }
}

/// Measures drawing a token from a row as wide as R-4B's, unconstrained and constrained by `grammar`.
func timeDraws(_ setting: Setting, _ grammar: Grammar) throws {
  var numbers = SplitMix64(seed: 9)
  let noise = (0..<151_936).map { _ in Float(numbers.next() >> 40) / 1e6 }
  var request = GenerationRequest(
    prompt: Prompt(tokens: [0]), sampling: SamplingParameters(),
    control: ControlTokens(
      stop: setting.stop, forbidden: [], closing: [], vocabularySize: setting.tokenizer.vocabularySize),
    maxTokens: 10_000, decides: false)
  request.start = .answer
  func run(_ request: GenerationRequest) throws -> Duration {
    var sampler = Sampler(request)
    var row = noise
    var total = Duration.zero
    for _ in 0..<300 {
      row = noise
      let start = ContinuousClock.now
      _ = try row.withUnsafeMutableBufferPointer { try sampler.sample($0, decides: false) }
      total += .now - start
    }
    return total / 300
  }
  _ = try run(request)
  for round in 1...3 {
    request.constraint = nil
    let free = try run(request)
    request.constraint = setting.matcher(grammar)
    let kept = try run(request)
    print(
      String(
        format: "greedy draws, round %d: free %.3f ms, constrained to any object %.3f ms", round,
        free / .milliseconds(1),
        kept / .milliseconds(1)))
  }
}

let arguments = CommandLine.arguments
guard arguments.count == 3, ["sample", "time"].contains(arguments[1]) else {
  print("usage: constraints-benchmark sample|time TOKENIZER.json")
  exit(2)
}
let setting = try Setting(arguments[2])
if arguments[1] == "sample" {
  try sample(setting)
} else {
  try time(setting)
  try timeDraws(setting, .anyObject())
}
