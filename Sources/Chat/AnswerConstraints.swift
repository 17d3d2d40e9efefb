// Constraints for optional tool calls: text is free up to an opening tag, the call follows its grammar, and text is
// free again after the closing tag.
import GenerationTypes
import StructuredOutput
import Tokenization

/// Holds the tool calls of one answer to a grammar and leaves the text between them free.
struct LazyCalls: TokenConstraint {
  let isOwed = false
  private let tokenizer: Tokenizer
  /// The matcher after an opening tag.
  private let start: GrammarMatcher
  private let stop: TokenMask
  private let isParallel: Bool
  private var call: GrammarMatcher?
  /// The last bytes of free text, which may begin a tag.
  private var tail: [UInt8] = []
  private var isDone = false

  private static let tag = Array(ToolCallReader.opening.utf8)

  init(_ start: GrammarMatcher, tokenizer: Tokenizer, stop: Set<TokenID>, isParallel: Bool) {
    (self.start, self.tokenizer, self.isParallel) = (start, tokenizer, isParallel)
    var mask = TokenMask(count: tokenizer.vocabularySize)
    for id in stop where id >= 0 && Int(id) < tokenizer.vocabularySize { mask.insert(id) }
    self.stop = mask
  }

  mutating func allowed() -> TokenMask? { isDone ? stop : call?.allowed() }

  mutating func advance(past id: TokenID) {
    if isDone { return }
    if call != nil {
      call?.advance(past: id)
    } else {
      tail += tokenizer.bytes(of: id)
      guard let tag = tail.firstRange(of: Self.tag) else {
        return tail.removeFirst(max(0, tail.count - Self.tag.count + 1))
      }
      let rest = Array(tail[tag.upperBound...])
      tail = []
      var matcher = start
      // A token that continues the tag as no call does leaves the text free.
      guard matcher.advance(bytes: rest) else { return }
      call = matcher
    }
    if call?.isComplete == true {
      call = nil
      isDone = !isParallel
    }
  }
}

/// Allows several forms until the tokens show which one the answer has.
struct EitherForm: TokenConstraint {
  private var forms: [any TokenConstraint]

  init(_ forms: [any TokenConstraint]) { self.forms = forms }

  mutating func allowed() -> TokenMask? {
    var union: TokenMask?
    for index in forms.indices {
      guard let mask = forms[index].allowed() else { return nil }
      if union == nil { union = mask } else { union?.formUnion(mask) }
    }
    return union
  }

  mutating func advance(past id: TokenID) {
    if forms.count > 1 {
      forms = forms.filter { form in
        var form = form
        return form.allowed()?.contains(id) ?? true
      }
    }
    for index in forms.indices { forms[index].advance(past: id) }
  }
}
