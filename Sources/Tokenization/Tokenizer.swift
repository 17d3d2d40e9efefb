// Converts text to token ids and back, as Hugging Face `tokenizers` does for byte-level BPE models: separate added
// tokens, normalise to NFC, split by regular expression, encode each piece with BPE. Immutable and thread-safe. Each
// call borrows a workspace (search region, merge buffers, piece cache) from a small pool, so that calls share no
// mutable state and caches are reused.

import GenerationTypes
import JSON
import ModelFiles
import Synchronization

package final class Tokenizer: Sendable {
  private let vocabulary: Vocabulary
  private let encoder: BytePairEncoder
  private let preTokenizer: PreTokenizer
  private let composes: Bool
  /// The added tokens that are searched before and after normalisation.
  private let rawTokens, normalizedTokens: AddedTokens
  private let specials: Set<TokenID>
  /// The length of the longest token in bytes; `Int.max` if bytes without a token may be dropped.
  private let longestToken: Int
  /// The special added tokens in the order of the file.
  package let specialTokens: [(text: String, id: TokenID)]
  /// The token that every text of the model begins with; nil if there is none. `encode` does not add it.
  package let leadingToken: TokenID?

  private let pool = Mutex<[Workspace]>([])
  /// The number of workspaces kept for later calls, about 1.3 MB each.
  private static let poolLimit = 8

  /// Reads the contents of a `tokenizer.json`. Throws at the first error, or the first setting that this tokenizer
  /// does not support.
  package convenience init(json: [UInt8]) throws(TokenizerError) {
    self.init(try TokenizerFile(json: json), leadingToken: nil)
  }

  /// Reads a GGUF vocabulary. Throws at the first invalid or unknown value.
  package convenience init(vocabulary: TokenizerVocabulary) throws(TokenizerError) {
    self.init(try TokenizerFile(vocabulary), leadingToken: TokenizerFile.leadingToken(of: vocabulary))
  }

  private init(_ file: TokenizerFile, leadingToken: TokenID?) {
    self.leadingToken = leadingToken
    (vocabulary, encoder) = (file.vocabulary, file.encoder)
    preTokenizer = PreTokenizer(expressions: file.expressions)
    composes = file.composes
    (rawTokens, normalizedTokens) = (file.rawTokens, file.normalizedTokens)
    specialTokens = file.specialTokens
    specials = Set(file.specialTokens.map(\.id))
    longestToken =
      file.encoder.byteTokens.contains(-1)
      ? .max : (0..<file.vocabulary.count).reduce(1) { max($0, file.vocabulary.bytes(of: TokenID($1)).count) }
  }

  /// The highest id plus 1, including added tokens.
  package var vocabularySize: Int { vocabulary.count }

  /// Returns the id of an added token's text, or of a base token in its written form (`Ġthe`).
  package func id(of token: String) -> TokenID? { vocabulary.id(of: token.utf8) }

  /// Returns the bytes that `id` decodes to, which may be a partial character; empty for an unknown id.
  package func bytes(of id: TokenID) -> [UInt8] { Array(vocabulary.bytes(of: id)) }

  /// Whether `decode(_:skipSpecial:)` can omit `id`.
  package func isSpecial(_ id: TokenID) -> Bool { specials.contains(id) }

  /// Whether the token consists only of white space.
  package func isWhitespace(_ id: TokenID) -> Bool {
    guard let text = String(validating: vocabulary.bytes(of: id), as: UTF8.self), !text.isEmpty else { return false }
    return text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
  }

  /// Returns the ids of `text` without adding any. Special added tokens that overlap a range of `literal` (UTF-8
  /// offsets) are encoded as ordinary text, so that users cannot forge them.
  package func encode(_ text: String, literal: [Range<Int>] = []) -> [TokenID] {
    encode(text, literal: literal, limit: .max) ?? []
  }

  /// Returns the ids of `text`, or nil if there are more than `limit`. Stops as soon as the limit is certain to be
  /// exceeded, so that a long text costs no more than one that just fits. Also returns nil if `shouldStop`, which is
  /// called every few thousand pieces, returns true.
  package func encode(
    _ text: String, literal: [Range<Int>] = [], limit: Int, shouldStop: () -> Bool = { false }
  ) -> [TokenID]? {
    let bytes = Array(text.utf8)
    let literal = Self.inOrder(literal)
    let work = pool.withLock { $0.popLast() } ?? Workspace()
    defer {
      work.pieces.trim()
      pool.withLock { if $0.count < Self.poolLimit { $0.append(work) } }
    }
    var ids: [TokenID] = []
    ids.reserveCapacity(min(bytes.count / 3, limit) + 8)
    for segment in rawTokens.segments(of: bytes, in: 0..<bytes.count, literal: literal) {
      if let token = segment.token {
        ids.append(token)
      } else if !normalizeAndEncode(bytes, segment.range, literal, work, &ids, limit, shouldStop) {
        return nil
      }
      if ids.count > limit { return nil }
    }
    return ids
  }

  private func normalizeAndEncode(
    _ text: [UInt8], _ range: Range<Int>, _ literal: [Range<Int>], _ work: Workspace, _ ids: inout [TokenID],
    _ limit: Int, _ shouldStop: () -> Bool
  ) -> Bool {
    if shouldStop() { return false }
    var pieces = 0
    // Composition shortens UTF-8 to a third at most.
    if range.count / 3 / longestToken > limit - ids.count { return false }
    var (text, range, literal) = (text, range, literal)
    if composes, let composed = CanonicalComposition.composed(text, range) {
      // Loading rejects special tokens that are both normalised and NFC-dependent, so `literal` is not needed from
      // here on.
      (text, range, literal) = (composed, 0..<composed.count, [])
    }
    for segment in normalizedTokens.segments(of: text, in: range, literal: literal) {
      if let token = segment.token { ids.append(token); continue }
      if segment.range.count / longestToken > limit - ids.count { return false }
      let isWhole = preTokenizer.forEachPiece(of: text, in: segment.range, with: work.search) { piece in
        pieces += 1
        if pieces & 0xFFF == 0, shouldStop() { return false }
        let key = work.cache.key(text, piece)
        if let key, work.cache.find(key, into: &ids) { return ids.count <= limit }
        let start = ids.count
        guard
          encoder.encode(
            text, piece, vocabulary: vocabulary, with: &work.pieces, into: &ids, shouldStop: shouldStop)
        else { return false }
        if let key { work.cache.insert(key, ids[start...]) }
        return ids.count <= limit
      }
      if !isWhole { return false }
    }
    return true
  }

  /// Returns `ranges` sorted, with overlapping ones merged.
  private static func inOrder(_ ranges: [Range<Int>]) -> [Range<Int>] {
    if zip(ranges, ranges.dropFirst()).allSatisfy({ $0.upperBound <= $1.lowerBound }) { return ranges }
    var merged: [Range<Int>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound < last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  /// Returns the text of `ids`. Invalid UTF-8 becomes U+FFFD; unknown ids are ignored.
  package func decode(_ ids: some Sequence<TokenID>, skipSpecial: Bool = false) -> String {
    var bytes: [UInt8] = []
    for id in ids where !(skipSpecial && isSpecial(id)) { bytes += vocabulary.bytes(of: id) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The mutable state of one call. Unchecked Sendable: `encode` takes it out of the pool, so only one call holds it.
  private final class Workspace: @unchecked Sendable {
    let search = RegularExpression.Workspace()
    var pieces = BytePairEncoder.Workspace()
    var cache = PieceCache()
  }
}
