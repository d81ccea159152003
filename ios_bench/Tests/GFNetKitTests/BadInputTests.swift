import ExecuTorchEngine
import Foundation
import Testing

@testable import GFNetKit

@Suite struct BadInputTests {
    @Test func aFolderThatIsNoBundleIsRefused() throws {
        expectInput("no such bundle") { try GFNetBundle(contentsOf: URL(fileURLWithPath: "/nothing.gfnet")) }
        expectInput("it has no manifest.json") { try GFNetBundle(contentsOf: URL(fileURLWithPath: "/")) }
        expectInput("no photos.gfnet among the app's resources") { try GFNetBundle(named: "photos") }
    }

    @Test func aBundleOfALaterSchemaIsRefused() throws {
        let folder = try changed("recurrent", "\"schema_version\": 1", to: "\"schema_version\": 2")
        expectInput("made by a newer gfnet-mobile (schema_version 2)") { try GFNetBundle(contentsOf: folder) }
    }

    @Test func anUnknownFieldIsRefused() throws {
        let folder = try changed("recurrent", "\"default_rule\"", to: "\"colour\": 1, \"default_rule\"")
        expectInput("manifest.json.colour: unknown field") { try GFNetBundle(contentsOf: folder) }
    }

    @Test func anotherProgramNeedsAnotherIdentity() throws {
        let folder = try changed("recurrent", "\"filter\": \"bilinear\"", to: "\"filter\": \"bicubic\"")
        expectInput("bundle_id does not follow from the content") { try GFNetBundle(contentsOf: folder) }
    }

    @Test func anAlteredGraphIsRefused() throws {
        let folder = try Bundles.copy("recurrent")
        let graph = folder.appendingPathComponent("executorch/focus.pte")
        var content = try Data(contentsOf: graph)
        content[content.count - 1] ^= 1
        try content.write(to: graph)
        let bundle = try GFNetBundle(contentsOf: folder)
        expectInput("focus.pte: is not the file that was exported") { try bundle.checkFiles(of: "executorch") }
        expectInput("focus.pte: is not the file that was exported") { try ExecuTorchEngine(bundle) }
    }

    @Test func aGraphThatIsMissingOrLeadsElsewhereIsRefused() throws {
        let folder = try Bundles.copy("recurrent")
        let graph = folder.appendingPathComponent("executorch/focus.pte")
        let outside = folder.deletingLastPathComponent().appendingPathComponent("outside.pte")
        try FileManager.default.moveItem(at: graph, to: outside)
        let bundle = try GFNetBundle(contentsOf: folder)
        expectInput("focus.pte: missing, though the manifest lists it") { try bundle.checkFiles(of: "executorch") }
        try FileManager.default.createSymbolicLink(at: graph, withDestinationURL: outside)
        expectInput("focus.pte: a link that leaves the bundle") { try bundle.checkFiles(of: "executorch") }
    }

    @Test func aBundleWithoutTheEnginesTargetIsRefused() throws {
        let bundle = try Bundles.open("recurrent")
        expectInput("no target 'coreml'; the bundle has executorch; export it with --target coreml") {
            try bundle.target("coreml")
        }
    }

    @Test func aManifestThatIsTooLargeIsNotRead() throws {
        let folder = try Bundles.copy("recurrent")
        let file = try FileHandle(forUpdating: folder.appendingPathComponent("manifest.json"))
        try file.truncate(atOffset: 20_000_000)
        expectInput("larger than 16000000 bytes") { try GFNetBundle(contentsOf: folder) }
    }

    @Test func aProgramThatNeedsTooMuchMemoryIsRefused() throws {
        let file = try Bundles.open("recurrent").folder.appendingPathComponent("manifest.json")
        guard case .object(var members) = try JSON(parsing: Data(contentsOf: file), place: "manifest.json"),
            case .object(var registers)? = members["registers"], let hidden = registers["hidden"]
        else { throw GFNetError.failed("no manifest") }
        for name in registers.keys where name != "image" {
            registers[name] = [
                "shape": [1, .integer(1 << 26)], "dtype": "float32", "initial": "zeros", "lifetime": "image",
            ]
        }
        #expect(registers["hidden"] != hidden)
        members["registers"] = .object(registers)
        let program = try Manifest(Field(.object(members), place: "manifest.json"))
        expectInput("the program's registers need") { try Memory(program) }
    }

    @Test func alteredGoldenVectorsAreRefused() async throws {
        let folder = try Bundles.copy("recurrent")
        let golden = folder.appendingPathComponent("golden.safetensors")
        try (Data(contentsOf: golden) + Data([0])).write(to: golden)
        let bundle = try GFNetBundle(contentsOf: folder)
        let session = try await Session(bundle, engine: ExecuTorchEngine(bundle))
        await #expect(throws: GFNetError.self) { try await session.verify() }
    }

    @Test func anImageOfAnotherSizeIsRefused() async throws {
        let session = try await Bundles.session("recurrent")
        let image = try Prepared(pixels: Array(repeating: 0, count: 3 * 16 * 16), size: 16)
        await #expect(throws: GFNetError.input("an image of 16 pixels; the bundle takes 8")) {
            try await session.classify(image)
        }
        expectInput("an image of 5 values") { try Prepared(pixels: [1, 2, 3, 4, 5], size: 8) }
    }

    @Test func logitsThatAreNotFiniteAreAnErrorAndTheSessionGoesOn() async throws {
        let session = try await Bundles.session("recurrent")
        let broken = try Prepared(values: Array(repeating: .nan, count: 3 * 8 * 8), size: 8)
        await #expect(throws: GFNetError.failed("the logits are not finite; the graphs or the image are broken")) {
            try await session.classify(broken)
        }
        #expect(try await session.classify(session.image(), threshold: 0).index == 0)
    }

    @Test func aPictureThatIsNoneIsRefused() throws {
        expectInput("is not 5 bytes") { try Picture(pixels: [1, 2, 3, 4, 5], width: 2, height: 1) }
        expectInput("with 5 channels") { try Picture(pixels: [1, 2, 3, 4, 5], width: 1, height: 1, channels: 5) }
        expectInput("too narrow") {
            try Picture(pixels: Array(repeating: 0, count: 3 * 500), width: 500, height: 1)
                .prepared(for: Bundles.open("recurrent").manifest.preprocessing)
        }
    }

    private func changed(_ name: String, _ text: String, to other: String) throws -> URL {
        let folder = try Bundles.copy(name)
        let file = folder.appendingPathComponent("manifest.json")
        let content = try String(contentsOf: file, encoding: .utf8)
        #expect(content.contains(text))
        try content.replacingOccurrences(of: text, with: other).write(to: file, atomically: true, encoding: .utf8)
        return folder
    }

    /// One line that says this much.
    private func expectInput(_ part: String, _ work: () throws -> some Any) {
        do {
            _ = try work()
            Issue.record("nothing was refused: \(part)")
        } catch GFNetError.input(let message) {
            #expect(message.contains(part))
            #expect(!message.contains("\n"))
        } catch {
            Issue.record("\(error)")
        }
    }
}
