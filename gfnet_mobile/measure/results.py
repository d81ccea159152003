"""A result: one JSON line that says what ran, on what, how long each time, so that others can judge and repeat it.

The schema, as JSON Schema, is in ``docs/result.schema.json``.
"""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gfnet_mobile.bundle.manifest import Sha256
from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.files import explained
from gfnet_mobile.measure.placement import Placement

UNKNOWN = "unknown"

COOL = ("none", "light", "nominal", "fair", UNKNOWN)
"""thermal states, Android's and Apple's, in which a device does not slow itself down"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Device(_Strict):
    """Where a measurement was taken."""

    model: str
    """of the device, or of its CPU where devices have no names"""
    soc: str | None = None
    abi: str | None = None
    """instruction set, as Android calls it: ``arm64-v8a``"""
    os: str
    """system and build"""
    cores: int

    @staticmethod
    def from_server(said: Mapping[str, Any]) -> "Device":
        """What a server on a device says of it (``device`` of its ``hello``)."""
        texts = {name: str(said[name]) for name in ("soc", "abi") if said.get(name) is not None}
        cores = said.get("cores")
        return Device(
            model=str(said.get("model") or UNKNOWN),
            os=str(said.get("os") or UNKNOWN),
            cores=cores if isinstance(cores, int) else 0,
            **texts,
        )


class Conditions(_Strict):
    """What a device's speed depends on, at one moment; whatever is not known is null, ``unknown`` or empty."""

    thermal: str = UNKNOWN
    """the system's word: none, light, moderate, severe … on Android; nominal, fair, serious, critical on an iPhone"""
    battery_percent: float | None = None
    battery_celsius: float | None = None
    power_mode: str = UNKNOWN
    """``normal``, or ``saving`` where the battery is being spared"""
    governor: str | None = None
    """of the CPU's frequency"""
    frequencies_mhz: tuple[float, ...] = ()
    """one for each core"""
    load_average: float | None = None
    """of one minute"""
    peak_memory_bytes: int | None = None
    """largest resident set of the process that measured, up to now"""

    def beside(self, said: Mapping[str, Any]) -> "Conditions":
        """These, and in what they leave open what the server on the device ``said``. Unknown members are ignored."""
        open_fields = self.model_dump(exclude_defaults=True)
        given = {name: said[name] for name in Conditions.model_fields if said.get(name) not in (None, UNKNOWN)}
        try:
            return Conditions.model_validate(given | open_fields)
        except ValidationError as error:
            raise UserError(f"the server's conditions: {first_problem(error)}; update it") from error


class Summary(_Strict):
    """Milliseconds, from the raw samples."""

    n: int
    mean: float
    std: float
    """of the sample (n - 1); 0 for one sample"""
    min: float
    p50: float
    p90: float
    p95: float
    p99: float | None
    """only of 100 samples or more"""
    max: float


class Result(_Strict):
    """One thing, measured in one run."""

    schema_version: Literal[1] = 1
    bundle_id: Sha256
    what: str = Field(pattern=r"^(graph:.+|end_to_end:\d+|cold_load)$")
    """one graph, the whole sequence up to that step (0 is the glance), or loading all graphs"""
    target: str
    runtime: str
    runtime_version: str
    compression: str
    """of its graphs, as in the manifest; ``mixed`` where they differ"""
    threads: int
    compute_units: str
    placement: tuple[Placement, ...] | None = None
    """of a graph: where each of its operators ran, as far as the device's system tells"""
    device: Device
    started: str
    """ISO 8601 with time zone"""
    start: Conditions
    end: Conditions
    repeat: int = Field(1, ge=1)
    """of several runs of the same"""
    invalid: str | None = None
    """why it does not count: the device was hot, say"""
    samples_ms: tuple[float, ...]
    summary: Summary


def summarise(samples_ms: Iterable[float]) -> Summary:
    samples = np.array(list(samples_ms))
    p50, p90, p95, p99 = (float(value) for value in np.percentile(samples, [50, 90, 95, 99]))
    return Summary(
        n=len(samples),
        mean=float(samples.mean()),
        std=float(samples.std(ddof=1)) if len(samples) > 1 else 0.0,
        min=float(samples.min()),
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99 if len(samples) >= 100 else None,
        max=float(samples.max()),
    )


def this_device() -> Device:
    return Device(model=_cpu(), os=f"{platform.platform()} ({platform.version()})", cores=os.cpu_count() or 1)


def now() -> str:
    """ISO 8601 with time zone."""
    return datetime.now(timezone.utc).astimezone().isoformat(timespec="seconds")


def these_conditions() -> Conditions:
    return Conditions(load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None)


def append_results(path: Path, results: Iterable[Result]) -> None:
    """Add JSON lines to a file; on the disk when this returns."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(result.model_dump_json() + "\n" for result in results)
            file.flush()
            os.fsync(file.fileno())


def read_results(path: Path) -> list[Result]:
    """Raises UserError for a file that is not there, or a line that is no result."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    results = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                results.append(Result.model_validate_json(line))
            except ValidationError as error:
                raise UserError(f"{path}: line {number} is no result: {first_problem(error)}") from error
    return results


def _cpu() -> str:
    """The CPU's name, as the system has it."""
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of a result."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Result.model_json_schema()}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
