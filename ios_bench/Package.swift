// swift-tools-version: 6.0
import PackageDescription

// The folder of ExecuTorch's Python wheel, whose libraries ExecuTorchEngine links on Linux; without it, all else can be
// built. On Apple's systems the engine is a package of its own, in ExecuTorchEngine/.
let wheel = Context.environment["GFNET_EXECUTORCH_WHEEL"]

let executorch = "1.5.1"

let package = Package(
    name: "GFNetKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "GFNetKit", targets: ["GFNetKit"]),
        .library(name: "CoreMLEngine", targets: ["CoreMLEngine"]),
        .library(name: "GFNetWire", targets: ["GFNetWire"]),
    ],
    targets: [
        // C++ that all languages of this project share: the preparation of pictures, and hashes.
        .target(
            name: "CGFNetCore",
            sources: [
                "core.cpp", "colours.cpp", "picture_files.cpp", "prepare.cpp", "resample.cpp", "rgb.cpp",
                "core/error.cpp", "core/sha256.cpp",
            ],
            cxxSettings: [.headerSearchPath("."), .headerSearchPath("system")],
            linkerSettings: [.linkedLibrary("lcms2", .when(platforms: [.linux]))]
        ),
        .target(name: "GFNetKit", dependencies: ["CGFNetCore"]),
        .target(name: "CoreMLEngine", dependencies: ["GFNetKit"]),
        .target(name: "GFNetWire", dependencies: ["GFNetKit"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

#if os(Linux)
    if let wheel {
        package.products.append(.library(name: "ExecuTorchEngine", targets: ["ExecuTorchEngine"]))
        package.targets += [
            .target(
                name: "CGFNetExecuTorch",
                dependencies: ["CGFNetCore"],
                sources: ["graphs.cpp"]
                    + [
                        "arena", "bundle", "fields", "graphs", "identity", "manifest", "manifest_form",
                        "manifest_rules", "method", "tensor",
                    ].map { "core/\($0).cpp" },
                cxxSettings: [
                    .headerSearchPath("."),
                    .define("C10_USING_CUSTOM_GENERATED_MACROS"),
                    .define("ET_EVENT_TRACER_ENABLED"),
                    .define("ET_USE_THREADPOOL"),
                    .define("GFNET_EXECUTORCH_VERSION", to: "\"\(executorch)\""),
                    .unsafeFlags([
                        "-isystem", "\(wheel)/include",
                        "-isystem", "\(wheel)/include/executorch/runtime/core/portable_type/c10",
                    ]),
                ],
                // Backends and kernels only register themselves: without these words the linker would drop them.
                linkerSettings: [
                    .unsafeFlags(
                        [
                            "-L\(wheel)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(wheel)/lib", "-Xlinker",
                            "--no-as-needed",
                        ]
                            + [
                                "executorch", "executorch_kernels_optimized", "executorch_kernels_quantized",
                                "executorch_backend_xnnpack", "executorch_threadpool",
                            ].map { "-l\($0)" })
                ]
            ),
            .target(name: "ExecuTorchEngine", dependencies: ["GFNetKit", "CGFNetExecuTorch"]),
            .executableTarget(name: "gfnet-swift", dependencies: ["ExecuTorchEngine", "GFNetWire"]),
            .testTarget(name: "GFNetKitTests", dependencies: ["ExecuTorchEngine", "GFNetWire"]),
        ]
    }
#endif
