"""The runner: walks a bundle's program over one image at a time, step by step.

It knows no backbone, no exit head and no number of steps. Registers are allocated and bound once; then a step is a
handful of prepared calls.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter_ns
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import CROP, Call, ExitRule, Manifest
from gfnet_mobile.bundle.manifest import Step as ProgramStep
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import check_finite, should_stop, softmax, uniform_rule
from gfnet_mobile.host.preprocess import Picture, Prepared, Region, load_image
from gfnet_mobile.runtimes import open_runtime
from gfnet_mobile.runtimes.protocol import Runtime


@dataclass(frozen=True)
class Step:
    """What is known after one step."""

    index: int
    """0 is the glance"""
    logits: NDArray[np.float32]
    """[K], finite"""
    label: int
    """class index"""
    name: str | None
    """text of the class, if the bundle has labels"""
    position: tuple[int, int] | None
    """row and column of the patch's top-left pixel in the S x S image; none at the glance"""
    patch_size: int | None
    """side of the patch, pixels"""
    region: Region
    """what was looked at, in the upright source picture"""
    elapsed_ms: float
    """work of this and earlier steps, without the caller's time in between"""

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """[K]"""
        return softmax(self.logits)

    @property
    def confidence(self) -> float:
        """The largest probability."""
        return float(self.probabilities[self.label])


Stop = Callable[[Step], bool]


class Session:
    """A bundle, loaded into one runtime and ready to run.

    One image at a time: starting on the next ends the steps of the one before. ``module`` is one of
    `gfnet_mobile.runtimes.runtimes_of` the target; the first, where it is not given. ``runtime`` is one that is open
    already, such as `gfnet_mobile.runtimes.remote.RemoteRuntime` for a device; threads and module are then its affair.
    """

    def __init__(
        self,
        bundle: Bundle,
        target: str = "onnx",
        threads: int = 1,
        module: str | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.bundle, self.target = bundle, target
        self.runtime = runtime or open_runtime(bundle, target, threads, module)
        program = bundle.manifest
        self._rules = program.rules_of(target)
        self._registers = {name: np.zeros(r.shape, r.dtype) for name, r in program.registers.items()}
        self._image = self._registers[program.image]
        self._calls = [[self._bind(call) for call in step.calls] for step in program.steps]
        self._answers = [self._answer(step) for step in program.steps]
        self._labels = program.labels
        fresh = _read_before_written(program)
        self._image_zeros = [self._registers[n] for n in fresh if program.registers[n].lifetime == "image"]
        self._stream_zeros = [self._registers[n] for n, r in program.registers.items() if r.lifetime == "stream"]
        self._turn: object = None
        self._held: Prepared | None = None
        self._closed = False

    def prepare(self, image: Picture | Prepared) -> Prepared:
        """Puts a picture where the graphs read it: steps on it then copy nothing, until there is another."""
        self._turn = None
        self._check_open()
        preprocessing = self.bundle.manifest.preprocessing
        prepared = image if isinstance(image, Prepared) else load_image(image, preprocessing)
        if prepared.image.shape != self._image.shape:
            raise UserError(f"an image of {list(prepared.image.shape)}; the bundle takes {list(self._image.shape)}")
        np.copyto(self._image, prepared.image)
        self.runtime.wrote(self._image)
        self.runtime.read()  # on a device too it is in its place now, and no step's time
        self._held = prepared
        return prepared

    def steps(self, image: Picture | Prepared) -> Iterator[Step]:
        """The steps on one image, each computed when it is asked for. Stop whenever you like."""
        prepared = image if isinstance(image, Prepared) and image is self._held else self.prepare(image)
        self._turn = turn = object()
        self._check_open()
        self._fill(self._image_zeros)
        elapsed = 0
        for index, (calls, answer) in enumerate(zip(self._calls, self._answers, strict=True)):
            if self._turn is not turn:
                raise RuntimeError("these steps ended when the session started on another image or was closed")
            start = perf_counter_ns()
            for call in calls:
                call()
            self.runtime.read(*answer.registers)
            elapsed += perf_counter_ns() - start
            yield self._step(index, answer, prepared, elapsed / 1e6)

    def walk(self, image: Picture | Prepared, stop: Stop) -> Iterator[Step]:
        """The steps on one image up to the first at which ``stop`` is true."""
        for step in self.steps(image):
            yield step
            if stop(step):
                return

    def classify(
        self,
        image: Picture | Prepared,
        *,
        rule: str | None = None,
        threshold: float | None = None,
        max_steps: int | None = None,
        deadline_ms: float | None = None,
        expected_ms: Sequence[float] = (),
    ) -> Step:
        """The answer: the step at which the exit rule, or one of the limits of `stopping`, ends the sequence."""
        *_, answer = self.walk(image, self.stopping(rule, threshold, max_steps, deadline_ms, expected_ms))
        return answer

    def stopping(
        self,
        rule: str | None = None,
        threshold: float | None = None,
        max_steps: int | None = None,
        deadline_ms: float | None = None,
        expected_ms: Sequence[float] = (),
    ) -> Stop:
        """When to stop: by an exit rule, after ``max_steps`` steps, or where the next step would pass the deadline.

        The rule is the bundle's default, its rule of that name, or one max-softmax ``threshold`` in [0, 1].
        ``expected_ms`` holds the time of each step; where it is not given, the rule's ``step_ms``; a time that is not
        known counts as 0. The glance always runs.
        """
        exit_rule = self._exit_rule(rule, threshold)
        if max_steps is not None and max_steps < 1:
            raise UserError(f"max_steps {max_steps}: must be at least 1")
        if deadline_ms is not None and not deadline_ms >= 0:
            raise UserError(f"deadline_ms {deadline_ms:g}: must be at least 0")
        times = expected_ms or exit_rule.step_ms

        def stop(step: Step) -> bool:
            following = step.index + 1
            if following == max_steps:
                return True
            if deadline_ms is not None:
                expected = times[following] if following < len(times) else 0
                if step.elapsed_ms + expected > deadline_ms:
                    return True
            return should_stop(exit_rule, step.index, step.logits)

        return stop

    def reset(self) -> None:
        """Forget the stream: what a video model carries from frame to frame."""
        self._turn = None
        self._fill(self._stream_zeros)

    def register(self, name: str) -> NDArray[Any]:
        """A register as the last call left it; read it, or copy it, before the next step."""
        self.runtime.read(self._registers[name])
        return self._registers[name]

    def close(self) -> None:
        self._turn, self._held, self._closed, self._calls = None, None, True, []
        self.runtime.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bind(self, call: Call) -> Callable[[], None]:
        inputs = {tensor: self._registers[name] for tensor, name in call.inputs.items()}
        outputs = {tensor: self._registers[name] for tensor, name in call.outputs.items()}
        if call.graph == CROP:
            return self.runtime.crop(**inputs, **outputs)
        return self.runtime.bind(call.graph, inputs, outputs)

    def _answer(self, step: ProgramStep) -> "_Answer":
        position = None if step.position is None else self._registers[step.position]
        return _Answer(self._registers[step.logits], position, step.patch_size)

    def _fill(self, registers: Sequence[NDArray[Any]]) -> None:
        for register in registers:
            register.fill(0)
            self.runtime.wrote(register)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the session is closed")

    def _step(self, index: int, answer: "_Answer", prepared: Prepared, elapsed_ms: float) -> Step:
        logits = answer.logits[0].copy()
        check_finite(logits)
        label = int(logits.argmax())
        name = self._labels[label] if self._labels else None
        if answer.position is None:
            return Step(index, logits, label, name, None, None, prepared.region(), elapsed_ms)
        row, column = answer.position[0].tolist()
        region = prepared.region((row, column), answer.patch_size)
        return Step(index, logits, label, name, (row, column), answer.patch_size, region, elapsed_ms)

    def _exit_rule(self, name: str | None, threshold: float | None) -> ExitRule:
        program = self.bundle.manifest
        if threshold is not None:
            if name is not None:
                raise UserError("rule and threshold: give one of them")
            return uniform_rule(threshold, len(program.steps))
        if name is not None and name not in program.rules:
            raise UserError(f"no exit rule {name!r}; the bundle has {', '.join(program.rules)}")
        return self._rules[name or program.default_rule]


@dataclass(frozen=True)
class _Answer:
    """Where a step's answer is found."""

    logits: NDArray[np.float32]
    """[1, K]"""
    position: NDArray[np.int32] | None
    """[1, 2]"""
    patch_size: int | None

    @cached_property
    def registers(self) -> list[NDArray[Any]]:
        return [one for one in (self.logits, self.position) if one is not None]


def _read_before_written(program: Manifest) -> list[str]:
    """Registers whose initial zeros a call can see, and which therefore need them at the start of every lifetime."""
    seen: list[str] = []
    written = {program.image}
    for step in program.steps:
        for call in step.calls:
            seen += [name for name in call.inputs.values() if name not in written and name not in seen]
            written.update(call.outputs.values())
    return seen
