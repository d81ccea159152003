"""A bundle as a Gradle module for Android: assets, typed labels, and a test that replays the golden vectors."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

import android_bench
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.embed.contents import Files, bundle_files, source_files, typed_labels, written_by
from gfnet_mobile.embed.folder import write_folder
from gfnet_mobile.embed.identifiers import label_names, type_name

TARGET = "executorch"
"""what the Kotlin library runs"""
LIBRARY = "gfnet-mobile"
"""the folder with our own library in it, as it stands in ``android_bench``: a project that has all it needs"""
LIBRARY_SOURCES = (
    "cmake/project.cmake",
    "cmake/third_party.cmake",
    "core",
    "kotlin/gfnet/build.gradle.kts",
    "kotlin/gfnet/consumer-rules.pro",
    "kotlin/gfnet/src/main",
    "kotlin/jni",
)

KEYWORDS = """
abstract as assert boolean break byte case catch char class const continue default do double else enum extends false
final finally float for fun goto if implements import in instanceof int interface is long native new null object
package private protected public return short static strictfp super switch synchronized this throw throws transient
true try typealias typeof val var void volatile when while
"""
"""of Kotlin and Java: no part of a package's name"""


def write_gradle_module(bundle: Bundle, folder: Path) -> str:
    """Writes the module into ``folder`` and gives its package's name. Raises UserError for a bundle without target
    ``executorch``, a name that makes no identifier, and a folder that cannot be taken."""
    name = type_name(bundle.manifest.name)
    package = f"org.gfnetmobile.{name.lower()}{'_' if name.lower() in KEYWORDS.split() else ''}"
    write_folder(folder, "Gradle module", _files(bundle, name, package, folder.resolve().name))
    return package


def _files(bundle: Bundle, name: str, package: str, module: str) -> Files:
    network, golden = bundle.manifest.name, bundle.manifest.golden.path
    labels = typed_labels(bundle)
    words = {
        "written": written_by(bundle, "kotlin"),
        "name": name,
        "package": package,
        "module": module,
        "network": network,
        "label": f"{name}Label" if labels else "Int",
        "typed": f"{name}Label.entries[step.label]" if labels else "step.label",
        "check": Template(CHECK).substitute(name=name) if labels else "",
        "errors": "import org.gfnetmobile.GFNetError\n" if labels else "",
    }
    place = package.replace(".", "/")
    texts = {
        "build.gradle.kts": GRADLE,
        "README.md": README,
        f"src/main/kotlin/{place}/{name}Classifier.kt": CLASSIFIER,
        f"src/androidTest/kotlin/{place}/GoldenTest.kt": TESTS,
    }
    files: Files = {where: Template(text).substitute(words) for where, text in texts.items()}
    if labels:
        files[f"src/main/kotlin/{place}/{name}Label.kt"] = _labels(labels, words)
    files |= bundle_files(bundle, TARGET, f"src/main/assets/{network}.gfnet")
    files[f"src/androidTest/assets/{network}.gfnet/{golden}"] = bundle.path(golden)
    return files | source_files(Path(android_bench.__file__).parent, LIBRARY_SOURCES, LIBRARY)


def _labels(labels: Sequence[str], words: dict[str, str]) -> str:
    named = zip(label_names(labels, upper=True, reserved=()), labels, strict=True)
    return Template(LABELS).substitute(words, entries="\n".join(f"    {one}({_literal(text)})," for one, text in named))


def _literal(text: str) -> str:
    """Between quotes; what cannot be seen, by its code in UTF-16."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + "".join(letter if letter.isprintable() else _code(letter) for letter in plain) + '"'


def _code(letter: str) -> str:
    halves = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{halves[start : start + 4]}" for start in range(0, len(halves), 4))


GRADLE = """\
// $written
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "$package"
    compileSdk = 36
    defaultConfig {
        minSdk = 26
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    api(project(":gfnet"))
    androidTestImplementation("androidx.test:runner:1.7.0")
    androidTestImplementation("junit:junit:4.13.2")
}
"""

CLASSIFIER = """\
// $written
package $package

import android.content.Context
import android.graphics.Bitmap
import org.gfnetmobile.GFNet
${errors}import org.gfnetmobile.Step
import org.gfnetmobile.copyBundle

/**
 * The network `$network`, loaded: give it a picture, it gives an answer.
 *
 * Loading takes a while, so not on the main thread; the first time after an update it also copies the graphs out of the
 * app's assets. Keep it, and use it from one thread at a time. Throws [org.gfnetmobile.GFNetError] where the graphs
 * cannot be loaded, [java.io.IOException] where the disk is full.
 */
public class ${name}Classifier(context: Context) : AutoCloseable {
    /** What runs it, for all that is not here: exit rules by name, golden vectors, streams. */
    public val gfnet: GFNet = GFNet.open(copyBundle(context, "$network.gfnet"))
$check
    /**
     * Stops by the bundle's exit rule: as soon as it is sure enough. Or at the first step whose confidence is at least
     * [threshold], after [maxSteps], or before a step that would begin after [deadlineMs]; the glance always runs.
     * [orientation] is EXIF's (1 to 8) where the bitmap was decoded as it is stored.
     */
    public fun classify(
        bitmap: Bitmap,
        threshold: Double? = null,
        maxSteps: Int? = null,
        deadlineMs: Double? = null,
        orientation: Int = 1,
    ): ${name}Answer = ${name}Answer(
        gfnet.classify(
            bitmap,
            threshold = threshold,
            maxSteps = maxSteps,
            deadlineMs = deadlineMs,
            orientation = orientation,
        ),
    )

    /** An answer after each step, computed when it is asked for. Stop whenever you like: later steps cost nothing. */
    public fun steps(bitmap: Bitmap, orientation: Int = 1): Sequence<${name}Answer> =
        gfnet.steps(bitmap, orientation).map(::${name}Answer)

    override fun close() {
        gfnet.close()
    }
}

/** What the network says after a step. */
public class ${name}Answer internal constructor(
    /** All that is known: probabilities, the region that was looked at, milliseconds. */
    public val step: Step,
) {
    public val label: $label = $typed

    /** of the label, from 0 to 1 */
    public val confidence: Float get() = step.confidence
}
"""

CHECK = """
    init {
        if (gfnet.labels != ${name}Label.entries.map { it.text }) {
            gfnet.close()
            throw GFNetError("the bundle among the assets has other labels than this module; embed it again")
        }
    }
"""

LABELS = """\
// $written
@file:Suppress("ktlint")

package $package

/** The classes of `$network`, in the order of its logits: `ordinal` is the class index. */
public enum class ${name}Label(
    /** as it stands in the bundle */
    public val text: kotlin.String,
) {
$entries
}
"""

TESTS = """\
// $written
package $package

import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Does this device compute what the network computed where it was exported? */
class GoldenTest {
    @Test
    fun goldenVectorsAreReplayed() {
        ${name}Classifier(InstrumentationRegistry.getInstrumentation().targetContext).use { classifier ->
            val found = classifier.gfnet.verify()
            assertEquals("", found.rows.filterNot { it.isGood }.joinToString("\\n"))
            assertTrue(found.images > 0 && found.rows.isNotEmpty())
            println("$network: $${found.images} golden images, $${found.labels} with the same label")
        }
    }
}
"""

README = """\
# $module

The network `$network` for Android apps. $written

In `settings.gradle.kts`, this folder being `$module` beside it:

```kotlin
include(":$module", ":gfnet")
project(":gfnet").projectDir = file("$module/gfnet-mobile/kotlin/gfnet")
```

In the app's `build.gradle.kts`: `dependencies { implementation(project(":$module")) }`. Then, on a thread of its own:

```kotlin
val network = ${name}Classifier(context)
val answer = network.classify(bitmap)
println("$${answer.label} $${answer.confidence}")
```

`./gradlew :$module:connectedAndroidTest` replays the golden vectors on a phone. `gfnet-mobile/` is the library that
runs the network; several modules share the one that `:gfnet` names. Files of your own may lie here; what was written
changes only by embedding again.
"""
