// swift-tools-version: 6.2
import PackageDescription

// The modules and their dependencies. `Tests/ArchitectureTests` compares the imports with ARCHITECTURE.md.
// pkg-config finds the system libraries; `scripts/install` installs them.

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Optimises debug builds too, for modules whose loops would make the tests slow.
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

func module(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], _ settings: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict + settings)
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

    module("Basics", [], optimised),
    module("Text", [], optimised),
    module("Digests", ["COpenSSL"]),
    module("JSON", ["Text"], optimised),
    module("GenerationTypes", []),
    module("Work", ["Basics", "GenerationTypes"], optimised),
    module("ModelFiles", ["JSON", "Text"], optimised),
    module("Tokenization", ["COniguruma", "GenerationTypes", "JSON", "ModelFiles", "Text"], optimised),
    .target(
      name: "CJPEG", dependencies: ["CLibJPEG"], cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
    module("Imaging", ["CJPEG", "CSPNG", "CWebP", "CGIF", "GenerationTypes", "Text"], optimised),
    .target(
      name: "CFetch", dependencies: ["CCurl"], cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
    module("Fetching", ["Basics", "CFetch", "Text"]),
    module("StructuredOutput", ["GenerationTypes", "JSON", "Text"], optimised),
    module("Templates", ["JSON", "Text"]),
    module(
      "Chat",
      [
        "Digests", "GenerationTypes", "Imaging", "JSON", "StructuredOutput", "Templates", "Text", "Tokenization",
        "Work",
      ]),
    .target(
      name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"])],
      linkerSettings: [.linkedLibrary("m")]),
    module("Inference", ["Basics", "CKernels", "GenerationTypes", "ModelFiles"], optimised),
    module("Scheduling", ["Basics", "GenerationTypes", "Inference"]),
    module("Benchmarking", ["Basics", "GenerationTypes", "Inference"], optimised),
    module("Transport", ["COpenSSL", "Text"]),
    module("HTTP", ["Basics", "Text", "Transport"]),
    module("Telemetry", ["Basics", "GenerationTypes", "JSON", "Statistics", "Text"]),
    module("Configuration", ["JSON"]),
    module(
      "ModelLoading",
      [
        "Chat", "GenerationTypes", "Imaging", "Inference", "ModelFiles", "Scheduling", "Templates", "Text",
        "Tokenization", "Work",
      ]),
    module("Statistics", ["Basics"], optimised),
    module("Ledger", ["GenerationTypes", .product(name: "GRDB", package: "GRDB.swift")], optimised),
    module("Evaluation", ["Basics", "JSON", "Statistics"], optimised),
    // Files with #embed (C23): as Swift array literals, 130 KB would take 20 s to compile.
    .target(name: "CEmbedded", cSettings: [.unsafeFlags(["-std=c23", "-O2", "-Wall", "-Wextra", "-Werror"])]),
    module(
      "API",
      [
        "Basics", "CEmbedded", "Chat", "Digests", "Fetching", "GenerationTypes", "HTTP", "Imaging", "JSON", "Ledger",
        "Scheduling", "Statistics", "StructuredOutput", "Telemetry", "Text", "Work",
      ], exclude: ["OpenAPI/openapi.json"]),
    .executableTarget(
      name: "r4b",
      dependencies: [
        "API", "Basics", "Benchmarking", "CKernels", "Chat", "Configuration", "Evaluation", "Fetching",
        "GenerationTypes", "HTTP",
        "Imaging",
        "Inference", "JSON", "Ledger", "ModelFiles", "ModelLoading", "Scheduling", "Statistics", "Telemetry",
        "Templates", "Text",
        "Tokenization", "Transport", "Work",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),

    benchmark(
      "vision", ["Basics", "GenerationTypes", "Inference", "ModelFiles"], exclude: ["compare_transformers.py"]),
    benchmark(
      "constraints", ["Basics", "GenerationTypes", "Inference", "JSON", "StructuredOutput", "Tokenization"], exclude: []
    ),
    benchmark("tokenizer", ["Basics", "Tokenization"], exclude: ["compare.py"]),
    benchmark("ledger", ["Basics", "GenerationTypes", "Ledger"], exclude: []),
    .executableTarget(
      name: "kernels-benchmark", dependencies: ["CKernels"], path: "Benchmarks/kernels",
      cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),

    .target(
      name: "TLSTestSupport", dependencies: ["COpenSSL"], path: "Tests/TLSTestSupport", swiftSettings: strict),
    tests(
      of: "API",
      [
        "Basics", "Chat", "Fetching", "GenerationTypes", "HTTP", "JSON", "Ledger", "ModelFiles", "Scheduling",
        "Telemetry", "Text", "Tokenization", "Work",
      ]),
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    tests(of: "Basics"),
    tests(of: "Benchmarking", ["GenerationTypes", "Inference", "ModelFiles"]),
    tests(of: "CKernels", ["Basics"], fixtures: true),
    tests(
      of: "Chat", ["GenerationTypes", "Imaging", "JSON", "ModelFiles", "Templates", "Text", "Tokenization"]),
    tests(of: "Configuration", ["JSON"]),
    tests(of: "Digests"),
    tests(of: "Evaluation", ["JSON", "Statistics"], fixtures: true),
    tests(of: "Fetching"),
    tests(of: "GenerationTypes"),
    tests(of: "HTTP", ["Basics", "TLSTestSupport", "Text", "Transport"]),
    tests(of: "Imaging", ["Basics", "GenerationTypes"], fixtures: true),
    tests(of: "Inference", ["Basics", "CKernels", "GenerationTypes", "ModelFiles"], fixtures: true),
    tests(of: "JSON"),
    tests(of: "Ledger", ["Basics", "GenerationTypes", .product(name: "GRDB", package: "GRDB.swift")]),
    tests(of: "ModelFiles", ["Basics", "JSON", "Text"], fixtures: true, optimised),
    .testTarget(
      name: "SamplingTests", dependencies: ["Basics", "GenerationTypes", "Inference", "JSON"], exclude: ["Fixtures"],
      swiftSettings: strict),
    tests(
      of: "ModelLoading",
      ["Chat", "GenerationTypes", "Imaging", "Inference", "JSON", "ModelFiles", "Scheduling", "Tokenization", "Work"]),
    tests(of: "Scheduling", ["Basics", "GenerationTypes", "Inference", "ModelFiles"]),
    tests(of: "Statistics", ["Basics"], fixtures: true),
    tests(of: "StructuredOutput", ["GenerationTypes", "JSON", "Tokenization"]),
    tests(of: "Telemetry", ["GenerationTypes", "JSON"]),
    tests(of: "Templates", ["JSON"], fixtures: true),
    tests(of: "Text"),
    tests(of: "Tokenization", ["Basics", "GenerationTypes", "JSON", "ModelFiles"], fixtures: true),
    tests(of: "Work", ["GenerationTypes"]),
    tests(of: "Transport", ["COpenSSL", "TLSTestSupport"]),
  ]
)
