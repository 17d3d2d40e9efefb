// Compares the features that a table of kernels is compiled for with those that the dispatcher checks.
import Foundation
import Testing

@Suite struct DispatchTests {
  private let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/CKernels")

  private func text(_ file: String) throws -> String {
    try String(contentsOf: sources.appending(path: file), encoding: .utf8)
  }

  @Test(arguments: ["avx2", "avx_vnni", "avx512", "avx512_vnni", "neon_dot", "neon_i8mm"])
  func `the dispatcher checks every feature of a table's target`(name: String) throws {
    let target = try #require(try text("kernels_\(name).c").firstMatch(of: /target\("([^"]+)"\)/)?.output.1)
    let branches = try text("dispatch.c").components(separatedBy: "case CK_")
    let branch = try #require(branches.first { $0.hasPrefix("\(name.uppercased()):") })
    let asked = branch.matches(of: /HAS\("(\w+)"\)/).map(\.output.1)
    #expect(Set(asked) == Set(target.split(separator: ",")))
  }
}
