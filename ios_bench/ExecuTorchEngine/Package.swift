// swift-tools-version: 6.0
import PackageDescription

// ExecuTorchEngine for Apple's systems: a package of its own, so that apps on Core ML do not fetch ExecuTorch. SwiftPM
// knows a local package by its folder's name, so the folder must not be called as ExecuTorch's own package is.
let package = Package(
    name: "ExecuTorchEngine",
    platforms: [.iOS(.v17), .macOS(.v13)],
    products: [.library(name: "ExecuTorchEngine", targets: ["ExecuTorchEngine"])],
    dependencies: [
        .package(name: "GFNetKit", path: ".."),
        .package(url: "https://github.com/pytorch/executorch.git", branch: "swiftpm-1.5.1"),
    ],
    targets: [
        .target(
            name: "ExecuTorchEngine",
            dependencies: [
                .product(name: "GFNetKit", package: "GFNetKit"),
                .product(name: "executorch", package: "executorch"),
                .product(name: "backend_xnnpack", package: "executorch"),
                .product(name: "kernels_optimized", package: "executorch"),
                .product(name: "kernels_quantized", package: "executorch"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
