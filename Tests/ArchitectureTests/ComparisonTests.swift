// Finds Unicode comparisons of text in modules that see text from outside. It reads the object files of this build, not
// the sources, because every way to the standard library's comparison leaves a reference to it there.

import Foundation
import Testing

#if DEBUG

  private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  /// The folder of this build's products and object files.
  private let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

  /// Modules that see text from a socket, a request, a model file, a template or an image. Configuration, Evaluation,
  /// Benchmarking and the executable see text of the operator. Ledger, Statistics, Scheduling, Inference and
  /// GenerationTypes see only fixed words and names of keys, which the operator chooses. Text implements the
  /// comparisons.
  private let modules = [
    "JSON", "HTTP", "Transport", "API", "Chat", "Templates", "StructuredOutput", "Tokenization", "ModelFiles",
    "Fetching", "Imaging", "ModelLoading",
    "Telemetry",
  ]

  /// Allowed comparisons: a part of the function's name, and the reason.
  private let allowed: [(function: String, reason: String)] = [
    ("Error.__derived_", "error texts are fixed, and only tests compare errors"),
    ("HTTPViolation.__derived_", "error texts are fixed, and only tests compare errors"),
    ("Telemetry.ProcessMetrics.", "reads /proc"),
    ("Ledger.UsageReport.(counts in", "modes and stop reasons are fixed words"),
    ("initialization function for (known in _2F4AAC3A91D301F37A2074E7ABD22F82)", "the patterns of formats are fixed"),
    ("Swift.Array<Swift.String> and conformance", "labels are fixed words and names of keys"),
    (" in Telemetry.Counter.write(into:", "labels are fixed words and names of keys"),
    (" in Telemetry.Histogram.write(into:", "labels are fixed words and names of keys"),
  ]

  /// Mangled names of comparison, hashing and order of String, Substring and Character, and of their conformances.
  private func isComparison(_ name: String) -> Bool {
    let types = ["SS", "Ss", "SJ"]
    if types.contains(where: { name.hasPrefix("$s\($0)") }) {
      let rest = name.dropFirst(4)
      // ==, !=, <, >, <=, >= and hash(into:).
      if ["2eeoi", "2neoi", "1loi", "1goi", "2leoi", "2geoi", "4hash4into"].contains(where: { rest.hasPrefix($0) }) {
        return !rest.hasPrefix("2eeoiySbAB") && !name.contains("IndexV")
      }
      // Conformances to Equatable, Hashable and Comparable.
      if ["SQsWP", "SHsWP", "SLsWP", "SQsMc", "SHsMc", "SLsMc"].contains(where: { rest == $0 }) { return true }
      return rest.hasPrefix("9hasPrefixySbSSF") || rest.hasPrefix("9hasSuffixySbSSF")
    }
    // Methods of StringProtocol in the standard library, Foundation and the regular expressions.
    if name.hasPrefix("$sSysE") {
      return ["2eeoi", "2neoi", "1loi", "1goi", "2leoi", "2geoi", "9hasPrefix", "9hasSuffix"].contains {
        name.dropFirst(6).hasPrefix($0)
      }
    }
    if name.hasPrefix("$sSy10FoundationE") || name.hasPrefix("$sSy20FoundationEssentialsE") {
      return ["5range2of", "10components11separated", "replacingOccurrences", "ompare", "8contains"].contains {
        name.contains($0)
      }
    }
    if name.hasPrefix("$sSy17_StringProcessingE") { return true }
    return name.contains("_stringCompareWithSmolCheck") || name.contains("_stringCompareInternal")
      || name.contains("_findStringSwitchCase") || isRawValueInitialiser(name)
  }

  /// Whether the name is `init(rawValue:)` of an enum of strings, which compares by Unicode's rules; `init(exactly:)`
  /// does not.
  private func isRawValueInitialiser(_ name: String) -> Bool {
    name.contains("O8rawValue") && name.hasSuffix("SgSS_tcfC")
  }

  /// Returns the demangled functions in `object` that compare, with the comparisons that they refer to.
  private func comparisons(in object: ObjectFile) -> [String: Set<String>] {
    // The functions of an enum of strings compare literals. Callers of its initialiser are found instead.
    let enums = object.definitions.filter(isRawValueInitialiser).compactMap { name in
      name.range(of: "O8rawValue").map { String(name[..<$0.lowerBound]) + "O" }
    }
    var found: [String: Set<String>] = [:]
    for (name, users) in object.users where isComparison(name) {
      for user in users {
        let isDerived = enums.contains { user.hasPrefix($0 + "8rawValue") || user.hasPrefix($0 + "S") }
        if !isDerived { found[demangled(user), default: []].insert(demangled(name)) }
      }
    }
    return found
  }

  private func objectFile(_ module: String, _ source: URL) throws -> ObjectFile {
    try ObjectFile(products.appending(path: "\(module).build/\(source.lastPathComponent).o"))
  }

  private func sources(of module: String) -> [URL] {
    let folder = root.appending(path: "Sources/\(module)")
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return files?.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" } ?? []
  }

  @Suite struct `Text from outside is compared as bytes` {
    @Test(arguments: modules) func `no function compares by Unicode's rules`(module: String) throws {
      let sources = sources(of: module)
      #expect(!sources.isEmpty)
      for source in sources {
        for (function, uses) in comparisons(in: try objectFile(module, source)) {
          if allowed.contains(where: { function.contains($0.function) }) { continue }
          Issue.record(
            """
            \(module)/\(source.lastPathComponent): \(function) refers to \(uses.sorted().joined(separator: "; ")). \
            Import Text, which makes == and hasPrefix compare bytes, and use ExactString for keys and switch.
            """)
        }
      }
    }

    @Test func `the test finds comparisons of every kind`() throws {
      let object = try ObjectFile(products.appending(path: "ArchitectureTests.build/KnownComparisons.swift.o"))
      let found = comparisons(in: object)
      let kinds = [
        "equality", "order", "optional", "substring", "character", "member", "position", "prefix", "suffix",
        "dictionary",
        "set", "cases", "word", "split", "search", "ordered", "generic",
      ]
      for kind in kinds { #expect(found.keys.contains { $0.contains("KnownComparisons.\(kind)(") }, "\(kind)") }
      #expect(found.keys.contains { $0.contains("KnownComparisons.Derived.__derived_struct_equals") })
      #expect(!found.keys.contains { $0.contains("KnownComparisons.bytes(") })
      // The functions that the compiler adds to an enum of strings.
      #expect(!found.keys.contains { $0.contains("in conformance ArchitectureTests.KnownComparisons.Word") })
    }
  }

#endif
