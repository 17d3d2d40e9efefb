// Typed, range-checked access to the members of one JSON object. A member that is null counts as absent, as in
// transformers.
import JSON

/// One object of a configuration file, and its path for messages.
struct ConfigurationReader {
  let file: String
  private let path: String
  private let object: JSONObject

  /// Parses a whole file whose document must be an object.
  init(parsing text: [UInt8], file: String) throws(ModelFileError) {
    let document: JSONValue
    do {
      document = try JSONValue(parsing: text)
    } catch {
      throw ModelFileError(file: file, expected: "JSON", found: shown(error))
    }
    guard let object = document.object else {
      throw ModelFileError(file: file, expected: "a JSON object", found: shown(document))
    }
    self.init(file: file, path: "", object: object)
  }

  private init(file: String, path: String, object: JSONObject) {
    (self.file, self.path, self.object) = (file, path, object)
  }

  /// The member `name`, unless it is absent or null.
  subscript(name: String) -> JSONValue? {
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  /// Whether both objects have the same values for `names`.
  func agrees(with other: ConfigurationReader, on names: [String]) -> Bool {
    names.allSatisfy { self[$0] == other[$0] }
  }

  func fault(_ name: String, expected: String, found: String? = nil) -> ModelFileError {
    ModelFileError(file: file, location: .key(path + name), expected: expected, found: found ?? shown(object[name]))
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(ModelFileError) -> Int? {
    guard let value = self[name] else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw fault(name, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws(ModelFileError) -> Double? {
    guard let value = self[name] else { return nil }
    guard let number = value.double, range.contains(number) else {
      throw fault(name, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func flag(_ name: String) throws(ModelFileError) -> Bool? {
    guard let value = self[name] else { return nil }
    guard let flag = value.bool else { throw fault(name, expected: "true or false") }
    return flag
  }

  func text(_ name: String) throws(ModelFileError) -> String? {
    guard let value = self[name] else { return nil }
    guard let text = value.string else { throw fault(name, expected: "a string") }
    return text
  }

  func child(_ name: String) throws(ModelFileError) -> ConfigurationReader? {
    guard let value = self[name] else { return nil }
    guard let object = value.object else { throw fault(name, expected: "an object") }
    return ConfigurationReader(file: file, path: "\(path)\(name).", object: object)
  }

  /// Throws for any value of `name` but `supported`; an absent member is accepted.
  func only(_ name: String, _ supported: JSONValue) throws(ModelFileError) {
    guard let value = self[name], value != supported else { return }
    throw fault(name, expected: "\(shown(supported)), the only supported value")
  }

  /// Ids that stand for "no token": -1, also as an unsigned 32-bit number.
  static let noToken: Set = [-1, 0xFFFF_FFFF]

  /// Reads a token id within `range`; nil where it is absent or stands for no token.
  func token(_ name: String, in range: Range<Int>) throws(ModelFileError) -> Int? {
    guard let id = self[name]?.int, Self.noToken.contains(id) else {
      return try integer(name, in: range.lowerBound...range.upperBound - 1)
    }
    return nil
  }

  /// Reads token ids, written as one number or as a list; each within `range`. Ids that stand for no token are left
  /// out.
  func tokens(_ name: String, in range: Range<Int>) throws(ModelFileError) -> [Int]? {
    guard let value = self[name] else { return nil }
    var ids: [Int] = []
    for element in value.array ?? [value] {
      if let id = element.int, Self.noToken.contains(id) { continue }
      guard let id = element.int, range.contains(id) else {
        throw fault(name, expected: "token ids below \(range.upperBound)", found: shown(element))
      }
      ids.append(id)
    }
    return ids
  }

  /// `image_grid_pinpoints`: images' target sizes as [height, width], in multiples of `tile`, at most ten tiles each.
  func pinpoints(tile: Int) throws(ModelFileError) -> [PixelSize]? {
    let name = "image_grid_pinpoints"
    guard let value = self[name] else { return nil }
    guard let list = value.array, (1...64).contains(list.count) else {
      throw fault(name, expected: "an array of 1 to 64 [height, width] pairs")
    }
    var sizes: [PixelSize] = []
    for (position, pair) in list.enumerated() {
      let entry = "\(name)[\(position)]"
      guard let sides = pair.array, sides.count == 2, let height = sides[0].int, let width = sides[1].int,
        (1...1 << 20).contains(height), (1...1 << 20).contains(width)
      else { throw fault(entry, expected: "[height, width] in pixels", found: shown(pair)) }
      guard height % tile == 0, width % tile == 0 else {
        throw fault(entry, expected: "multiples of the image size \(tile)", found: "[\(height), \(width)]")
      }
      let tiles = (height / tile) * (width / tile)
      guard tiles <= 10 else {
        throw fault(entry, expected: "at most 10 tiles of \(tile) pixels", found: "\(tiles) in [\(height), \(width)]")
      }
      sizes.append(PixelSize(height: height, width: width))
    }
    return sizes
  }
}
