"""A bundle as a Swift package: resources, typed labels, and a test that replays the golden vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import ios_bench
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.embed.contents import Files, bundle_files, source_files, typed_labels, written_by
from gfnet_mobile.embed.folder import write_folder
from gfnet_mobile.embed.identifiers import label_names, type_name
from gfnet_mobile.errors import UserError

KIT = "GFNetKit"
"""the folder with our own package in it, as it stands in ``ios_bench``: a package that has all it needs"""
KIT_SOURCES = ("Package.swift", "Sources", "ExecuTorchEngine")

_WORDS = """
associatedtype class deinit enum extension fileprivate func import init inout internal let open operator private
precedencegroup protocol public rethrows static struct subscript typealias var break case catch continue default
defer do else fallthrough for guard if in repeat return throw switch where while any as await false is nil self
super throws true try actor async borrowing consuming each isolated macro none package sending some
allCases debugDescription description hash hashValue rawValue text
"""
RESERVED = frozenset(_WORDS.split())
"""words of the language, and what a label's type has besides its labels; ``none`` and ``some`` are an optional's"""


@dataclass(frozen=True)
class Engine:
    """How an app runs one target."""

    module: str
    ios: str
    """the oldest system, as ``Package.swift`` spells it"""
    before: str = ""
    """code of ``Package.swift`` before the package"""
    dependencies: str = f'[.package(path: "{KIT}")]'
    package: str = f'"{KIT}"'
    linker: str = ""
    """settings of the tests"""


ENGINES = {
    "coreml": Engine("CoreMLEngine", ".v16"),
    "executorch": Engine(
        "ExecuTorchEngine",
        ".v17",
        before="""
// On Apple's systems ExecuTorch comes as a Swift package of its own; on Linux, for tests, its Python wheel is linked.
#if os(Linux)
    let engine = "GFNetKit"
    let engines: [Package.Dependency] = []
#else
    let engine = "ExecuTorchEngine"
    let engines: [Package.Dependency] = [.package(path: "GFNetKit/ExecuTorchEngine")]
#endif
""",
        dependencies=f'[.package(path: "{KIT}")] + engines',
        package="engine",
        # backends only register themselves: without this the linker would drop them; an app needs it too
        linker="""
            linkerSettings: [.unsafeFlags(["-Xlinker", "-all_load"], .when(platforms: [.iOS, .macOS]))]""",
    ),
}
"""target → engine"""


def write_swift_package(bundle: Bundle, target: str, folder: Path) -> str:
    """Writes the package into ``folder`` and gives its module's name. Raises UserError for a bundle without that
    target, a name that makes no identifier, and a folder that cannot be taken."""
    if target not in ENGINES:
        raise UserError(f"--target {target}: Swift packages run {' or '.join(ENGINES)}")
    name = type_name(bundle.manifest.name)
    write_folder(folder, "Swift package", _files(bundle, target, name))
    return f"{name}Net"


def _files(bundle: Bundle, target: str, name: str) -> Files:
    engine, module, labels = ENGINES[target], f"{name}Net", typed_labels(bundle)
    golden = bundle.manifest.golden.path
    words = {
        "written": written_by(bundle, "swift"),
        "name": name,
        "module": module,
        "network": bundle.manifest.name,
        "engine": engine.module,
        "ios": engine.ios,
        "before": engine.before,
        "dependencies": engine.dependencies,
        "package": engine.package,
        "linker": f",{engine.linker}" if engine.linker else "",
        "label": f"{name}Label" if labels else "Int",
        "typed": f"{name}Label.allCases[step.label]" if labels else "step.label",
        "check": Template(CHECK).substitute(name=name) if labels else "",
        "golden": _literal(golden),
    }
    texts = {
        "Package.swift": PACKAGE,
        "README.md": README,
        f"Sources/{module}/{name}Classifier.swift": CLASSIFIER,
        f"Tests/{module}Tests/GoldenTests.swift": TESTS,
    }
    files: Files = {place: Template(text).substitute(words) for place, text in texts.items()}
    if labels:
        files[f"Sources/{module}/{name}Label.swift"] = _labels(labels, words)
    files |= bundle_files(bundle, target, f"Sources/{module}/{bundle.manifest.name}.gfnet")
    files[f"Tests/{module}Tests/golden.safetensors"] = bundle.path(golden)
    return files | source_files(Path(ios_bench.__file__).parent, KIT_SOURCES, KIT)


def _labels(labels: Sequence[str], words: dict[str, str]) -> str:
    cases = "\n".join(f"    case {name}" for name in label_names(labels, upper=False, reserved=RESERVED))
    texts = "\n".join(f"        {_literal(label)}," for label in labels)
    return Template(LABELS).substitute(words, cases=cases, texts=texts)


def _literal(text: str) -> str:
    """Between quotes; what cannot be seen, by its code, unless Swift takes that for none (U+FDD0 to U+FDEF)."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if _stays(letter) else f"\\u{{{ord(letter):x}}}" for letter in plain) + '"'


def _stays(letter: str) -> bool:
    return letter.isprintable() or "\ufdd0" <= letter <= "\ufdef"


PACKAGE = """\
// swift-tools-version: 6.0
// $written
import PackageDescription
$before
let package = Package(
    name: "$module",
    platforms: [.iOS($ios), .macOS(.v13)],
    products: [.library(name: "$module", targets: ["$module"])],
    dependencies: $dependencies,
    targets: [
        .target(
            name: "$module",
            dependencies: [
                .product(name: "GFNetKit", package: "GFNetKit"),
                .product(name: "$engine", package: $package),
            ],
            // as it is: its files have hashes
            resources: [.copy("$network.gfnet")]
        ),
        .testTarget(
            name: "${module}Tests",
            dependencies: ["$module"],
            resources: [.copy("golden.safetensors")]$linker
        ),
    ],
    swiftLanguageModes: [.v6]
)
"""

CLASSIFIER = """\
// $written
import $engine
import Foundation
import GFNetKit

#if canImport(CoreVideo)
    import CoreVideo
    import ImageIO
#endif

/// The network `$network`, loaded: give it a picture, it gives an answer.
///
/// Keep it: making it again loads the graphs again. It takes one picture at a time; whoever begins another meanwhile
/// gets `GFNetError.busy`.
public struct ${name}Classifier: Sendable {
    /// What runs it, for all that is not here: exit rules by name, golden vectors, streams.
    public let session: Session

    /// Ready as soon as the glance can run. Throws `GFNetError.input` where this system cannot load a graph.
    public init() async throws { try await self.init(Self.bundle()) }

    package init(_ bundle: GFNetBundle) async throws {
$check        session = try await Session(bundle, engine: $engine(bundle))
    }

    /// Stops by the bundle's exit rule: as soon as it is sure enough. Or at the first step whose confidence is at least
    /// `threshold`, after `maxSteps`, or before a step that would begin after `deadlineMs`; the glance always runs.
    public func classify(
        _ picture: Picture, threshold: Double? = nil, maxSteps: Int? = nil, deadlineMs: Double? = nil
    ) async throws -> ${name}Answer {
        ${name}Answer(
            try await session.classify(
                picture, threshold: threshold, maxSteps: maxSteps, deadlineMs: deadlineMs))
    }

    /// An answer after each step, each computed when it is asked for. Stop whenever you like: later steps cost nothing.
    public func steps(_ picture: Picture) -> AsyncMapSequence<Steps, ${name}Answer> {
        session.steps(picture).map { ${name}Answer($$0) }
    }

    package static func bundle() throws -> GFNetBundle { try GFNetBundle(named: "$network", in: .module) }
}

#if canImport(CoreVideo)
    extension ${name}Classifier {
        /// The same for a frame of the camera. `orientation`: what has to be done so that it stands upright.
        public func classify(
            _ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up, threshold: Double? = nil,
            maxSteps: Int? = nil, deadlineMs: Double? = nil
        ) async throws -> ${name}Answer {
            try await classify(
                Picture(frame, orientation: orientation), threshold: threshold, maxSteps: maxSteps,
                deadlineMs: deadlineMs)
        }
    }
#endif

/// What the network says after a step.
public struct ${name}Answer: Sendable {
    public let label: $label
    /// of the label, from 0 to 1
    public var confidence: Float { step.confidence }
    /// All that is known: probabilities, the region that was looked at, milliseconds.
    public let step: Step

    init(_ step: Step) {
        label = $typed
        self.step = step
    }
}
"""

CHECK = """\
        guard bundle.manifest.labels == ${name}Label.allCases.map(\\.text) else {
            throw GFNetError.input("\\(bundle.folder.path): has other labels than this package; embed it again")
        }
"""

LABELS = """\
// $written
// swift-format-ignore-file
// swiftlint:disable all

/// The classes of `$network`, in the order of its logits: `rawValue` is the class index.
public enum ${name}Label: Int, CaseIterable, Sendable {
$cases

    /// as it stands in the bundle
    public var text: String { Texts.all[rawValue] }
}

private enum Texts {
    static let all: [String] = [
$texts
    ]
}
"""

TESTS = """\
// $written
import Foundation
import GFNetKit
import Testing

@testable import $module

/// Does this device compute what the network computed where it was exported?
@Test func goldenVectorsAreReplayed() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // the vectors stay out of the app; here they lie where the manifest wants them
    let copy = folder.appendingPathComponent("$network.gfnet")
    try FileManager.default.copyItem(at: ${name}Classifier.bundle().folder, to: copy)
    let vectors = copy.appendingPathComponent($golden)
    try FileManager.default.createDirectory(at: vectors.deletingLastPathComponent(), withIntermediateDirectories: true)
    let golden = try #require(Bundle.module.url(forResource: "golden", withExtension: "safetensors"))
    try FileManager.default.copyItem(at: golden, to: vectors)

    let found = try await ${name}Classifier(GFNetBundle(contentsOf: copy)).session.verify()
    for row in found.rows {
        #expect(row.isGood, "step \\(row.step), \\(row.graph), \\(row.tensor): \\(row.difference) > \\(row.allowed)")
    }
    #expect(found.images > 0 && !found.rows.isEmpty)
    print("$network: \\(found.images) golden images, \\(found.labels) with the same label")
}
"""

README = """\
# $module

The network `$network` for iPhone apps. $written

Add this folder to the project (*File › Add Package Dependencies › Add Local*), and the library `$module` to the app's
target.

```swift
import $module

let network = try await ${name}Classifier()
let answer = try await network.classify(pixelBuffer)
print(answer.label, answer.confidence)
```

`swift test`, or ⌘U in Xcode for a phone, replays the golden vectors. `GFNetKit/` is the library that runs the network.
Files of your own may lie here; what was written changes only by embedding again.
"""
