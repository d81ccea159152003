"""The servers in C++ and in Swift, asked by a client that was written from docs/wire.md alone."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import native_bundles
import numpy as np
import programs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutated_manifests import mutated
from runner_server import in_swift, runner, serving
from wire_client import Client, Gone, Refused, frame

from gfnet_mobile.bundle.golden import golden_calls, read_golden
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session

IMAGES = programs.golden_images()


@pytest.fixture(scope="module", params=[runner, in_swift])
def program(request):
    return request.param()


@pytest.fixture(scope="module")
def folders(program, tmp_path_factory):
    """A folder of bundles to serve, and one for results."""
    return native_bundles.copy_conformance(tmp_path_factory.mktemp("bundles")), tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def server(program, folders):
    with serving(*folders, program) as served:
        yield served


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def test_hello_says_who_answers_and_what_it_has(client):
    found = client.ask("hello").result
    assert found["server"] in ("gfnet-runner", "gfnet-swift")
    assert found["target"] == "executorch" and found["protocol"] == [1]
    bundles = native_bundles.conformance()
    assert found["bundles"] == {f"{name}.gfnet": one.manifest.bundle_id for name, one in bundles.items()}
    assert found["limits"]["body_bytes"] == 2**28
    assert found["device"]["cores"] > 0


@pytest.mark.parametrize("name", programs.ALL)
def test_a_program_walked_step_by_step_gives_the_golden_values(client, name):
    bundle = native_bundles.conformance()[name]
    program, golden = bundle.manifest, read_golden(bundle)
    assert client.ask("load", bundle=f"{name}.gfnet").result["bundle_id"] == program.bundle_id
    calls = list(golden_calls(program, golden))
    zeros = {n: np.zeros(r.shape, r.dtype) for n, r in program.registers.items() if n != program.image}
    client.ask("run", zeros)
    for number, pixels in enumerate(IMAGES):
        image = {program.image: (pixels.transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)}
        client.ask("run", image, zero=[n for n in zeros if program.registers[n].lifetime == "image"])
        for recorded in calls:
            call = {name: getattr(recorded.call, name) for name in ("graph", "inputs", "outputs")}
            answer = client.ask("run", calls=[call], **{"return": list(call["outputs"].values())})
            assert len(answer.result["ms"]) == 1
            for tensor, register in call["outputs"].items():
                np.testing.assert_allclose(answer.tensors[register][0], recorded.outputs[tensor][number], atol=1e-5)


def test_all_calls_of_a_step_go_in_one_request_and_the_image_crosses_once(client):
    program = native_bundles.conformance()["recurrent"].manifest
    client.ask("load", bundle="recurrent.gfnet")
    client.ask("run", {n: np.zeros(r.shape, r.dtype) for n, r in program.registers.items()})
    image = {"image": (IMAGES[0].transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)}
    expected = programs.expected(programs.recurrent(), IMAGES[:1])
    for index, step in enumerate(program.steps):
        calls = [call.model_dump() for call in step.calls]
        answer = client.ask("run", image if index == 0 else {}, calls=calls, **{"return": ["logits"]})
        assert list(answer.tensors) == ["logits"]
        np.testing.assert_allclose(answer.tensors["logits"], expected[f"{index}.exit.logits"], atol=1e-5)


def test_steps_walks_on_the_device_until_the_rule_ends_it(client):
    client.ask("load", bundle="recurrent.gfnet")
    expected = programs.expected(programs.recurrent(), IMAGES[:1])
    for image in (IMAGES[0], (IMAGES[0].transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)):
        steps = client.all("steps", {"image": image}, threshold=1)
        assert [step.result["index"] for step in steps] == [0, 1, 2]
        for index, step in enumerate(steps):
            np.testing.assert_allclose(step.tensors["logits"], expected[f"{index}.exit.logits"][0], atol=1e-5)
            assert step.result["label"] == int(step.tensors["logits"].argmax())
            assert step.result["confidence"] == pytest.approx(step.tensors["probabilities"].max())
        assert steps[0].result["position"] is None and steps[0].result["patch_size"] is None
        assert steps[2].result["position"] == expected["2.policy.position"][0].tolist()
    assert len(client.all("steps", {"image": IMAGES[0]}, max_steps=2, threshold=1)) == 2
    assert len(client.all("steps", {"image": IMAGES[0]}, threshold=0)) == 1
    assert len(client.all("steps", {"image": IMAGES[0]}, threshold=1, deadline_ms=0)) == 1
    assert len(client.all("steps", {"image": IMAGES[0]}, threshold=1, deadline_ms=1e6, expected_ms=[0, 0, 1e9])) == 2
    assert len(client.all("steps", {"image": IMAGES[0]}, rule="margin")) == 3
    assert len(client.all("steps", {"image": IMAGES[0]}, rule="margin", deadline_ms=1e6)) == 2  # the rule's step_ms
    assert len(client.all("steps", {"image": IMAGES[0]}, rule="margin", deadline_ms=1e6, expected_ms=[0])) == 3


def test_a_stream_goes_on_until_it_is_reset(client):
    client.ask("load", bundle="stream.gfnet")

    def logits(**arguments):
        return client.ask("steps", {"image": IMAGES[0]}, **arguments).tensors["logits"]

    first, second, fresh = logits(reset=True), logits(), logits(reset=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, fresh)


def test_verify_answers_with_a_row_per_tensor(client):
    client.ask("load", bundle="cascade.gfnet")
    report = client.ask("verify").result
    assert report["ok"] and len(report["rows"]) == 34
    assert report["agreement"] == {"images": 4, "labels": 4, "steps": 4}


def test_what_is_wrong_with_a_request_is_said_and_the_next_one_is_served(client):
    def kind(verb, tensors=None, **arguments):
        with pytest.raises(Refused) as refused:
            client.ask(verb, tensors, **arguments)
        assert "\n" not in refused.value.message
        return refused.value.kind

    assert kind("sing") == "verb"
    assert kind("plan") == "verb", "ExecuTorch has nothing to choose from"
    assert kind("load", bundle="../recurrent.gfnet") == "input"
    assert kind("load", bundle="nothing.gfnet") == "input"
    assert kind("verify") == "state"
    client.ask("load", bundle="recurrent.gfnet")
    assert kind("load", bundle="recurrent.gfnet", colour="red") == "input"
    assert kind("hello", {"image": IMAGES[0]}) == "input"
    assert kind("steps", {"image": IMAGES[0][:4]}) == "input"
    assert kind("steps", {"image": IMAGES[0]}, rule="none") == "input"
    assert kind("steps", {"image": IMAGES[0]}, rule="default", threshold=1) == "input"
    assert kind("run", calls=[{"graph": "glance", "inputs": {"image": "x"}, "outputs": {}}]) == "input"
    assert kind("run", calls=[{"graph": "none", "inputs": {}, "outputs": {}}]) == "input"
    assert kind("run", {"image": IMAGES[0]}, zero=["other"]) == "input"
    assert kind("run", **{"return": ["nothing"]}) == "input"
    nan = {"image": np.full((1, 3, 8, 8), np.nan, np.float32)}
    assert kind("steps", nan) == "failed"
    far = {"image": np.zeros((1, 3, 8, 8), np.float32), "position": np.array([[5, 0]], np.int32),
           "patch": np.zeros((1, 3, 4, 4), np.float32)}  # fmt: skip
    crop = {"graph": "crop", "inputs": {"image": "image", "position": "position"}, "outputs": {"patch": "patch"}}
    assert kind("run", far, calls=[crop]) == "failed"
    assert len(client.all("steps", {"image": IMAGES[0]}, threshold=0)) == 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "protocol"),
        (b"\x05\0\0\0\0\0\0\0[1,2]", "protocol"),
        (frame({"gfnet": "2", "id": "7", "verb": "hello"}, {}), "version"),
        (frame({"id": "7", "verb": "hello"}, {}), "version"),
        (frame({"gfnet": "1", "id": "7", "verb": "hello", "arguments": "{"}, {}), "protocol"),
        (frame({"gfnet": "1", "id": "i" * 65, "verb": "hello"}, {}), "protocol"),
        (b"\x00\x00\x10\x00\x00\x00\x00\x01", "protocol"),
        (frame({"gfnet": "1"}, {"x": np.zeros(4, np.float32)}).replace(b"[0, 16]", b"[0, 12]"), "protocol"),
        (frame({"gfnet": "1"}, {"x": np.zeros(4, np.float32)}).replace(b'"F32"', b'"F64"'), "protocol"),
    ],
)
def test_what_is_no_frame_is_refused_and_the_connection_closed(client, content, kind):
    client.send(content)
    with pytest.raises(Refused) as refused:
        client.read()
    assert refused.value.kind == kind
    with pytest.raises(Gone):
        client.read()


def test_a_second_client_is_told_that_the_server_is_busy(server, client):
    client.ask("hello")
    with Client(server.port) as second:
        with pytest.raises(Refused) as refused:
            second.read()
        assert refused.value.kind == "busy"
        with pytest.raises(Gone):
            second.read()
    client.ask("hello")


def test_goodbye_frees_the_server_for_the_next(server, client):
    client.ask("bye")
    with pytest.raises(Gone):
        client.read()
    with Client(server.port) as following:
        following.ask("hello")


def test_what_was_loaded_stays_for_the_next_client(server, client):
    client.ask("load", bundle="static.gfnet")
    client.ask("run", {"kept": np.arange(3, dtype=np.float32)})
    client.close()
    with Client(server.port) as following:
        assert following.ask("run", **{"return": ["kept"]}).tensors["kept"].tolist() == [0, 1, 2]


def test_a_measurement_is_cut_off_anywhere_and_goes_on(server, client):
    client.ask("load", bundle="recurrent.gfnet")
    wanted = {"run": "cut-off", "rounds": 20, "warmup": 1}
    client.ask("bench", run="cut-off", drop=True)
    held = []
    for quota in (0, 1, 25, 30):
        with_id = {"gfnet": "1", "id": "b", "verb": "bench", "arguments": json.dumps({**wanted, "have": len(held)})}
        client.send(frame(with_id, {}))
        plan = client.read().result
        assert plan["samples"] == 20 * 7 + 5 and plan["kept"] >= len(held)
        for _ in range(quota):
            held += client.read().result["samples"]
        client.close()
        client = Client(server.port)
        while True:
            try:
                client.ask("hello")
                break
            except (Refused, Gone):  # the server has not noticed yet
                client = Client(server.port)
    rest = client.all("bench", **wanted, have=len(held))
    assert rest[-1].result["done"]
    held += [one for answer in rest[1:-1] for one in answer.result["samples"]]
    assert [one["index"] for one in held] == list(range(145))
    stretches = rest[-1].result["conditions"]
    assert stretches[0]["first"] == 0 and len({one["first"] for one in stretches}) == len(stretches)
    again = client.all("bench", **wanted, have=100)
    assert [one["index"] for answer in again[1:-1] for one in answer.result["samples"]] == list(range(100, 145))
    with pytest.raises(Refused, match="another measurement"):
        client.ask("bench", **{**wanted, "rounds": 21})
    with pytest.raises(Refused, match="the device has 145"):
        client.ask("bench", **wanted, have=146)
    client.close()


def test_a_server_killed_in_a_measurement_has_kept_its_samples(program, folders):
    bundles, results = folders
    with serving(bundles, results, program) as served, Client(served.port) as client:
        client.ask("load", bundle="recurrent.gfnet")
        arguments = json.dumps({"run": "killed", "rounds": 10_000, "warmup": 0})
        client.send(frame({"gfnet": "1", "id": "b", "verb": "bench", "arguments": arguments}, {}))
        client.read()
        seen = [client.read().result["samples"][0] for _ in range(50)]
        served.process.kill()
        served.process.wait()
    kept = [json.loads(line) for line in (results / "killed.jsonl").read_bytes().split(b"\n")[:-1]]
    samples = [one for one in kept if "index" in one]
    assert samples[:50] == seen and [one["index"] for one in samples] == list(range(len(samples)))


def test_a_port_in_use_is_one_line(server, program, folders):
    command = [*program, "serve", "--bundles", str(folders[0]), "--results", "x", "--port", str(server.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr == f"error: port {server.port}: Address already in use; choose another with --port\n"


def test_the_server_listens_on_loopback_only(server):
    addresses = {one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in (one for one in addresses if not one.startswith("127.")):
        with pytest.raises(OSError):
            socket.create_connection((address, server.port), timeout=5)
    listening = Path("/proc/net/tcp").read_text().splitlines()
    assert any(f"0100007F:{server.port:04X}" in line for line in listening)


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_mutated_manifest_is_taken_by_both_hosts_or_by_none(server, folders, data):
    source, folder = folders[0] / "recurrent.gfnet", folders[0] / "changed.gfnet"
    if not folder.exists():
        shutil.copytree(source, folder)
    text = json.dumps(mutated(json.loads((source / "manifest.json").read_text()), data))
    (folder / "manifest.json").write_text(text)
    try:
        bundle = open_bundle(folder)
        Session(bundle, "executorch").close()
        wrong = None
    except UserError as error:
        wrong = str(error)
    with Client(server.port) as client:
        try:
            client.ask("load", bundle="changed.gfnet")
            refusal = None
        except Refused as error:
            assert error.kind == "input"
            refusal = error.message
    assert (wrong is None) == (refusal is None), (wrong, refusal)
