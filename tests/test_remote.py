"""A device as a runtime: the same loop gives the same bits, and only what must crosses the wire."""

import shutil

import numpy as np
import programs
import pytest
from served import served

from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.devices import session_on
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.verify import verify, verify_session
from gfnet_mobile.runtimes.remote import RemoteRuntime
from gfnet_mobile.wire import Refused, connect

IMAGES = [from_pixels(pixels) for pixels in programs.golden_images()]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """One of each kind of program."""
    folder = tmp_path_factory.mktemp("served")
    return {name: programs.make_bundle(folder / f"{name}.gfnet", make()) for name, make in programs.ALL.items()}


@pytest.fixture(scope="module")
def port(bundles, tmp_path_factory):
    folder = next(iter(bundles.values())).folder.parent
    with served(folder, tmp_path_factory.mktemp("results")) as (port, _):
        yield port


@pytest.fixture(params=programs.ALL)
def bundle(bundles, request):
    return bundles[request.param]


@pytest.fixture
def connection(port):
    with connect("127.0.0.1", port, "tcp:test") as connection:
        yield connection


def test_steps_over_the_wire_are_those_of_this_machine(bundle, port):
    with Session(bundle) as here, session_on(f"tcp:127.0.0.1:{port}", bundle) as there:
        for image in (*IMAGES, IMAGES[0]):
            for expected, found in zip(here.steps(image), there.steps(image), strict=True):
                np.testing.assert_array_equal(found.logits, expected.logits)
                assert (found.position, found.label) == (expected.position, expected.label)
                for name in bundle.manifest.registers:
                    np.testing.assert_array_equal(there.register(name), here.register(name))
        here.reset()
        there.reset()
        np.testing.assert_array_equal(there.classify(IMAGES[1]).logits, here.classify(IMAGES[1]).logits)


def test_it_verifies_over_the_wire(bundle, port):
    with session_on(f"tcp:127.0.0.1:{port}", bundle) as session:
        report = verify_session(session)
    assert report == verify(bundle, ["onnx"])


def test_a_step_is_one_round_trip_and_no_image_crosses_twice(bundles, port):
    image = IMAGES[0].image.nbytes
    with session_on(f"tcp:127.0.0.1:{port}", bundles["recurrent"]) as session:
        trips = []
        prepared = session.prepare(IMAGES[0])
        assert session.runtime.last.sent > image and not session.runtime.last.device_ms
        list(session.steps(prepared))  # registers get their zeros
        session.prepare(IMAGES[0])
        for _ in session.steps(prepared):
            trips.append(session.runtime.last)
    graphs = [[graph for graph, _ in trip.device_ms] for trip in trips]
    assert graphs == [["glance", "exit"], ["policy", "focus", "exit"], ["policy", "focus", "exit"]]
    assert all(milliseconds > 0 for trip in trips for _, milliseconds in trip.device_ms)
    without = [trip.sent - len(str(graphs)) for trip in trips]  # names of graphs and registers, no tensor
    assert max(without) < 1000 and max(trip.received for trip in trips) < 500


def test_a_call_reads_what_its_buffers_held_when_it_was_made(bundles, connection):
    runtime = RemoteRuntime(connection, bundles["recurrent"])
    patch, state = np.zeros((1, 3, 4, 4), np.float32), np.zeros((1, 3, 2, 2), np.float32)
    feature, first = np.zeros((1, 4), np.float32), np.zeros((1, 3, 2, 2), np.float32)
    one = runtime.bind("focus", {"patch": patch}, {"feature": feature, "state": first})
    two = runtime.bind("focus", {"patch": patch}, {"feature": feature, "state": state})
    patch.fill(1)
    runtime.wrote(patch)
    one()
    patch.fill(2)
    runtime.wrote(patch)
    two()
    patch.fill(3)  # not said: no call may see it
    runtime.read(first, state)
    assert (first == 1).all() and (state == 2).all()
    patch.fill(0)
    runtime.wrote(patch)  # as zeros, which cross as their name
    two()
    runtime.read(state)
    assert not state.any() and runtime.last.sent < 500


def test_the_server_refuses_wrong_calls_and_goes_on(bundles, connection):
    runtime = RemoteRuntime(connection, bundles["recurrent"])
    small, feature = np.zeros((1, 3, 3, 3), np.float32), np.zeros((1, 4), np.float32)
    state = np.zeros((1, 3, 2, 2), np.float32)
    runtime.bind("focus", {"patch": small}, {"feature": feature, "state": state})()
    with pytest.raises(Refused, match="graph 'focus': 'patch' is float32"):
        runtime.read(state)
    patch = np.ones((1, 3, 4, 4), np.float32)
    runtime.bind("focus", {"patch": patch}, {"feature": feature, "state": state})()
    runtime.read(state)
    assert (state == 1).all()


def test_a_bundle_that_the_server_does_not_have_says_how_it_gets_there(tmp_path, port):
    body = "flat = Flatten (image) product = MatMul (flat, W0) logits = Tanh (product)"
    graphs = (programs.Graph("net", "float[1,3,8,8] image", "float[1,5] logits", body, ((192, 5),)),)
    program = programs.static()
    bundle = programs.make_bundle(tmp_path / "b.gfnet", programs.Program(graphs, program.registers, program.steps))
    with pytest.raises(UserError, match=r"has no such bundle .*copy .*b.gfnet into its --bundles"):
        session_on(f"tcp:127.0.0.1:{port}", bundle).__enter__()


def test_a_bundle_without_the_servers_target_says_how_to_export_it(bundles, tmp_path, port):
    folder = shutil.copytree(bundles["static"].folder, tmp_path / "b.gfnet")
    manifest = bundles["static"].manifest.model_dump()
    manifest["targets"]["litert"] = manifest["targets"].pop("onnx")
    write_manifest(folder, manifest)
    with pytest.raises(UserError, match=r"runs onnx; .* has litert only: gfnet-mobile export .* --target onnx"):
        session_on(f"tcp:127.0.0.1:{port}", open_bundle(folder)).__enter__()


def test_a_second_client_is_told_that_the_first_is_served(bundles, port, connection):
    connection.ask("hello")
    with pytest.raises(UserError, match="another client is being served"):
        session_on(f"tcp:127.0.0.1:{port}", bundles["static"]).__enter__()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tcp:127.0.0.1", "must be tcp:HOST:PORT"),
        ("tcp:127.0.0.1:99999", "must be tcp:HOST:PORT"),
        ("amiga:1", "no such kind of device; there are android, ios, tcp"),
    ],
)
def test_a_device_that_cannot_be_one_is_refused(bundles, name, message):
    with pytest.raises(UserError, match=message):
        session_on(name, bundles["static"]).__enter__()
