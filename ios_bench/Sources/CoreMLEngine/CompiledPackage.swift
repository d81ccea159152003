#if canImport(CoreML)
    import CoreML
    import Foundation
    import GFNetKit

    /// A package as Core ML runs it: compiled once, and kept in the app's caches from one launch to the next.
    ///
    /// Its place belongs to the bundle's `bundle_id` and a build of the system, since another build may compile otherwise.
    /// Graphs that are functions of one package share it.
    actor CompiledPackage {
        private struct Compiled {
            let url: URL
            /// by this launch
            let isNew: Bool
        }

        private let bundle: GFNetBundle
        private let path: String
        private let priority: TaskPriority
        private var compiling: Task<Compiled, any Error>?
        private var isMadeAnew = false

        init(_ path: String, of bundle: GFNetBundle, priority: TaskPriority) {
            (self.path, self.bundle, self.priority) = (path, bundle, priority)
        }

        /// What `load` makes of the compiled package. One that an earlier launch has left and that does not load is
        /// damaged, perhaps: it is compiled anew, once.
        ///
        /// Throws ``GFNetError/input(_:)`` for a package that was altered or cannot be compiled, and what `load` throws.
        func loaded<Model: Sendable>(_ load: @Sendable (URL) async throws -> Model) async throws -> Model {
            let compiled = try await compiled()
            do {
                return try await load(compiled.url)
            } catch  where !compiled.isNew && !Task.isCancelled {
                return try await load(compiledAnew().url)
            }
        }

        private func compiled() async throws -> Compiled {
            if let compiling { return try await compiling.value }
            let task = Task(priority: priority) { [bundle, path] in
                try bundle.checkFiles(below: path)
                let place = Self.place(of: path, bundle)
                if FileManager.default.fileExists(atPath: place.path) { return Compiled(url: place, isNew: false) }
                return try await Self.compile(path, bundle, to: place)
            }
            compiling = task
            return try await task.value
        }

        private func compiledAnew() async throws -> Compiled {
            if !isMadeAnew {
                isMadeAnew = true
                compiling = Task(priority: priority) { [bundle, path] in
                    let place = Self.place(of: path, bundle)
                    try? FileManager.default.removeItem(at: place)
                    return try await Self.compile(path, bundle, to: place)
                }
            }
            return try await compiled()
        }

        private static func compile(_ path: String, _ bundle: GFNetBundle, to place: URL) async throws -> Compiled {
            do {
                // Core ML compiles to a temporary place
                let compiled = try await MLModel.compileModel(at: bundle.url(of: path))
                defer { try? FileManager.default.removeItem(at: compiled) }
                let folder = place.deletingLastPathComponent()
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                forgetOtherSystems(bundle, but: folder)
                do {
                    // a rename, so that a launch that is cut off leaves the whole or nothing
                    try FileManager.default.moveItem(at: compiled, to: place)
                } catch {
                    // another engine was faster
                    guard FileManager.default.fileExists(atPath: place.path) else { throw error }
                }
                return Compiled(url: place, isNew: true)
            } catch {
                throw GFNetError.input("\(path): Core ML cannot compile it: \(error.inOneLine)")
            }
        }

        private static func place(of path: String, _ bundle: GFNetBundle) -> URL {
            // "Version 18.1 (Build 22B83)"
            let system = ProcessInfo.processInfo.operatingSystemVersionString.filter { $0.isLetter || $0.isNumber }
            let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
            return (caches ?? FileManager.default.temporaryDirectory)
                .appendingPathComponent("GFNetKit")
                .appendingPathComponent("\(bundle.manifest.bundleID)-\(system)")
                .appendingPathComponent(path.replacingOccurrences(of: "/", with: "-") + ".mlmodelc")
        }

        /// Removes what earlier builds of the system compiled of this bundle.
        private static func forgetOtherSystems(_ bundle: GFNetBundle, but folder: URL) {
            let parent = folder.deletingLastPathComponent()
            let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
            for name in names where name.hasPrefix(bundle.manifest.bundleID) && name != folder.lastPathComponent {
                try? FileManager.default.removeItem(at: parent.appendingPathComponent(name))
            }
        }
    }
#endif
