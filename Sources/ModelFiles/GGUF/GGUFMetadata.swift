// The metadata of a GGUF file: values under dotted keys, in the order of the file, and typed access that names the key
// at fault.

import Text

/// Keys and values; each key once.
package struct GGUFMetadata: Sendable, Equatable {
  /// Path of the file, for errors.
  let file: String
  package private(set) var keys: [String] = []
  private var values: [ExactString: GGUFValue] = [:]

  package init(file: String = "") { self.file = file }

  /// A new key goes to the end; nil removes.
  package subscript(key: String) -> GGUFValue? {
    get { values[key.exact] }
    set {
      if newValue == nil { keys.removeAll { $0 == key } } else if values[key.exact] == nil { keys.append(key) }
      values[key.exact] = newValue
    }
  }

  func fault(_ key: String, expected: String, found: String? = nil) -> ModelFileError {
    ModelFileError(
      file: file, location: .key(shownKey(key)), expected: expected,
      found: found ?? values[key.exact]?.shown ?? "nothing")
  }

  package func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelFileError) -> Int? {
    guard let value = values[key.exact] else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw fault(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Reads a token id; nil where the key is absent or stands for no token, which llama.cpp's converter writes as
  /// 0xFFFFFFFF.
  package func token(_ key: String, in range: ClosedRange<Int>) throws(ModelFileError) -> Int? {
    guard let id = values[key]?.int, ConfigurationReader.noToken.contains(id) else {
      return try integer(key, in: range)
    }
    return nil
  }

  /// Reads an integer that must be present.
  package func required(_ key: String, in range: ClosedRange<Int>) throws(ModelFileError) -> Int {
    guard let number = try integer(key, in: range) else {
      throw fault(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  package func number(_ key: String, in range: ClosedRange<Double>) throws(ModelFileError) -> Double? {
    guard let value = values[key.exact] else { return nil }
    guard let number = value.double, range.contains(number) else {
      throw fault(key, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  package func flag(_ key: String) throws(ModelFileError) -> Bool? {
    guard let value = values[key.exact] else { return nil }
    guard let flag = value.bool else { throw fault(key, expected: "true or false") }
    return flag
  }

  package func text(_ key: String) throws(ModelFileError) -> String? {
    guard let value = values[key.exact] else { return nil }
    guard let text = value.text else { throw fault(key, expected: "a string of UTF-8") }
    return text
  }

  package func strings(_ key: String) throws(ModelFileError) -> GGUFStrings? {
    guard let value = values[key.exact] else { return nil }
    guard case .strings(let strings) = value else { throw fault(key, expected: "an array of strings") }
    return strings
  }

  /// Reads an array of integers, each within `range`.
  package func integers(_ key: String, in range: ClosedRange<Int>) throws(ModelFileError) -> [Int]? {
    guard let value = values[key.exact] else { return nil }
    guard case .numbers(let numbers) = value else { throw fault(key, expected: "an array of integers") }
    var integers: [Int] = []
    integers.reserveCapacity(numbers.count)
    for index in 0..<numbers.count {
      guard let number = numbers[index].int, range.contains(number) else {
        throw fault(
          "\(key)[\(index)]", expected: "an integer from \(range.lowerBound) to \(range.upperBound)",
          found: GGUFValue.scalar(numbers[index]).shown)
      }
      integers.append(number)
    }
    return integers
  }

  /// Reads an array of exactly `count` numbers, each within `range`.
  package func numbers(_ key: String, count: Int, in range: ClosedRange<Double>) throws(ModelFileError) -> [Double]? {
    guard let value = values[key.exact] else { return nil }
    guard case .numbers(let stored) = value, stored.count == count else {
      throw fault(key, expected: "an array of \(count) numbers")
    }
    let numbers = (0..<count).compactMap { stored[$0].double }.filter(range.contains)
    guard numbers.count == count else {
      throw fault(key, expected: "\(count) numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return numbers
  }
}

/// Returns a key for errors. Keys of a file are untrusted; those that are not plain are escaped.
func shownKey(_ key: String) -> String {
  let isPlain = key.utf8.allSatisfy { (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: "\"") }
  return isPlain && key.utf8.count <= 120 ? key : quoted(key)
}
