"""``gfnet-mobile inspect --device``: where a phone means to run each graph, and why not on its Neural Engine."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.cli.output import show
from gfnet_mobile.devices import opened as opened_device
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.placement import UNITS, Placement, Plan, elsewhere, plans
from gfnet_mobile.mlprogram.anatomy import dtypes_of, obstacle
from gfnet_mobile.runtimes.remote import greet, load
from gfnet_mobile.wire import Refused


def inspect_on(device: str, bundle: Bundle, graphs: Sequence[str], compute_units: str | None) -> None:
    """Print a table for each of ``graphs``. ``compute_units`` is the manifest's name of them, or None for what it
    suggests. Raises UserError, among others where the device's server or system cannot say."""
    with opened_device(device, [bundle]) as opened, opened.connect() as connection:
        server = greet(connection)
        load(connection, server, bundle, 1, compute_units)
        try:
            found = {plan.graph: plan for plan in plans(connection)}
        except Refused as error:
            if error.kind != "verb":
                raise
            raise UserError(
                f"{opened.name}: {server.runtime} does not say where it runs what; Core ML does, from iOS 17.4 on"
            ) from error
    for graph in graphs:
        if graph not in found:
            raise UserError(f"{opened.name}: its plan lacks graph {graph!r}; update its server")
        _print(found[graph], bundle)


def _print(plan: Plan, bundle: Bundle) -> None:
    shares = [f"{100 * plan.share(unit):.1f} % on the {name}" for unit, name in UNITS.items() if plan.share(unit) > 0]
    work = f"of its estimated work {', '.join(shares)}" if shares else "its system estimates no work"
    show(f"{plan.graph} ({len(plan.operators)} operators, allowed on: {plan.compute_units}): {work}")
    table = Table("not on the Neural Engine", "on", "operators", "work", "why, as far as it is known", box=None)
    for row in _rows(plan, bundle):
        table.add_row(*row)
    if table.row_count:
        show(table)


def _rows(plan: Plan, bundle: Bundle) -> Iterator[tuple[str, str, str, str, str]]:
    """Operators of one kind, on one unit, for one reason."""
    file = bundle.target("coreml").graphs[plan.graph]
    dtypes = dtypes_of(bundle.path(file.path), file.entry)
    together: dict[tuple[str, str, str], list[Placement]] = {}
    for one in elsewhere(plan.operators):
        unit = "" if one.preferred is None else UNITS[one.preferred]
        key = one.operator, unit, _reason(one, plan.compute_units, dtypes)
        together.setdefault(key, []).append(one)
    for (operator, unit, reason), alike in together.items():
        work = sum(one.cost or 0 for one in alike)
        yield operator, unit, str(len(alike)), f"{100 * work:.1f} %", reason


def _reason(one: Placement, compute_units: str | None, dtypes: dict[str, str]) -> str:
    if compute_units in ("cpu", "cpu_and_gpu"):
        return f"loaded for {compute_units}; see what --compute-units all gives"
    if one.preferred is None:
        return "the system does not say where it runs: it may be part of another"
    if "neural_engine" in one.supported:
        return "could run there; Core ML expects it to be quicker where it is, with what is around it"
    dtype = next((dtypes[name] for name in one.outputs if name in dtypes), "")
    return obstacle(one.operator, dtype) or "the Neural Engine does not run it in this form"
