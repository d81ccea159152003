"""ONNX Runtime on the CPU: one session per graph, inputs and outputs bound once to the caller's buffers."""

from collections.abc import Callable
from functools import partial

import onnxruntime as ort

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes.protocol import (
    Buffers,
    HostMemory,
    Signature,
    check_signature,
    in_file,
    in_turn,
    with_scratch,
)

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int32)": "int32"}


class OnnxRuntime(HostMemory):
    """See `gfnet_mobile.runtimes.protocol.Runtime`."""

    name = "onnxruntime"
    version: str = ort.__version__

    def __init__(self, bundle: Bundle, target: str, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3  # errors only: warnings would be lines on stderr that nobody can mend
        self._files = bundle.target(target).graphs
        self._sessions: dict[str, ort.InferenceSession] = {}
        self._buffers: list[Buffers] = []  # bindings keep pointers only
        for graph, file in self._files.items():
            path = bundle.path(file.path)
            try:
                self._sessions[graph] = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            except Exception as error:  # ONNX Runtime's errors share no other base
                raise UserError(f"{path}: ONNX Runtime cannot load it: {' '.join(str(error).split())}") from error

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        session, names = self._sessions[graph], self._files[graph].names
        inputs, outputs = in_file(inputs, names), in_file(outputs, names)
        outputs, copies = with_scratch(inputs, outputs)
        check_signature(graph, "input", inputs, _signature(session.get_inputs()))
        check_signature(graph, "output", outputs, _signature(session.get_outputs()))
        binding = session.io_binding()
        for tensor, array in inputs.items():
            binding.bind_input(tensor, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for tensor, array in outputs.items():
            binding.bind_output(tensor, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        self._buffers += [inputs, outputs]
        return in_turn(partial(session.run_with_iobinding, binding), copies)

    def close(self) -> None:
        self._sessions.clear()
        self._buffers.clear()


def _signature(tensors: list[ort.NodeArg]) -> Signature:
    return {tensor.name: (tuple(tensor.shape), _DTYPES.get(tensor.type, tensor.type)) for tensor in tensors}


load = OnnxRuntime
