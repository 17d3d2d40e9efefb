// swift-tools-version: 6.2
import PackageDescription

// The modules and what each may import; `Tests/ArchitectureTests` checks the sources against ARCHITECTURE.md.
// System libraries are found with pkg-config; `scripts/install` installs them.

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Optimised in debug builds too: modules and tests with loops that would make the tests slow.
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

func module(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

func tests(
  of name: String, _ dependencies: [Target.Dependency] = [], fixtures: Bool = false, _ settings: [SwiftSetting] = []
) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    exclude: fixtures ? ["Fixtures"] : [], swiftSettings: strict + settings)
}

func benchmark(_ name: String, _ dependencies: [Target.Dependency], exclude: [String]) -> Target {
  .executableTarget(
    name: "\(name)-benchmark", dependencies: dependencies, path: "Benchmarks/\(name)", exclude: exclude,
    swiftSettings: strict)
}

func system(_ name: String, _ package: String, _ debian: String) -> Target {
  .systemLibrary(name: name, path: "Sources/System/\(name)", pkgConfig: package, providers: [.apt([debian])])
}

let package = Package(
  name: "r4b",
  products: [.executable(name: "r4b", targets: ["r4b"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    system("COniguruma", "oniguruma", "libonig-dev"),
    system("COpenSSL", "openssl", "libssl-dev"),
    system("CCurl", "libcurl", "libcurl4-openssl-dev"),
    system("CLibJPEG", "libjpeg", "libjpeg-dev"),
    system("CSPNG", "spng", "libspng-dev"),
    system("CWebP", "libwebp", "libwebp-dev"),
    system("CGIF", "libgif", "libgif-dev"),

    module("Text", [], optimised),
    module("JSON", ["Text"], optimised),
    module("GenerationTypes", []),
    module("Work", ["GenerationTypes"], optimised),
    module("ModelFiles", ["JSON", "Text"], optimised),
    module("Tokenization", ["COniguruma", "GenerationTypes", "JSON", "ModelFiles", "Text"], optimised),
    .target(
      name: "CJPEG", dependencies: ["CLibJPEG"], cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
    module("Imaging", ["CJPEG", "CSPNG", "CWebP", "CGIF", "GenerationTypes", "Text"], optimised),
    .target(
      name: "CFetch", dependencies: ["CCurl"], cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
    module("Fetching", ["CFetch", "Text"]),
    module("StructuredOutput", ["GenerationTypes", "JSON", "Text"], optimised),
    module("Templates", ["JSON", "Text"]),
    module(
      "Chat",
      [
        "COpenSSL", "GenerationTypes", "Imaging", "JSON", "StructuredOutput", "Templates", "Text", "Tokenization",
        "Work",
      ]),
    .target(
      name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"])],
      linkerSettings: [.linkedLibrary("m")]),
    module("Inference", ["CKernels", "GenerationTypes", "ModelFiles"], optimised),
    module("Scheduling", ["GenerationTypes", "Inference"]),
    module("Benchmarking", ["GenerationTypes", "Inference"], optimised),
    module("Transport", ["COpenSSL", "Text"]),
    module("HTTP", ["Text", "Transport"]),
    module("Telemetry", ["JSON", "Statistics", "Text"]),
    module("Configuration", ["JSON"]),
    module("Statistics", [], optimised),
    module("Ledger", [.product(name: "GRDB", package: "GRDB.swift")], optimised),
    module("Evaluation", ["JSON", "Statistics"], optimised),
    module(
      "API",
      [
        "Chat", "COpenSSL", "Fetching", "GenerationTypes", "HTTP", "Imaging", "JSON", "Ledger", "Scheduling",
        "Statistics", "StructuredOutput", "Telemetry", "Text", "Work",
      ]),
    .executableTarget(
      name: "r4b",
      dependencies: [
        "API", "Benchmarking", "CKernels", "Chat", "Configuration", "Evaluation", "Fetching", "GenerationTypes", "HTTP",
        "Imaging",
        "Inference", "JSON", "Ledger", "ModelFiles", "Scheduling", "Statistics", "Telemetry", "Templates", "Text",
        "Tokenization", "Transport", "Work",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),

    benchmark("vision", ["GenerationTypes", "Inference", "ModelFiles"], exclude: ["compare_transformers.py"]),
    benchmark(
      "constraints", ["GenerationTypes", "Inference", "JSON", "StructuredOutput", "Tokenization"], exclude: []),
    benchmark("tokenizer", ["Tokenization"], exclude: ["compare.py"]),
    benchmark("ledger", ["Ledger"], exclude: []),
    .executableTarget(
      name: "kernels-benchmark", dependencies: ["CKernels"], path: "Benchmarks/kernels",
      cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),

    .target(
      name: "TLSTestSupport", dependencies: ["COpenSSL"], path: "Tests/TLSTestSupport", swiftSettings: strict),
    tests(
      of: "API",
      ["Chat", "Fetching", "GenerationTypes", "HTTP", "JSON", "Ledger", "Scheduling", "Telemetry", "Text", "Work"]),
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    tests(of: "Benchmarking", ["GenerationTypes", "Inference", "ModelFiles"]),
    tests(of: "CKernels", fixtures: true),
    tests(
      of: "Chat", ["GenerationTypes", "Imaging", "JSON", "ModelFiles", "Templates", "Text", "Tokenization"]),
    tests(of: "Configuration", ["JSON"]),
    tests(of: "Evaluation", ["JSON", "Statistics"], fixtures: true),
    tests(of: "Fetching"),
    tests(of: "GenerationTypes"),
    tests(of: "HTTP", ["TLSTestSupport", "Text", "Transport"]),
    tests(of: "Imaging", ["GenerationTypes"], fixtures: true),
    tests(of: "Inference", ["CKernels", "GenerationTypes", "ModelFiles"], fixtures: true),
    tests(of: "JSON"),
    tests(of: "Ledger", [.product(name: "GRDB", package: "GRDB.swift")]),
    tests(of: "ModelFiles", ["JSON", "Text"], fixtures: true, optimised),
    .testTarget(
      name: "SamplingTests", dependencies: ["GenerationTypes", "Inference", "JSON"], exclude: ["Fixtures"],
      swiftSettings: strict),
    tests(of: "Scheduling", ["GenerationTypes", "Inference"]),
    tests(of: "Statistics", fixtures: true),
    tests(of: "StructuredOutput", ["GenerationTypes", "JSON", "Tokenization"]),
    tests(of: "Telemetry", ["JSON"]),
    tests(of: "Templates", ["JSON"], fixtures: true),
    tests(of: "Text"),
    tests(of: "Tokenization", ["GenerationTypes", "JSON", "ModelFiles"], fixtures: true),
    tests(of: "Work", ["GenerationTypes"]),
    tests(of: "Transport", ["COpenSSL", "TLSTestSupport"]),
  ]
)
