#if canImport(CoreML)
    import CoreML
    import Foundation
    import GFNetKit

    /// Packages as Core ML runs them: compiled once, and kept in the app's caches from one launch to the next.
    ///
    /// A place belongs to a bundle's `bundle_id` and a build of the system, since another build may compile otherwise.
    /// Whoever calls has checked the package's hashes.
    struct CompiledPackages: Sendable {
        private let bundle: GFNetBundle
        private let folder: URL

        init(_ bundle: GFNetBundle) {
            self.bundle = bundle
            // "Version 18.1 (Build 22B83)"
            let system = ProcessInfo.processInfo.operatingSystemVersionString.filter { $0.isLetter || $0.isNumber }
            let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
            folder = (caches ?? FileManager.default.temporaryDirectory)
                .appendingPathComponent("GFNetKit")
                .appendingPathComponent("\(bundle.manifest.bundleID)-\(system)")
        }

        /// The compiled form of a package, made if it is not there. Throws ``GFNetError/input(_:)``.
        func model(of path: String) async throws -> URL {
            let name = path.replacingOccurrences(of: "/", with: "-") + ".mlmodelc"
            let place = folder.appendingPathComponent(name)
            if FileManager.default.fileExists(atPath: place.path) { return place }
            do {
                let compiled = try await MLModel.compileModel(at: bundle.url(of: path))
                defer { try? FileManager.default.removeItem(at: compiled) }
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                forgetOtherSystems()
                do {
                    // a rename, so that a launch that is cut off leaves the whole or nothing
                    try FileManager.default.moveItem(at: compiled, to: place)
                } catch {
                    // another engine was faster
                    guard FileManager.default.fileExists(atPath: place.path) else { throw error }
                }
                return place
            } catch {
                throw GFNetError.input("\(path): Core ML cannot compile it: \(error.localizedDescription)")
            }
        }

        /// What earlier builds of the system compiled of this bundle.
        private func forgetOtherSystems() {
            let parent = folder.deletingLastPathComponent()
            let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
            for name in names where name.hasPrefix(bundle.manifest.bundleID) && name != folder.lastPathComponent {
                try? FileManager.default.removeItem(at: parent.appendingPathComponent(name))
            }
        }
    }
#endif
