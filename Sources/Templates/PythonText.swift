// Python's string methods on Swift strings. Positions count code points, and comparison is exact.

import Text

extension Unicode.Scalar {
  /// Whether `str.isspace` and `\s` accept the scalar.
  var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }

  var isDecimalDigit: Bool { (0x30...0x39).contains(value) }

  /// Whether `str.splitlines` splits at the scalar; `\r
  /// ` is one break.
  var isLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// Whether `repr` prints the scalar unescaped.
  var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: self == " "
    default: true
    }
  }
}

extension String {
  init(scalars: some Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }

  /// Whether the code points are equal; `==` would also equate composed and decomposed forms.
  func isIdentical(to other: String) -> Bool { utf8.elementsEqual(other.utf8) }

  /// `strip`, `lstrip` and `rstrip`; removes white space if `characters` is nil.
  func stripped(of characters: String?, leading: Bool = true, trailing: Bool = true) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    var view = unicodeScalars[...]
    while leading, let first = view.first, set?.contains(first) ?? first.isPythonSpace { view.removeFirst() }
    while trailing, let last = view.last, set?.contains(last) ?? last.isPythonSpace { view.removeLast() }
    return String(view)
  }

  /// Returns the UTF-8 offsets of `needle` without overlaps, at most `limit`.
  func offsets(of needle: String, limit: Int = .max) -> [Int] {
    var found: [Int] = []
    search(for: needle, limit: limit) { found.append($0) }
    return found
  }

  /// Returns the number of occurrences of `needle` without overlaps, at most `limit`.
  package func occurrences(of needle: String, limit: Int = .max) -> Int {
    var count = 0
    search(for: needle, limit: limit) { _ in count += 1 }
    return count
  }

  /// Calls `found` with the UTF-8 offsets of `needle`. Uses Knuth–Morris–Pratt, so that hostile strings take linear
  /// time.
  private func search(for needle: String, limit: Int, _ found: (Int) -> Void) {
    let needle = Array(needle.utf8)
    if needle.isEmpty || limit <= 0 { return }
    var border = [Int](repeating: 0, count: needle.count)
    var matched = 0
    for at in 1..<max(needle.count, 1) {
      while matched > 0, needle[at] != needle[matched] { matched = border[matched - 1] }
      if needle[at] == needle[matched] { matched += 1 }
      border[at] = matched
    }
    var count = 0
    matched = 0
    var at = 0
    for byte in utf8 {
      while matched > 0, byte != needle[matched] { matched = border[matched - 1] }
      if byte == needle[matched] { matched += 1 }
      at += 1
      if matched == needle.count {
        found(at - needle.count)
        count += 1
        if count == limit { break }
        matched = 0
      }
    }
  }

  /// `str.split(separator, limit)`.
  func split(at separator: String, limit: Int) -> [String] {
    let bytes = Array(utf8)
    var pieces: [String] = []
    var start = 0
    for offset in offsets(of: separator, limit: limit < 0 ? .max : limit) {
      pieces.append(String(decoding: bytes[start..<offset], as: UTF8.self))
      start = offset + separator.utf8.count
    }
    pieces.append(String(decoding: bytes[start...], as: UTF8.self))
    return pieces
  }

  /// `str.rsplit(separator, limit)`.
  func splitFromEnd(at separator: String, limit: Int) -> [String] {
    if limit < 0 { return split(at: separator, limit: -1) }
    // Reversing the string turns the last separators into the first ones.
    let mirrored = String(scalars: unicodeScalars.reversed())
    let mark = String(scalars: separator.unicodeScalars.reversed())
    return mirrored.split(at: mark, limit: limit).reversed().map { String(scalars: $0.unicodeScalars.reversed()) }
  }

  /// `str.split(None, limit)`: splits at runs of white space. Beyond the limit the rest is unchanged.
  func splitAtSpace(limit: Int) -> [String] {
    var pieces: [String] = []
    var rest = unicodeScalars[...]
    while true {
      rest = rest.drop { $0.isPythonSpace }
      if rest.isEmpty { return pieces }
      if limit >= 0, pieces.count >= limit {
        pieces.append(String(rest))
        return pieces
      }
      let word = rest.prefix { !$0.isPythonSpace }
      pieces.append(String(word))
      rest = rest[word.endIndex...]
    }
  }

  /// `str.splitlines`.
  func lines(keepingEnds: Bool = false) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var afterReturn = false
    for scalar in unicodeScalars {
      if afterReturn {
        afterReturn = false
        if scalar == "\n" {
          if keepingEnds { line.append(scalar) }
          lines.append(String(line))
          line = .init()
          continue
        }
        lines.append(String(line))
        line = .init()
      }
      if !scalar.isLineBreak || keepingEnds { line.append(scalar) }
      if scalar == "\r" {
        afterReturn = true
      } else if scalar.isLineBreak {
        lines.append(String(line))
        line = .init()
      }
    }
    if afterReturn || !line.isEmpty { lines.append(String(line)) }
    return lines
  }

  /// `str.replace(old, new, limit)`; an empty `old` matches before every code point and at the end.
  func replacing(_ old: String, with new: String, limit: Int) -> String {
    if old.isEmpty {
      var result = ""
      var left = limit < 0 ? Int.max : limit
      for scalar in unicodeScalars {
        if left > 0 {
          result += new
          left -= 1
        }
        result.unicodeScalars.append(scalar)
      }
      return left > 0 ? result + new : result
    }
    return split(at: old, limit: limit).joined(separator: new)
  }

  /// `str.capitalize`.
  var capitalizedFirst: String {
    guard let first = unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
  }

  /// `str.title`: upper case after every character without case.
  var titled: String {
    var result = ""
    var insideWord = false
    for scalar in unicodeScalars {
      result += insideWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      insideWord = scalar.properties.isCased
    }
    return result
  }

  /// Jinja2's `title` filter: words begin after white space and after `-`, `(`, `{`, `[` and `<`.
  var titledByWord: String {
    var result = ""
    var insideWord = false
    for scalar in unicodeScalars {
      result += insideWord ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
      insideWord = !(scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar))
    }
    return result
  }

  /// Escapes HTML's five special characters as MarkupSafe does.
  var escapedForHTML: String {
    var result = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\"": result.append(contentsOf: "&#34;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}

/// Returns the indices that `start:stop:step` selects from `count` elements, like Python's `slice.indices`.
func sliceIndices(count: Int, from: Int?, to: Int?, step: Int) -> StrideTo<Int> {
  func bounded(_ index: Int, _ low: Int, _ high: Int) -> Int {
    min(max(index < 0 ? index &+ count : index, low), high)
  }
  if step > 0 {
    return stride(from: bounded(from ?? 0, 0, count), to: to.map { bounded($0, 0, count) } ?? count, by: step)
  }
  let start = from.map { bounded($0, -1, count - 1) } ?? count - 1
  return stride(from: start, to: to.map { bounded($0, -1, count - 1) } ?? -1, by: step)
}
