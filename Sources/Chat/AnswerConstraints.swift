// Calls that the model may or may not make: text is free until the opening tag, the call is kept to its grammar, and behind the
// closing tag text is free again.
import GenerationTypes
import StructuredOutput
import Tokenization

/// Keeps the calls of one answer to a grammar and leaves the text between them alone.
struct LazyCalls: TokenConstraint {
  let isOwed = false
  private let tokenizer: Tokenizer
  /// At the place behind an opening tag.
  private let start: GrammarMatcher
  private let stop: TokenMask
  private let isParallel: Bool
  private var call: GrammarMatcher?
  /// The latest bytes of free text, as many as may begin a tag.
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
      // A token that goes beyond the tag in a way that no call does leaves the text free.
      guard matcher.advance(bytes: rest) else { return }
      call = matcher
    }
    if call?.isComplete == true {
      call = nil
      isDone = !isParallel
    }
  }
}

/// One of several forms, until the tokens have told which.
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
