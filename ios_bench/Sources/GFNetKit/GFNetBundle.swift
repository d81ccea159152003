import Foundation

/// A bundle on disk: a folder `NAME.gfnet` with `manifest.json` and the files it lists.
///
/// Opening reads the manifest and follows every rule in it. Content (SHA-256) is checked when it is needed: a target's
/// graphs before an engine loads them, golden vectors before they are read.
public struct GFNetBundle: Sendable {
    /// bytes
    private static let largestManifest = 16_000_000

    public let folder: URL
    public let manifest: Manifest

    /// Opens the bundle in `folder`. Throws ``GFNetError/input(_:)``, one line, for whatever is wrong with it.
    ///
    /// A file may be missing if it belongs to another target: a device holds one target only.
    public init(contentsOf folder: URL) throws {
        guard FileManager.default.fileExists(atPath: folder.path) else {
            throw GFNetError.input("\(folder.path): no such bundle; copy it into the app with its folder")
        }
        let file = folder.appendingPathComponent("manifest.json")
        guard Self.isFile(file) else {
            throw GFNetError.input("\(folder.path): is no bundle: it has no manifest.json")
        }
        guard let bytes = Self.size(of: file), bytes <= Self.largestManifest, let data = try? Data(contentsOf: file)
        else {
            throw GFNetError.input(
                "\(file.path): cannot be read, or is larger than \(Self.largestManifest) bytes and so no manifest")
        }
        self.folder = folder
        manifest = try Manifest(parsing: data, place: file.path)
    }

    /// The bundle `NAME.gfnet` among an app's resources. Throws ``GFNetError/input(_:)`` if there is none.
    public init(named name: String, in resources: Foundation.Bundle = .main) throws {
        guard let folder = resources.url(forResource: name, withExtension: "gfnet") else {
            throw GFNetError.input(
                "no \(name).gfnet among the app's resources; add the folder itself, not its files as a group")
        }
        try self.init(contentsOf: folder)
    }

    /// Where a file or package of the manifest lies.
    public func url(of path: String) -> URL { folder.appendingPathComponent(path) }

    /// Throws ``GFNetError/input(_:)`` if the bundle was not exported for that target.
    public func target(_ name: String) throws -> Manifest.Target {
        guard let target = manifest.targets[name] else {
            let has = manifest.targets.keys.sorted().joined(separator: ", ")
            throw GFNetError.input(
                "\(folder.path): no target '\(name)'; the bundle has \(has); export it with --target \(name)")
        }
        return target
    }

    /// Throws ``GFNetError/input(_:)`` unless the files of all graphs of `target` are those that were exported.
    public func checkFiles(of target: String) throws {
        for path in Set(try self.target(target).graphs.values.map(\.path)).sorted() { try checkFiles(below: path) }
    }

    /// The same for one graph's file, or all files of its package.
    public func checkFiles(below path: String) throws { try check(manifest.files(of: path)) }

    /// Throws ``GFNetError/input(_:)`` unless the golden vectors are those that were exported.
    func checkGolden() throws { try check([manifest.goldenPath]) }

    private func check(_ names: [String]) throws {
        let root = folder.resolvingSymlinksInPath().path
        for name in names {
            let file = url(of: name).resolvingSymlinksInPath()
            guard Self.isFile(file) else {
                throw GFNetError.input(
                    "\(url(of: name).path): missing, though the manifest lists it; export or copy it again")
            }
            guard file.path.hasPrefix(root + "/") else {
                throw GFNetError.input("\(url(of: name).path): a link that leaves the bundle")
            }
            let same = try manifest.files[name].map {
                try Self.size(of: file) == $0.bytes && sha256(ofFile: file.path) == $0.sha256
            }
            guard same == true else {
                throw GFNetError.input(
                    "\(file.path): is not the file that was exported (its SHA-256 differs); export or copy it again")
            }
        }
    }

    private static func isFile(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    private static func size(of url: URL) -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: url.resolvingSymlinksInPath().path)
        return (attributes?[.size] as? NSNumber)?.intValue
    }
}
