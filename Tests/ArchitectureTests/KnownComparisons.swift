// One Unicode comparison of each kind, which `ComparisonTests` must find in this file's object. Nothing calls them.

import Foundation

enum KnownComparisons {
  enum Word: String, CaseIterable { case one, two }
  struct Derived: Equatable { var text: String }

  static func equality(_ a: String, _ b: String) -> Bool { a == b }
  static func order(_ a: String, _ b: String) -> Bool { a < b }
  static func optional(_ a: String?) -> Bool { a == "x" }
  static func substring(_ a: Substring) -> Bool { a == "x" }
  static func character(_ a: String) -> Bool { a.first == "x" }
  static func member(_ a: [String], _ b: String) -> Bool { a.contains(b) }
  static func position(_ a: [String], _ b: String) -> Int? { a.firstIndex(of: b) }
  static func prefix(_ a: String) -> Bool { a.hasPrefix("x") }
  static func suffix(_ a: Substring) -> Bool { a.hasSuffix("x") }
  static func dictionary(_ a: [String: Int], _ b: String) -> Int? { a[b] }
  static func set(_ a: Set<String>, _ b: String) -> Bool { a.contains(b) }
  static func cases(_ a: String) -> Bool {
    switch a {
    case "x": true
    default: false
    }
  }
  static func word(_ a: String) -> Word? { Word(rawValue: a) }
  static func split(_ a: String) -> Int { a.split(separator: ",").count }
  static func search(_ a: String) -> Bool { a.contains("xy") }
  static func ordered(_ a: [String]) -> [String] { a.sorted() }
  static func generic(_ a: [String], _ b: [String]) -> Bool { a == b }
  /// Compares bytes, which is allowed.
  static func bytes(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}
