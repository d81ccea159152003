"""A checkpoint becomes a bundle: every graph for every target, the program, golden vectors; all of it or nothing."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from export import Target, load_target
from export.calibration import calibration_set, recalibrated, seen_by, with_samples
from export.compress import compressions, with_tolerances
from export.crop import CropForm
from export.fuse import fused
from export.golden import golden_images, golden_tensors
from export.graphs import Graph, graphs_of
from export.packaging import Ios, Packaging
from export.program import registers_of, steps_of
from gfnet_mobile import __version__
from gfnet_mobile.bundle.golden import write_golden
from gfnet_mobile.bundle.manifest import NAME, Compression, ExitRule, GraphFile
from gfnet_mobile.bundle.store import MANIFEST, Bundle, open_bundle, with_rules, write_manifest
from gfnet_mobile.calibrate.recalibrate import Recalibrated
from gfnet_mobile.data.labels import labelled
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing_folder
from gfnet_mobile.measure.answers import eager_subject
from gfnet_mobile.measure.cost import multiply_adds
from gfnet_mobile.models.checkpoint import Checkpoint, read_checkpoint
from gfnet_mobile.quiet import quiet
from gfnet_mobile.runtimes import INTERPRETED, open_program


def export_bundle(
    checkpoint: str | Path | Checkpoint,
    targets: Sequence[str],
    output: Path,
    *,
    name: str | None = None,
    golden: Path | None = None,
    labels: Path | None = None,
    compress: Mapping[str, Compression] | None = None,
    crop: CropForm = "slice",
    fuse: bool = False,
    about: Mapping[str, str] | None = None,
    calibration: Path | int | None = None,
    ios: Ios = 16,
    image_input: bool = False,
    multifunction: bool = False,
    progress: Callable[[str, str], None] = lambda target, graph: None,
    compressed: Callable[[Recalibrated], None] = lambda found: None,
) -> Bundle:
    """Write ``output/NAME.gfnet`` and open it. NAME is the checkpoint's own unless given.

    ``golden`` is a folder of pictures for the golden vectors, ``labels`` a file of class names. ``compress`` says how
    to store which graphs, by the names of `export.compress.parsed`. ``calibration``, a folder ``CLASS/picture`` or a
    number of the demo's validation scenes, shows graphs what to expect before they are compressed; exit rules are found
    anew on it afterwards, and ``compressed`` is told what became of each target. ``crop`` says how patches are cut,
    ``fuse`` whether graphs that always follow each other become one;
    ``about`` replaces fields of the checkpoint's own `About`. Core ML programs are for ``ios`` or later, take ``image``
    as a pixel buffer if ``image_input`` is set, and are functions of one package if ``multifunction`` is. ``progress``
    is told the target and the graph of each export before it begins.
    """
    modules = {target: _module(target) for target in targets}
    source = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(checkpoint)
    config = labelled(source.model, labels).config
    name = name or config.name
    if not re.match(NAME, name):
        raise UserError(f"name {name!r}: letters, digits, '.', '_' and '-' only, a letter or digit first")
    folder = output / f"{name}.gfnet"
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise UserError(f"{folder}: exists and is no bundle; remove it or choose another --name")
    images = golden_images(source.model, golden)
    graphs = graphs_of(source.model, crop)
    steps = steps_of(config, graphs)
    if fuse:
        graphs, steps = fused(graphs, steps)
    stored = compressions(compress or {}, [graph.name for graph in graphs], modules)
    lossy = [target for target, forms in stored.items() if set(forms.values()) != {"none"}]
    if calibration is not None and not lossy:
        raise UserError("--calibration: is for graphs that are compressed, and none is; add --compress FORM")
    said = config.about.model_copy(update=dict(about or {}))
    packaging = Packaging(source.sha256, name, said, config.labels, ios, image_input)
    registers = registers_of(source.model, steps)
    rules = source.rules or {"last_step": _never_early(config.steps)}
    subject = eager_subject(source)
    seen = None if calibration is None else seen_by(subject, calibration_set(calibration, subject), progress)
    if seen is not None:
        graphs = with_samples(graphs, registers, steps, config, seen.data)
    with replacing_folder(folder) as temporary:
        files: dict[str, dict[str, GraphFile]] = {}
        for target, module in modules.items():
            files[target] = {}
            for graph in graphs:
                progress(target, graph.name)
                files[target][graph.name] = _export(
                    target, module, graph, temporary, packaging, stored[target][graph.name]
                )
        if multifunction:
            with quiet():
                from export.coreml_multifunction import joined

                files["coreml"] = joined(files["coreml"], temporary, name)
        probed = {target: _probes(target, graphs, temporary) for target, graphs in files.items()}
        write_golden(temporary / "golden.safetensors", images, golden_tensors(source.model, steps, images))
        draft = {
            "name": name,
            "checkpoint": source.sha256,
            "preprocessing": config.preprocessing,
            "registers": registers,
            "steps": steps,
            "targets": {target: {"graphs": graphs, "probes": probed[target]} for target, graphs in files.items()},
            "labels": config.labels,
            "rules": rules,
            "default_rule": next(iter(rules)),
            "multiply_adds": multiply_adds(source.model),
            "golden": {"path": "golden.safetensors", "count": len(images)},
            "tools": _tools(modules.values()),
        }
        write_manifest(temporary, draft)
        if lossy:
            write_manifest(temporary, with_tolerances(draft, open_bundle(temporary)))
        if seen is not None:
            bundle = open_bundle(temporary)
            found = recalibrated(bundle, lossy, seen, progress)
            for one in found:
                bundle = with_rules(bundle, one.target, one.rules)
                compressed(one)
    return open_bundle(folder)


def _probes(target: str, graphs: Mapping[str, GraphFile], folder: Path) -> str | None:
    """Records what each operator gives, where there is an interpreter; the file's path in the bundle."""
    if target not in INTERPRETED:
        return None
    path = f"{target}/probes.json"
    with quiet():
        from gfnet_mobile.mlprogram import probes

        opened = {name: open_program(folder, target, file, "fp64") for name, file in graphs.items()}
    probes.write({name: probes.record(one.program) for name, one in opened.items()}, folder / path)
    return path


def _module(target: str) -> Target:
    with quiet():
        return load_target(target)


def _export(
    target: str, module: Target, graph: Graph, folder: Path, packaging: Packaging, compression: Compression
) -> GraphFile:
    try:
        with quiet():
            return module.export(graph, folder, packaging, compression)
    except (OSError, UserError):
        raise
    except Exception as error:  # each framework raises what it likes
        raise UserError(f"graph {graph.name!r} cannot be exported to {target}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The operator that the framework tripped over, if it names one, and its message in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    operator = re.search(r"aten[.:]+\w+(\.\w+)?|op '?\w+'? not implemented", text)
    return f"{operator[0]}: {text[:200]}" if operator else text[:200]


def _never_early(steps: int) -> ExitRule:
    return ExitRule(measure="max_softmax", temperature=(1.0,) * steps, thresholds=(None,) * (steps - 1))


def _tools(modules: Iterable[Target]) -> dict[str, str]:
    packages = sorted({"timm", *(tool for module in modules for tool in module.TOOLS)})
    return {"gfnet-mobile": __version__, **{package: version(package) for package in packages}}
