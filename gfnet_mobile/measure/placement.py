"""Where a device means to run the operators of a bundle's graphs: what its server answers to ``plan``."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.wire import Connection

Unit = Literal["cpu", "gpu", "neural_engine"]
UNITS: dict[Unit, str] = {"neural_engine": "Neural Engine", "gpu": "GPU", "cpu": "CPU"}
"""what people call them"""


class Placement(BaseModel):
    """One operator of a graph."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    """as the device's system calls it: ``ios16.conv``"""
    outputs: tuple[str, ...]
    """names of what it computes"""
    preferred: Unit | None
    """where it is to run; null where the system does not say"""
    supported: tuple[Unit, ...]
    """where it could run; empty where the system does not say"""
    cost: float | None = Field(ge=0, le=1)
    """estimated share of the graph's work"""

    @property
    def operator(self) -> str:
        """Its kind without the operator set: ``conv``."""
        return self.kind.rpartition(".")[2]


class Plan(BaseModel):
    """One graph, as its server loaded it."""

    model_config = ConfigDict(frozen=True)

    graph: str
    compute_units: str | None
    operators: tuple[Placement, ...]

    def share(self, unit: Unit) -> float:
        """Of the estimated work, how much is to be done there."""
        total = sum(one.cost or 0 for one in self.operators)
        there = sum(one.cost or 0 for one in self.operators if one.preferred == unit)
        return there / total if total > 0 else 0


def plans(connection: Connection) -> list[Plan]:
    """Of what the server has loaded. Raises Refused where it, or the device's system, cannot say."""
    try:
        return [Plan.model_validate(answer.result) for answer in connection.request("plan")]
    except ValidationError as error:
        raise UserError(f"{connection.where}: its plan: {first_problem(error)}; update it") from error


def elsewhere(operators: Iterable[Placement]) -> list[Placement]:
    """Those that are not to run on the Neural Engine, the costliest first."""
    return sorted((one for one in operators if one.preferred != "neural_engine"), key=lambda one: -(one.cost or 0))
