"""A server written from docs/wire.md alone, on ONNX Runtime: what the client is tested against.

    python tests/wire_server.py --bundles FOLDER --results FOLDER [--port PORT] [--slow MS]

Nothing of the client's code is used, so that a mistake in it is not made twice; only the host's own loop, verification
and ONNX Runtime are the project's. ``--slow`` waits so many milliseconds before each sample of a ``bench``; a new
connection may then come at any moment of one. ``--units`` are what it says that it can compute on; it is the CPU all
the same.
"""

import argparse
import json
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np

from gfnet_mobile.bundle.golden import golden_calls, read_golden
from gfnet_mobile.bundle.manifest import CROP
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.mlprogram.package import open_package
from gfnet_mobile.mlprogram.program import read_function

DTYPES = {"F32": np.float32, "F16": np.float16, "I32": np.int32, "U8": np.uint8}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
HEADER, BODY = 1 << 20, 256 << 20
COLD_LOADS = 5


class Broken(Exception):
    """The connection cannot go on; the message is the error that is sent first."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Wrong(Exception):
    def __init__(self, message, kind="input"):
        super().__init__(message)
        self.kind = kind


def read_exactly(stream, count):
    content = b""
    while len(content) < count:
        part = stream.recv(min(count - len(content), 65536))
        if not part:
            raise EOFError
        content += part
    return content


def read_frame(stream):
    (length,) = struct.unpack("<Q", read_exactly(stream, 8))
    if length > HEADER:
        raise Broken("protocol", f"a header of {length} bytes; at most {HEADER}")
    try:
        header = json.loads(read_exactly(stream, length))
        metadata = header.pop("__metadata__", {})
        places = sorted(((*entry["data_offsets"], name, entry) for name, entry in header.items()), key=lambda p: p[:2])
        end = 0
        for begin, following, _, entry in places:
            size = int(np.prod(entry["shape"], dtype=np.int64)) * np.dtype(DTYPES[entry["dtype"]]).itemsize
            if begin != end or following - begin != size or following > BODY:
                raise ValueError
            end = following
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken("protocol", "no frame") from error
    body = read_exactly(stream, end)
    tensors = {
        name: np.frombuffer(body[begin:following], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
        for begin, following, name, entry in places
    }
    return metadata, tensors


def write_frame(stream, metadata, tensors=None):
    header, body = {"__metadata__": metadata}, b""
    for name, array in (tensors or {}).items():
        content = np.ascontiguousarray(array).tobytes()
        offsets = [len(body), len(body) + len(content)]
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        body += content
    text = json.dumps(header).encode()
    stream.sendall(struct.pack("<Q", len(text)) + text + body)


def only(arguments, **defaults):
    """The members of ``arguments``; others are an error."""
    for name in arguments:
        if name not in defaults:
            raise Wrong(f"unknown argument {name!r}")
    return [arguments.get(name, default) for name, default in defaults.items()]


class Server:
    def __init__(self, bundles, results, slow_ms, choice):
        self.bundles, self.results, self.slow_ms = Path(bundles), Path(results), slow_ms
        self.choice = choice
        self.session, self.threads, self.units = None, 1, choice[0]
        self.registers, self.bound = {}, {}

    def serve(self, stream):
        """Frames from one client until it leaves."""
        while True:
            try:
                metadata, tensors = read_frame(stream)
            except EOFError:
                return
            base = {"gfnet": "1", "id": metadata.get("id", ""), "verb": metadata.get("verb", "")}
            if metadata.get("gfnet") != "1":
                raise Broken("version", "this server speaks 1")
            try:
                arguments = json.loads(metadata.get("arguments", "{}"))
                if metadata.get("verb") not in VERBS:
                    raise Wrong(f"no verb {metadata.get('verb')!r}", "verb")
                waiting = None
                for result, given in VERBS[metadata["verb"]](self, arguments, tensors):
                    if waiting:
                        write_frame(stream, waiting[0] | {"more": "1"}, waiting[1])
                        waiting = None
                    waiting = base | {"result": json.dumps(result)}, given
                    if "samples" in result:  # measured: to be sent at once
                        write_frame(stream, waiting[0] | {"more": "1"}, waiting[1])
                        waiting = None
                write_frame(stream, *waiting)
            except (Wrong, UserError) as error:
                kind = getattr(error, "kind", "input")
                write_frame(stream, base | {"error": json.dumps({"kind": kind, "message": str(error)})})
            if metadata.get("verb") == "bye":
                return

    def hello(self, arguments, tensors):
        only(arguments)
        import onnxruntime

        found = {}
        for folder in sorted(self.bundles.iterdir()):
            try:
                found[folder.name] = open_bundle(folder).manifest.bundle_id
            except UserError:
                continue
        limits = {"header_bytes": HEADER, "body_bytes": BODY, "idle_s": 300, "frame_s": 10}
        device = {"model": "a test", "os": "Linux", "abi": "x86_64", "cores": os.cpu_count()}
        yield {
            "server": "wire_server.py", "version": "0.1.0", "protocol": [1], "target": "onnx", "runtime": "onnxruntime",
            "runtime_version": onnxruntime.__version__, "compute_units": self.choice, "limits": limits,
            "bundles": found, "device": device,
        }, {}  # fmt: skip

    def load(self, arguments, tensors):
        choice = {"compute_units": self.choice[0]} if len(self.choice) > 1 else {}
        name, threads, *units = only(arguments, bundle=None, threads=1, **choice)
        if not isinstance(name, str) or not (self.bundles / name).is_dir():
            raise Wrong(f"no bundle {name!r}")
        self.units = (*units, self.choice[0])[0]
        if self.units not in self.choice:
            raise Wrong(f"cannot compute on {self.units!r}")
        if self.session is not None:
            self.session.close()
        start = time.perf_counter()
        self.session, self.threads = Session(open_bundle(self.bundles / name), "onnx", threads), threads
        self.registers, self.bound = {}, {}
        milliseconds = (time.perf_counter() - start) * 1e3
        yield {"bundle_id": self.session.bundle.manifest.bundle_id, "load_ms": milliseconds}, {}

    def loaded(self):
        if self.session is None:
            raise Wrong("nothing is loaded", "state")
        return self.session

    def run(self, arguments, tensors):
        session = self.loaded()
        calls, zero, wanted = only(arguments, calls=[], zero=[], **{"return": []})
        self.registers |= tensors
        for name in zero:
            self.register(name).fill(0)
        times = []
        for call in calls:
            start = time.perf_counter()
            self.call(session, call)
            times.append((time.perf_counter() - start) * 1e3)
        yield {"ms": times}, {name: self.register(name) for name in wanted}

    def register(self, name):
        if name not in self.registers:
            raise Wrong(f"no register {name!r}")
        return self.registers[name]

    def call(self, session, call):
        inputs = {tensor: self.register(name) for tensor, name in call["inputs"].items()}
        if call["graph"] == CROP:
            patch = self.register(call["outputs"]["patch"])
            row, column = inputs["position"][0]
            side, image = patch.shape[2], inputs["image"]
            if not (0 <= row <= image.shape[2] - side and 0 <= column <= image.shape[3] - side):
                raise Wrong(
                    f"position ({row}, {column}) puts the patch outside the image; the graphs are broken", "failed"
                )
            outputs = {"patch": image[:, :, row : row + side, column : column + side].copy()}
        else:
            outputs = self.graph(session, call["graph"], inputs)
        self.registers |= {call["outputs"][tensor]: value for tensor, value in outputs.items()}

    def graph(self, session, graph, inputs):
        manifest = session.bundle.manifest
        calls = [one for step in manifest.steps for one in step.calls if one.graph == graph]
        if not calls:
            raise Wrong(f"no graph {graph!r}")
        if graph not in self.bound:
            declared = [
                {tensor: manifest.registers[name] for tensor, name in side.items()}
                for side in (calls[0].inputs, calls[0].outputs)
            ]
            mine, theirs = ({t: np.zeros(r.shape, r.dtype) for t, r in side.items()} for side in declared)
            self.bound[graph] = session.runtime.bind(graph, mine, theirs), mine, theirs
        work, mine, theirs = self.bound[graph]
        if set(inputs) != set(mine):
            raise Wrong(f"graph {graph!r} takes {sorted(mine)}")
        for tensor, value in inputs.items():
            if value.shape != mine[tensor].shape or value.dtype != mine[tensor].dtype:
                raise Wrong(f"graph {graph!r}: {tensor!r} is {mine[tensor].dtype} {list(mine[tensor].shape)}")
            mine[tensor][...] = value
        work()
        return {tensor: value.copy() for tensor, value in theirs.items()}

    def steps(self, arguments, tensors):
        session = self.loaded()
        limits = only(
            arguments, rule=None, threshold=None, max_steps=None, deadline_ms=None, expected_ms=(), reset=False
        )
        if set(tensors) != {"image"} or tensors["image"].dtype != np.uint8:
            raise Wrong("steps takes one tensor, image: this server reads U8 [S, S, 3] only")
        if limits.pop():
            session.reset()
        for step in session.walk(from_pixels(tensors["image"]), session.stopping(*limits)):
            said = {name: getattr(step, name) for name in ("index", "label", "confidence", "position", "patch_size")}
            found = {"logits": step.logits, "probabilities": step.probabilities}
            yield said | {"elapsed_ms": step.elapsed_ms}, found

    def verify(self, arguments, tensors):
        only(arguments)
        report = verify(self.loaded().bundle, ["onnx"])
        rows = [
            {"mode": row.mode, "step": row.step, "graph": row.graph, "tensor": row.tensor,
             "difference": row.difference, "allowed": row.tolerance, "ok": row.ok}
            for row in report.rows
        ]  # fmt: skip
        agreement = report.agreements[0]
        counts = {"images": agreement.images, "labels": agreement.labels, "steps": agreement.steps}
        yield {"ok": all(row["ok"] for row in rows), "rows": rows, "agreement": counts}, {}

    def plan(self, arguments, tensors):
        """As if the Neural Engine took convolutions only, and nobody knew of casts."""
        only(arguments)
        bundle = self.loaded().bundle
        if "coreml" not in bundle.manifest.targets:
            raise Wrong("no verb 'plan'", "verb")
        for graph, file in bundle.target("coreml").graphs.items():
            found = read_function(open_package(bundle.path(file.path)), file.entry).operators
            operators = [
                {"kind": f"ios16.{one.kind}", "outputs": [name for name, _ in one.outputs],
                 "preferred": {"conv": "neural_engine", "cast": None}.get(one.kind, "cpu"),
                 "supported": {"conv": ["cpu", "gpu", "neural_engine"], "cast": []}.get(one.kind, ["cpu", "gpu"]),
                 "cost": None if one.kind == "cast" else 1 / len(found)}
                for one in found
            ]  # fmt: skip
            said = {"bundle_id": bundle.manifest.bundle_id, "graph": graph, "compute_units": file.compute_units}
            yield said | {"operators": operators}, {}

    def bench(self, arguments, tensors):
        run, rounds, warmup, have, drop = only(arguments, run=None, rounds=100, warmup=10, have=0, drop=False)
        letters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
        if not isinstance(run, str) or not 1 <= len(run) <= 100 or run[0] == "." or set(run) - letters:
            raise Wrong(f"run {run!r}: 1 to 100 letters, digits, -, _ or .")
        file = self.results / f"{run}.jsonl"
        if drop:
            file.unlink(missing_ok=True)
            yield {}, {}
            return
        session = self.loaded()
        works, image = self.works(session)
        plan = list(works)
        setting = [session.bundle.manifest.bundle_id, self.threads, self.units, rounds, warmup]
        kept = self.kept(file, setting)
        total = rounds * len(plan) + COLD_LOADS
        context = {
            "bundle_id": session.bundle.manifest.bundle_id, "target": "onnx", "runtime": session.runtime.name,
            "runtime_version": session.runtime.version, "threads": self.threads, "compute_units": self.units,
            "device": {"model": "a test", "os": "Linux", "abi": "x86_64", "cores": os.cpu_count()},
        }  # fmt: skip
        yield {"plan": plan, "samples": total, "kept": len(kept), "context": context}, {}
        for start in range(have, len(kept), 50):
            yield {"samples": kept[start : min(start + 50, len(kept))]}, {}
        conditions = [{"first": len(kept), "start": self.condition(), "end": self.condition()}]
        if len(kept) < total:
            session.prepare(image)
            for _ in range(warmup):
                for work in works.values():
                    work()
        with file.open("a") as journal:
            for index in range(len(kept), total):
                number, place = divmod(index, len(plan))
                what = plan[(number + place) % len(plan)] if number < rounds else "cold_load"
                time.sleep(self.slow_ms / 1e3)
                begun = time.perf_counter()
                if what == "cold_load":
                    Session(session.bundle, "onnx", self.threads).close()
                else:
                    works[what]()
                sample = {"index": index, "what": what, "ms": (time.perf_counter() - begun) * 1e3}
                journal.write(json.dumps(sample) + "\n")
                journal.flush()
                os.fsync(journal.fileno())
                if index >= have:
                    yield {"samples": [sample]}, {}
        conditions[0]["end"] = self.condition()
        yield {"done": True, "conditions": conditions}, {}

    def works(self, session):
        golden = read_golden(session.bundle)
        image = from_pixels(golden["images"][0])
        works = {}
        for one in golden_calls(session.bundle.manifest, golden):
            if one.call.graph != CROP and f"graph:{one.call.graph}" not in works:
                inputs = {tensor: values[:1].copy() for tensor, values in one.inputs.items()}
                outputs = {tensor: values[:1].copy() for tensor, values in one.outputs.items()}
                works[f"graph:{one.call.graph}"] = session.runtime.bind(one.call.graph, inputs, outputs)
        for last in range(len(session.bundle.manifest.steps)):
            works[f"end_to_end:{last}"] = lambda last=last: list(session.walk(image, lambda s: s.index == last))
        return works, image

    def kept(self, file, setting):
        if not file.exists():
            file.write_text(json.dumps({"setting": setting}) + "\n")
            return []
        content = file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]  # the line in the middle of which it was killed is measured again
        if len(whole) < len(content):
            file.write_bytes(whole)
        first, *samples = [json.loads(line) for line in whole.splitlines()]
        if first["setting"] != setting:
            raise Wrong(f"{file.stem}: was measured with another bundle, or other threads, rounds or warm-up")
        return samples

    def condition(self):
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        return {
            "thermal": "none",
            "frequencies_mhz": [],
            "governor": None,
            "peak_memory_bytes": None,
            "load_average": load,
        }

    def bye(self, arguments, tensors):
        yield {}, {}


VERBS = {name: getattr(Server, name) for name in ("hello", "load", "run", "steps", "verify", "plan", "bench", "bye")}


def take(server, stream, busy):
    with stream:
        stream.settimeout(300)
        try:
            server.serve(stream)
        except Broken as error:
            content = json.dumps({"kind": error.kind, "message": str(error)})
            write_frame(stream, {"gfnet": "1", "id": "", "verb": "", "error": content})
        except OSError:
            pass  # the client is gone
        finally:
            busy.release()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bundles", required=True)
    arguments.add_argument("--results", required=True)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--units", default="cpu", help="comma-separated")
    arguments.add_argument("--slow", type=float, default=0, help="milliseconds before each sample")
    given = arguments.parse_args()
    server = Server(given.bundles, given.results, given.slow, given.units.split(","))
    busy = threading.Lock()
    with socket.create_server(("127.0.0.1", given.port)) as listening:
        print(json.dumps({"listening": listening.getsockname()[1]}), flush=True)
        while True:
            stream, _ = listening.accept()
            if not busy.acquire(timeout=0.5):  # time for the one before to be seen to be gone
                with stream:
                    content = json.dumps({"kind": "busy", "message": "another client is being served"})
                    write_frame(stream, {"gfnet": "1", "id": "", "verb": "", "error": content})
                continue
            threading.Thread(target=take, args=(server, stream, busy), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
