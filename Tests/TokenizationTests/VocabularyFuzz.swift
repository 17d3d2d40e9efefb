// Mutated GGUF vocabularies. A tokenizer that accepts one must be able to encode and decode.
import Basics
import GenerationTypes
import ModelFiles
import Tokenization

/// A fuzz campaign over `TokenizerVocabulary`, limited to what a GGUF header can express.
struct VocabularyFuzz {
  private var random: SplitMix64
  private(set) var accepted = 0
  private(set) var violations: [String] = []

  private static let texts = ["an 1234\u{301} <think>\n\n  ", "<|im_end|>é\u{1F600}[PAD102]ĠĠ", "1 2 3  an an12345"]
  private static let pieces: [[UInt8]] = [
    [], [0x20], [0x20, 0x20], [0xFF], [0xC4, 0xA0], [0xC4], Array("an".utf8), Array("a n".utf8), Array("[PAD3]".utf8),
    Array("<|im_end|>".utf8), [UInt8](repeating: 0x61, count: 700), [0], Array("e\u{301}".utf8), Array("\u{E9}".utf8),
  ]
  private static let schemes = ["qwen2", "smollm", "llama-bpe", "gpt-2", "default", "chameleon", ""]

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  private mutating func pick(_ count: Int) -> Int { random.index(below: max(1, count)) }

  mutating func run() {
    var tokens = (33...126).map { [UInt8($0)] } + ["Ġ", "Ċ", "ĠĠ", "an", "12", "123"].map { Array($0.utf8) }
    tokens += ["<|im_end|>", "<think>", "[PAD102]"].map { Array($0.utf8) }
    var kinds = [TokenKind](repeating: .normal, count: 100) + [.control, .userDefined, .unused]
    var merges = ["a n", "1 2", "12 3", "Ġ Ġ"].map { Array($0.utf8) }
    for _ in 0...pick(4) {
      switch pick(8) {
      case 0: tokens[pick(tokens.count)] = Self.pieces[pick(Self.pieces.count)]
      case 1: tokens.swapAt(pick(tokens.count), pick(tokens.count))
      case 2:
        kinds = kinds.indices.map { _ in .normal }
        kinds[pick(kinds.count)] = .control
      case 3: kinds[pick(kinds.count)] = TokenKind(rawValue: 1 + pick(6)) ?? .normal
      case 4: merges[pick(merges.count)] = Self.pieces[pick(Self.pieces.count)]
      case 5: merges.append(merges[pick(merges.count)])
      case 6: tokens[pick(tokens.count)] = tokens[pick(tokens.count)]
      default: merges.swapAt(pick(merges.count), pick(merges.count))
      }
    }
    var strings = GGUFStrings(), joined = GGUFStrings()
    for token in tokens { strings.append(token) }
    for merge in merges { joined.append(merge) }
    let vocabulary = TokenizerVocabulary(
      file: "f", tokens: strings, kinds: kinds, merges: joined, preTokenizer: Self.schemes[pick(Self.schemes.count)],
      beginning: pick(tokens.count), end: pick(tokens.count), addsBeginning: pick(2) == 0)
    guard let tokenizer = try? Tokenizer(vocabulary: vocabulary) else { return }
    accepted += 1
    let text = Self.texts[pick(Self.texts.count)]
    let ids = tokenizer.encode(text)
    if tokenizer.vocabularySize > tokens.count || !ids.allSatisfy({ (0..<tokenizer.vocabularySize).contains(Int($0)) })
      || tokenizer.decode(ids).utf8.count > 1000 * (ids.count + 1)
    {
      violations.append("\(text) became \(ids) of \(tokenizer.vocabularySize)")
    }
  }
}
