"""In which form each target stores each graph, and how exact it is afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any

from export import Target
from gfnet_mobile.bundle.manifest import FORMS, Compression
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.runtimes import unavailable

MARGIN = 1.25
"""golden vectors are few"""


def parsed(words: Sequence[str]) -> dict[str, Compression]:
    """``[TARGET:][GRAPH=]FORM`` → the form by what it is for: ``""`` (everything), ``TARGET:``, ``GRAPH`` or
    ``TARGET:GRAPH``. Raises UserError for an unknown form, and where one place is named twice."""
    forms: dict[str, Compression] = {}
    for one in words:
        place, equals, form = one.rpartition("=")
        if not equals:
            target, colon, form = one.rpartition(":")
            place = target + colon
        if form not in FORMS:
            raise UserError(f"--compress {one}: unknown form {form!r}; known are {', '.join(FORMS)}")
        if place in forms:
            raise UserError(f"--compress {one}: said twice for {place.rstrip(':') or 'all graphs'}")
        forms[place] = form
    return forms


def compressions(
    asked: Mapping[str, Compression], graphs: Sequence[str], modules: Mapping[str, Target]
) -> dict[str, dict[str, Compression]]:
    """Target → graph → how it is stored. The nearest place counts: ``TARGET:GRAPH``, else ``GRAPH``, else ``TARGET:``,
    else ``""``. Raises UserError for a target, a graph or a form that is not there."""
    for place in asked:
        target, colon, graph = place.rpartition(":")
        if colon and target not in modules:
            raise UserError(f"--compress: target {target!r} is not exported; {', '.join(modules)} is")
        if graph and graph not in graphs:
            raise UserError(f"--compress: no graph {graph!r}; the network has {', '.join(graphs)}")
    found: dict[str, dict[str, Compression]] = {}
    for target, module in modules.items():
        found[target] = {}
        for graph in graphs:
            places = (f"{target}:{graph}", graph, f"{target}:", "")
            form = next((asked[place] for place in places if place in asked), "none")
            if form not in module.COMPRESSIONS:
                known = f"target {target!r} knows {', '.join(module.COMPRESSIONS)}"
                raise UserError(f"--compress {form}: {known}; --compress {target}:FORM is for it alone")
            found[target][graph] = form
    return found


def with_tolerances(draft: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
    """``draft``, the manifest of ``bundle``, where a compressed graph may differ from the eager network by what its
    form costs on the golden vectors, and a little more; whoever verifies it later checks that it still costs that."""
    report = verify(bundle, [target for target in bundle.manifest.targets if unavailable(target) is None])
    targets = {}
    for target, described in bundle.manifest.targets.items():
        files = {}
        for graph, file in described.graphs.items():
            of_graph = (row for row in report.rows if (row.target, row.mode, row.graph) == (target, "graph", graph))
            found = max((row.relative(bundle.manifest.preprocessing.size) for row in of_graph), default=0.0)
            exact = file.compression == "none"
            files[graph] = file if exact else file.model_copy(update={"tolerance": max(file.tolerance, MARGIN * found)})
        targets[target] = described.model_copy(update={"graphs": files})
    return {**draft, "targets": targets}
