// Shared by the suites: a grammar from a schema's text, and whether it accepts a text.
import Foundation
import GenerationTypes
import JSON
import StructuredOutput
import Tokenization

/// A vocabulary of all single bytes and some longer tokens; 300 ends a reply.
enum Words {
  static let stop: TokenID = 300
  static let longer = [
    "{\"", "\": ", "\", \"", "true", "false", "null", "}}", "]}", "\"}", "12", "123", ", ", "ab", "a\"", "\n  ", "é",
    "\\n",
    "\\\"x", "\"a\": 1", "<tool_call>", "</tool_call>", "😀",
  ]
  static let size = 320 + longer.count

  @Sendable static func bytes(of id: TokenID) -> [UInt8] {
    switch id {
    case 0..<256: [UInt8(id)]
    case 320..<TokenID(size): Array(longer[Int(id) - 320].utf8)
    default: []
    }
  }

  static let trie = TokenTrie(vocabularySize: size, excluded: [stop], bytes: bytes)
}

func grammar(_ schema: String, path: String = "schema") throws -> Grammar {
  try Grammar(schema: try JSONValue(parsing: schema), path: path)
}

func matcher(_ grammar: Grammar) -> GrammarMatcher {
  GrammarMatcher(grammar, trie: Words.trie, stop: [Words.stop], bytes: Words.bytes)
}

/// Whether `text` is a complete reply, fed byte by byte.
func accepts(_ grammar: Grammar, _ text: String) -> Bool {
  var matcher = matcher(grammar)
  return matcher.advance(bytes: text.utf8) && matcher.isComplete
}
