// swift-tools-version:6.0
import PackageDescription

// The engine: on Linux a shared library that the linker is pointed at, on Apple's platforms an XCFramework. Both are
// made from one build together with the generated code (generate.sh, bindings/package/ios.sh): never mix two builds.
#if os(Linux)
let engine = Target.systemLibrary(name: "fieldsync_ffiFFI")
let engineLibrary: [LinkerSetting] = [.linkedLibrary("fieldsync_ffi")]
// What the tests verify signatures with; on Apple's platforms CryptoKit.
let crypto = [Target.systemLibrary(name: "CLibcrypto", path: "Tests/CLibcrypto", providers: [.apt(["libssl-dev"])])]
#else
let engine = Target.binaryTarget(name: "fieldsync_ffiFFI", path: "fieldsync_ffiFFI.xcframework")
let engineLibrary: [LinkerSetting] = [.linkedFramework("Security"), .linkedFramework("SystemConfiguration")]
let crypto: [Target] = []
#endif

let package = Package(
    name: "Fieldsync",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Fieldsync", targets: ["Fieldsync"])],
    targets: [
        engine,
        // Generated, in Swift 5 mode: an asynchronous callback in it would not compile in Swift 6 mode.
        .target(
            name: "FieldsyncCore",
            dependencies: ["fieldsync_ffiFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: engineLibrary
        ),
        .target(name: "Fieldsync", dependencies: ["FieldsyncCore"]),
        // A technician's day in a terminal: what docs/INTEGRATING.md ends with.
        .executableTarget(name: "Technician", dependencies: ["Fieldsync"], path: "sample"),
        // To copy into an app; what is Apple's alone is only read as Swift on other systems.
        .target(name: "Recipes", dependencies: ["Fieldsync"], path: "recipes"),
        .testTarget(name: "FieldsyncTests", dependencies: ["Fieldsync", "Independent", "Harness", "Phone", "Technician", "Recipes"]),
        // A real office as a process, and a wire to it that can be held and cut.
        .target(name: "Harness", path: "Tests/Harness"),
        // An app of its own process, to be killed.
        .executableTarget(name: "Phone", dependencies: ["Fieldsync"], path: "Tests/Phone"),
        // Reads what the engine writes without a line of the engine.
        .target(name: "Independent", dependencies: crypto.map { .byName(name: $0.name) }, path: "Tests/Independent"),
        .testTarget(name: "ConformanceTests", dependencies: ["Independent"]),
    ] + crypto
)
