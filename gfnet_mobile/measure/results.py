"""A result: one JSON line that says what ran, on what, how long each time, so that others can judge and repeat it."""

import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gfnet_mobile.bundle.manifest import Sha256
from gfnet_mobile.errors import UserError

UNKNOWN = "unknown"


class Device(BaseModel):
    """Where a measurement was taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """of the device, or of its CPU where devices have no names"""
    os: str
    """system and build"""
    cores: int


class Summary(BaseModel):
    """Milliseconds, from the raw samples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class Result(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

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
    device: Device
    started: str
    """ISO 8601 with time zone"""
    load_average: tuple[float, float] | None
    """of one minute, at start and end; none where the system does not tell"""
    thermal_state: tuple[str, str] = (UNKNOWN, UNKNOWN)
    """at start and end"""
    power_mode: str = UNKNOWN
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


def load_average() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def append_results(path: Path, results: Iterable[Result]) -> None:
    """Add JSON lines to a file; on the disk when this returns."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(result.model_dump_json() + "\n" for result in results)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path}: cannot write: {(error.strerror or str(error)).lower()}") from error


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
