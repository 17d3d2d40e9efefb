// One Oniguruma expression over UTF-8. Searches only read a compiled expression, so threads share it; what a search
// writes (capture region, limits) is in a `Workspace` that one call at a time owns. Limits on backtracking and its
// stack bound the time and memory of every search.

import COniguruma

/// Unchecked Sendable: only `init` and `deinit` write the pointer, and searches do not modify what it points to.
final class RegularExpression: @unchecked Sendable {
  private let pointer: OpaquePointer
  /// The source of the expression.
  let pattern: String

  /// Whether Oniguruma was initialised, which must happen before any other call. Also defines `\p{L}` and `\p{N}` as
  /// in Unicode 16, like the reference: the system's library may be older (Debian's 6.9.8 has Unicode 14) and would
  /// split words differently.
  private static let initialized: Bool =
    onig_shim_initialize() == ONIG_NORMAL
    && define("L", [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter])
    && define("N", [.decimalNumber, .letterNumber, .otherNumber])

  /// Defines the property `name` as the scalars of `categories` (none lie beyond plane 3). The library keeps the
  /// table for the life of the process.
  private static func define(_ name: String, _ categories: Set<Unicode.GeneralCategory>) -> Bool {
    var ranges: [OnigCodePoint] = []
    for code in UInt32(0)..<0x3_3480 {
      guard let properties = Unicode.Scalar(code)?.properties, categories.contains(properties.generalCategory),
        let age = properties.age, age.major <= 16
      else { continue }
      if let last = ranges.last, last == code - 1 { ranges[ranges.count - 1] = code } else { ranges += [code, code] }
    }
    let table = UnsafeMutablePointer<OnigCodePoint>.allocate(capacity: ranges.count + 1)
    table[0] = OnigCodePoint(ranges.count / 2)
    for (position, code) in ranges.enumerated() { table[position + 1] = code }
    return onig_unicode_define_user_property(name, table) >= 0
  }

  /// Compiles `pattern`. Throws with the library's message if it is invalid.
  init(_ pattern: String, path: String) throws(TokenizerError) {
    guard Self.initialized else {
      throw TokenizerError(path: path, reason: "the Oniguruma library cannot be initialised")
    }
    let bytes = Array(pattern.utf8)
    var compiled: OnigRegex?
    let code = bytes.withUnsafeBufferPointer { onig_shim_compile(&compiled, $0.baseAddress, $0.count) }
    guard code == ONIG_NORMAL, let compiled else {
      var text = [UInt8](repeating: 0, count: Int(ONIG_MAX_ERROR_MESSAGE_LEN) + 1)
      _ = text.withUnsafeMutableBufferPointer { onig_shim_message($0.baseAddress, code) }
      let message = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
      throw TokenizerError(path: path, reason: "the regular expression is invalid: \(message)")
    }
    pointer = OpaquePointer(compiled)
    self.pattern = pattern
  }

  deinit { onig_free(OnigRegex(pointer)) }

  enum Outcome {
    case match(Range<Int>)
    case none
    /// The search exceeded the limits on backtracking.
    case limit
  }

  /// Returns the first match in `text[window]` at or after `start`. The expression sees nothing outside `window`.
  func search(_ text: UnsafeBufferPointer<UInt8>, window: Range<Int>, from start: Int, with work: Workspace) -> Outcome
  {
    guard let base = text.baseAddress, window.upperBound <= text.count else { return .none }
    let end = base + window.upperBound
    let code = onig_search_with_param(
      OnigRegex(pointer), base + window.lowerBound, end, base + start, end, work.region, ONIG_OPTION_NONE, work.limits)
    if code == ONIG_MISMATCH { return .none }
    if code < 0 { return .limit }
    let first = window.lowerBound + Int(work.region.pointee.beg[0])
    let last = window.lowerBound + Int(work.region.pointee.end[0])
    return .match(first..<last)
  }

  /// The mutable state of a search. One call at a time uses a workspace.
  final class Workspace {
    fileprivate let region: UnsafeMutablePointer<OnigRegion>
    fileprivate let limits: OpaquePointer

    /// The limit on backtracking steps of one match: the library's default, which the reference uses.
    private static let maxRetries: UInt = 10_000_000
    /// The limit on backtracking stack entries (about 40 bytes each) of one match.
    private static let maxStack: UInt32 = 4 << 20

    init() {
      region = onig_region_new()
      limits = onig_new_match_param()
      onig_initialize_match_param(limits)
      onig_set_retry_limit_in_match_of_match_param(limits, Self.maxRetries)
      onig_set_match_stack_limit_size_of_match_param(limits, Self.maxStack)
    }

    deinit {
      onig_region_free(region, 1)
      onig_free_match_param(limits)
    }
  }
}
