// A vocabulary of a dozen tokens and a scripted model, so that a test sees which tokens the guide changed.
import GenerationTypes
import Inference

/// The vocabulary.
enum Word {
  static let open: TokenID = 0, close: TokenID = 1, end: TokenID = 2
  static let lineFeed: TokenID = 3, blankLine: TokenID = 4
  /// ` word`, `.` and `.\n`.
  static let word: TokenID = 5, stop: TokenID = 6, lastStop: TokenID = 7
  /// A token without space before it, as in `3.14`.
  static let digit: TokenID = 8
  static let answer: TokenID = 9
  static let count = 16

  static var control: ControlTokens {
    var thinking = ThinkingTokens(open: open, close: close)
    (thinking.lineEnd, thinking.emptyThought, thinking.answerGap) = ([lineFeed], [blankLine], [blankLine])
    thinking.shapes = Array(repeating: [], count: count)
    thinking.shapes[Int(lineFeed)] = [.white, .beginsWithSpace, .endsLine]
    thinking.shapes[Int(blankLine)] = [.white, .beginsWithSpace, .endsLine]
    thinking.shapes[Int(word)] = .beginsWithSpace
    thinking.shapes[Int(stop)] = .endsSentence
    thinking.shapes[Int(lastStop)] = [.endsSentence, .endsLine]
    return ControlTokens(
      stop: [end], forbidden: [], closing: [close, blankLine], vocabularySize: count, thinking: thinking)
  }

  /// The logits of a model that prefers `id`.
  static func row(_ id: TokenID, by logit: Float = 10) -> [Float] {
    var row = [Float](repeating: 0, count: count)
    row[Int(id)] = logit
    return row
  }
}

/// The reply of a model that prefers `script` and then repeats its last token, up to the end token or `maxTokens`.
func reply(
  _ script: [TokenID], _ rules: ThoughtRules, start: ReplyStart = .insideThought, prompt: [TokenID] = [Word.open],
  maxTokens: Int = 10_000, constraint: (any TokenConstraint)? = nil
) throws -> [GeneratedToken] {
  var request = GenerationRequest(
    prompt: Prompt(tokens: prompt), sampling: SamplingParameters(), control: Word.control, maxTokens: maxTokens,
    decides: false)
  (request.start, request.thought, request.constraint) = (start, rules, constraint)
  var sampler = Sampler(request)
  var tokens: [GeneratedToken] = []
  var at = 0
  while tokens.count < maxTokens, tokens.last?.id != Word.end {
    let wanted = script[min(at, script.count - 1)]
    let token = try sampler.sample(Word.row(wanted))
    // The model sees the tokens that the guide wrote, and continues after them.
    if token.id == wanted {
      at += 1
    } else if token.id == Word.close {
      at = max(at, script.firstIndex(of: Word.answer) ?? at)
    }
    tokens.append(token)
  }
  return tokens
}

func rules(_ change: (inout ThoughtRules) -> Void) -> ThoughtRules {
  var rules = ThoughtRules()
  change(&rules)
  return rules
}

let answer: [TokenID] = [Word.answer, Word.end]
func words(_ count: Int) -> [TokenID] { Array(repeating: Word.word, count: count) }

/// Allows `words` one after the other, then the end.
struct Script: TokenConstraint {
  var words: [TokenID]
  var at = 0

  func allowed() -> TokenMask? {
    var mask = TokenMask(count: Word.count)
    mask.insert(at < words.count ? words[at] : Word.end)
    return mask
  }
  mutating func advance(past id: TokenID) { at += 1 }
}
