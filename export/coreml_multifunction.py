"""All graphs of a network as functions of one Core ML package (iOS 18): one file to ship and to load.

Weights that several functions use are stored once. Source: coremltools' guide, Multifunction Models.
"""

from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import coremltools as ct

from export.coreml_package import write_package
from gfnet_mobile.bundle.manifest import GraphFile


def joined(files: Mapping[str, GraphFile], bundle: Path, name: str) -> dict[str, GraphFile]:
    """``files`` of the folder ``bundle`` become functions of ``coreml/NAME.mlpackage``, each named as its graph. The
    first is the default one, which an app gets that asks for none."""
    functions = ct.utils.MultiFunctionDescriptor()
    for graph, file in files.items():
        functions.add_function(str(bundle / file.path), src_function_name=file.entry, target_function_name=graph)
    functions.default_function_name = next(iter(files))
    path = f"coreml/{name}.mlpackage"
    with TemporaryDirectory() as temporary:
        whole = Path(temporary) / "whole.mlpackage"
        ct.utils.save_multifunction(functions, str(whole))
        model = ct.models.MLModel(str(whole), skip_model_load=True)
        specification = model.get_spec()
        metadata = specification.description.metadata
        metadata.Clear()
        for file in files.values():
            metadata.MergeFrom(ct.utils.load_spec(str(bundle / file.path)).description.metadata)
            rmtree(bundle / file.path)
        metadata.shortDescription = f"{metadata.shortDescription.partition(':')[0]}: {', '.join(files)}"
        write_package(model, specification, bundle / path)
    return {graph: file.model_copy(update={"path": path, "entry": graph}) for graph, file in files.items()}
