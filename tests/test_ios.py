"""iPhones over USB: real ``iproxy`` and ``idevice_id``, a stand-in for usbmuxd, and behind it the Swift package's
server, as the bench app has it. Found, checked, measured, and unplugged at any moment."""

import json
import os
import random
import re
import shutil
import subprocess
import threading
from contextlib import suppress

import native_bundles
import programs
import pytest
from lab import swift
from refusals import refused_on
from runner_server import in_swift

from gfnet_mobile.cli.app import main
from gfnet_mobile.devices import opened, session_on
from gfnet_mobile.devices.bundle_files import folder_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.journal import Journal
from gfnet_mobile.measure.remote_bench import remote_bench
from gfnet_mobile.measure.results import Result
from gfnet_mobile.measure.verify import verify_session
from gfnet_mobile.runtimes.remote import greet

DISCONNECTS = int(os.environ.get("DISCONNECTS", "3"))
"""of each kind; ``make stress`` asks for 200"""


@pytest.fixture(scope="module", autouse=True)
def server():
    return swift.build()


@pytest.fixture
def bundle():
    return native_bundles.conformance()["recurrent"]


@pytest.fixture
def phone(iphones):
    iphones.add_tool("ios")
    return iphones.add_phone(in_swift())


def proxies():
    """How many `iproxy` this process has begun and not ended."""
    listed = subprocess.run(["ps", "-o", "comm=", "--ppid", str(os.getpid())], capture_output=True, text=True).stdout
    return listed.split().count("iproxy")


def check_clean(phone):
    assert not phone.runs_app() and proxies() == 0


def test_every_kind_of_program_verifies_on_a_phone(phone):
    for bundle in native_bundles.conformance().values():
        with session_on("ios", bundle) as session:
            report = verify_session(session)
        assert report.rows and all(row.ok for row in report.rows)
        assert report.agreements[0].labels == report.agreements[0].steps == programs.IMAGES
    check_clean(phone)


def test_the_commands_find_the_only_phone(phone, bundle, picture, capfd):
    assert main(["devices"]) == 0
    assert re.search(rf"{phone.name} +iPhone15,3, iOS 17.4.1 +ready", capfd.readouterr().out)
    assert main(["verify", str(bundle.folder), "--device", "ios"]) == 0
    assert "executorch: whole loop: same label for 4 of 4 images" in capfd.readouterr().out
    assert main(["run", str(bundle.folder), str(picture), "--device", phone.name, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["steps"]
    check_clean(phone)


def test_a_result_says_where_it_was_taken(phone, bundle, tmp_path, capfd):
    phone.set(battery=64, celsius=28.5)
    options = ["--device", "ios", "--rounds", "2", "--compute-units", "cpu", "--output", str(tmp_path / "r.jsonl")]
    assert main(["bench", str(bundle.folder), *options]) == 0
    result = Result.model_validate_json((tmp_path / "r.jsonl").read_text().splitlines()[0])
    assert (result.device.model, result.device.soc, result.device.os) == ("iPhone15,3", "t8120", "iOS 17.4.1 (21E236)")
    assert (result.start.battery_percent, result.start.battery_celsius) == (64, 28.5)
    assert result.compute_units == "cpu" and result.invalid is None
    assert " cpu " in capfd.readouterr().out


def test_units_that_the_phone_does_not_have_are_refused_before_anything_is_measured(phone, bundle, tmp_path, capfd):
    options = ["--device", "ios", "--compute-units", "cpu,ne", "--output", str(tmp_path / "r")]
    assert main(["bench", str(bundle.folder), *options]) == 2
    assert f"{phone.name}: computes on cpu, not on cpu_and_ne" in capfd.readouterr().err
    assert not os.listdir(tmp_path)


def test_the_app_says_how_warm_the_phone_is_before_it_measures(phone, bundle):
    with opened("ios", [bundle]) as device, device.connect() as connection:
        conditions = device.conditions().beside(greet(connection).conditions)
    assert conditions.peak_memory_bytes > 0 and conditions.battery_percent == 80


def test_only_what_has_changed_is_copied(phone, bundle):
    with opened("ios", [bundle]) as device:
        there = phone.documents / "bundles" / folder_of(bundle)
        assert (there / "manifest.json").read_bytes() == (bundle.folder / "manifest.json").read_bytes()
        assert device.copy(bundle, "executorch") == []
        manifest = json.loads((there / "manifest.json").read_text())
        focus = bundle.target("executorch").graphs["focus"].path
        manifest["files"][focus]["sha256"] = "0" * 64  # what another export would have left there
        (there / "manifest.json").write_text(json.dumps(manifest))
        (there / focus).write_bytes(b"another")
        assert sorted(device.copy(bundle, "executorch")) == [
            f"bundles/{folder_of(bundle)}/{focus}", f"bundles/{folder_of(bundle)}/manifest.json"
        ]  # fmt: skip
        assert (there / focus).read_bytes() == (bundle.folder / focus).read_bytes()
        (there / "manifest.json").write_text('{"files": {')  # cut off in the middle
        assert len(device.copy(bundle, "executorch")) == len(list(file for file in there.rglob("*") if file.is_file()))


def test_a_copy_that_was_cut_off_is_no_bundle_to_the_phone(phone, bundle):
    with opened("ios", [bundle]) as device:
        (phone.documents / "bundles" / folder_of(bundle) / "manifest.json").unlink()
        with device.connect() as connection:
            assert connection.ask("hello").result["bundles"] == {}


def pull_cable(phone):
    phone.pull()
    phone.plug_in()


def end_app(phone):
    phone.end_app()


@pytest.mark.parametrize("happens", [pull_cable, end_app])
def test_what_happens_in_the_middle_costs_no_sample_and_repeats_none(phone, bundle, tmp_path, happens):
    moments, lost, number = random.Random(happens.__name__), 0, 0
    while lost < DISCONNECTS:
        number += 1
        lost += measured_all_the_same(phone, bundle, tmp_path / f"{number}", happens, moments)
    with opened("ios", [bundle]):  # and so ends what the last command could not
        pass
    check_clean(phone)


def measured_all_the_same(phone, bundle, path, happens, moments):
    """One measurement of 1,006 samples, during which it happens again and again. Gives how many connections it cost."""
    came, done, lost = threading.Event(), threading.Event(), 0

    def interrupt():
        while came.wait() and not done.wait(moments.uniform(0.0, 0.1)):
            came.clear()
            happens(phone)

    def progress(line):
        nonlocal lost
        if line.endswith(" samples"):
            came.set()
        lost += line.endswith(" samples, trying again")

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        for _ in range(100):  # commands: one that gives up is typed again
            with suppress(UserError):
                with opened("ios", [bundle]) as device, Journal(path) as journal:
                    remote_bench(device, [bundle], journal, rounds=143, warmup=1, progress=progress)
                break
    finally:
        done.set()
        came.set()
        interrupting.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    samples = [sample for line in lines if "samples" in line and "plan" not in line for sample in line["samples"]]
    assert [sample["index"] for sample in samples] == list(range(7 * 143 + 5))
    assert len({line["run"] for line in lines if "run" in line}) == 1
    return lost


def test_what_was_measured_before_the_cable_was_pulled_for_good_is_kept(phone, bundle, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("gfnet_mobile.measure.remote_bench.WAITS_S", (0.1,))
    output = tmp_path / "r.jsonl"
    options = ["bench", str(bundle.folder), "--device", phone.name, "--rounds", "50", "--output", str(output)]
    journal = output.with_name("r.jsonl.journal")
    pulled = threading.Thread(target=lambda: pull_once_begun(phone, journal))
    pulled.start()
    assert main(options) == 2
    pulled.join()
    assert re.search(
        rf"{phone.name} is not plugged in: see its cable; \d+ samples of this run are kept", capfd.readouterr().err
    )
    kept = journal.read_bytes()
    phone.plug_in()
    assert main([*options, "--resume"]) == 0
    (one,) = [Result.model_validate_json(line) for line in output.read_text().splitlines() if "end_to_end:2" in line]
    assert one.summary.n == 50 and kept.count(b'"index"') > 0
    check_clean(phone)


def pull_once_begun(phone, journal):
    while not (journal.exists() and b'"index"' in journal.read_bytes()):
        pass
    phone.pull()


def test_a_phone_that_serves_another_client_is_left_to_it(phone, bundle, capfd):
    with session_on(phone.name, bundle) as session:
        assert main(["verify", str(bundle.folder), "--device", phone.name]) == 2
        assert "another client" in capfd.readouterr().err
        assert verify_session(session).rows
    check_clean(phone)


def test_an_app_that_a_killed_command_left_behind_is_used_and_ended(phone, bundle):
    left = opened(phone.name, [bundle])
    left.__enter__()._tunnel.close()  # and it is never left
    assert phone.runs_app()
    assert main(["verify", str(bundle.folder), "--device", phone.name]) == 0
    check_clean(phone)


@pytest.mark.parametrize("manner", ["garbage", "refuse"])
def test_a_usbmuxd_that_behaves_badly_ends_in_one_line(iphones, phone, bundle, capfd, manner, monkeypatch):
    monkeypatch.setattr("gfnet_mobile.devices.ios.START_S", 1.0)
    iphones.usbmuxd.manner = manner
    line = refused(bundle, capfd)
    assert ("no iPhone is plugged in" if manner == "garbage" else "the app does not answer") in line
    check_clean(phone)


def refused(bundle, capfd, device="ios"):
    return refused_on(device, bundle, capfd)


def test_a_bundle_that_the_app_cannot_run_is_told_how_to_be_exported(recurrent_bundle, phone, capfd):
    assert "runs executorch; " in (line := refused(recurrent_bundle, capfd))
    assert "has onnx only: gfnet-mobile export … --target executorch" in line
    check_clean(phone)


def test_an_altered_graph_is_not_copied(phone, bundle, capfd, tmp_path):
    folder = shutil.copytree(bundle.folder, tmp_path / "altered.gfnet")
    with (folder / bundle.target("executorch").graphs["focus"].path).open("ab") as file:
        file.write(b"x")
    assert main(["verify", str(folder), "--device", "ios"]) == 2
    assert "is not the file that was exported" in capfd.readouterr().err
    assert not list((phone.documents / "bundles").iterdir())
