"""Android, over a real adb and a real adbd: pushed, measured, interrupted at any moment, and left clean."""

import json
import os
import random
import re
import shutil
import subprocess
import threading
from contextlib import suppress

import native
import native_bundles
import programs
import pytest
from lab import phone
from refusals import refused_on

from gfnet_mobile.cli.app import main
from gfnet_mobile.devices import opened, session_on
from gfnet_mobile.devices.android_adb import chosen, client
from gfnet_mobile.devices.android_push import FOLDER, push, runner_files
from gfnet_mobile.devices.bundle_files import bundle_files, folder_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.journal import Journal
from gfnet_mobile.measure.remote_bench import remote_bench
from gfnet_mobile.measure.results import Result
from gfnet_mobile.measure.verify import verify_session

DISCONNECTS = int(os.environ.get("DISCONNECTS", "3"))
"""of each kind; ``make stress`` asks for 50"""
SYSTEM = re.compile(r"lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+)\.so|ld-linux|linux-vdso")
"""libraries that the laboratory's phones have"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """The runner for x86-64 as it is built for a desktop, with its libraries beside it."""
    program = native.build() / "gfnet-runner"
    folder = tmp_path_factory.mktemp("runner")
    shutil.copy(program, folder)
    needed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for name, path in re.findall(r"(\S+) => (/\S+)", needed):
        if not SYSTEM.search(name):
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture(autouse=True)
def own_runner(runner, monkeypatch):
    monkeypatch.setenv("GFNET_RUNNER", str(runner))


@pytest.fixture
def bundle():
    return native_bundles.conformance()["recurrent"]


def name(a_phone):
    return f"android:{a_phone.serial}"


def check_clean(android, a_phone):
    """Nothing runs and nothing is forwarded; only files that spare the next push are there."""
    assert "gfnet-runner" not in a_phone.shell("ps")
    assert android.server.adb("forward", "--list").stdout.strip() == ""
    assert not re.search(r"server\.|\.part", a_phone.shell(f"find {FOLDER} 2>/dev/null || true"))


def test_every_kind_of_program_verifies_on_a_phone(android):
    a_phone = android.add_phone()
    for bundle in native_bundles.conformance().values():
        with session_on(name(a_phone), bundle) as session:
            report = verify_session(session)
        assert report.rows and all(row.ok for row in report.rows)
        assert report.agreements[0].labels == report.agreements[0].steps == programs.IMAGES
    check_clean(android, a_phone)


def test_the_commands_find_the_only_phone(android, bundle, picture, capfd):
    android.add_phone()
    assert main(["devices"]) == 0
    assert re.search(r"android:\S+ +Lab Lab Phone, Android 15, x86_64 +ready", capfd.readouterr().out)
    assert main(["verify", str(bundle.folder), "--device", "android"]) == 0
    assert "executorch, executorch: whole loop: same label for 4 of 4 images" in capfd.readouterr().out
    assert main(["run", str(bundle.folder), str(picture), "--device", "android", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["steps"]
    assert main(["run", str(bundle.folder), str(picture), "--device", "android"]) == 0
    assert "over the wire: " in capfd.readouterr().out


def test_only_what_has_changed_is_pushed(android, bundle, runner):
    a_phone = android.add_phone()
    device = chosen(client(), a_phone.serial)
    files = runner_files(runner) | bundle_files(bundle, "executorch")
    assert sorted(push(device, files)) == sorted(files)
    assert push(device, files) == []
    focus = f"bundles/{folder_of(bundle)}/{bundle.target('executorch').graphs['focus'].path}"
    a_phone.shell(f"echo another version >> {FOLDER}/runner/gfnet-runner; rm {FOLDER}/{focus}")
    a_phone.shell(f"echo cut off > {FOLDER}/runner/gfnet-runner.part")
    assert sorted(push(device, files)) == sorted(["runner/gfnet-runner", focus])
    assert ".part" not in a_phone.shell(f"find {FOLDER}")


def test_a_result_says_where_it_was_taken(android, bundle, tmp_path):
    a_phone = android.add_phone()
    a_phone.set_battery(level=64, celsius=28.5)
    a_phone.set_thermal(1)
    options = ["--device", name(a_phone), "--rounds", "2", "--output", str(tmp_path / "r.jsonl")]
    assert main(["bench", str(bundle.folder), *options]) == 0
    result = Result.model_validate_json((tmp_path / "r.jsonl").read_text().splitlines()[0])
    device, start = result.device, result.start
    assert (device.model, device.soc, device.abi) == ("Lab Lab Phone", "LAB1", "x86_64")
    assert device.os.startswith("Android 15 (") and device.cores > 0
    assert (start.battery_percent, start.battery_celsius, start.thermal) == (64, 28.5, "light")
    assert result.invalid is None and result.end.peak_memory_bytes > 0
    check_clean(android, a_phone)


def test_a_hot_phone_is_measured_and_does_not_count(android, bundle, tmp_path, capfd):
    a_phone = android.add_phone()
    a_phone.set_thermal(3)
    options = ["--device", name(a_phone), "--rounds", "1", "--cooldown", "0", "--output", str(tmp_path / "r.jsonl")]
    assert main(["bench", str(bundle.folder), *options]) == 0
    assert "does not count: thermal state severe" in capfd.readouterr().out
    results = [Result.model_validate_json(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert all(result.invalid for result in results)


# Each gives whether it happened.


def pull_cable(android, a_phone):
    a_phone.pull_cable()
    a_phone.plug_in()
    return True


def kill_adbd(android, a_phone):
    a_phone.kill_adbd()
    a_phone.connect()
    return True


def kill_server(android, a_phone):
    return "killed" in a_phone.shell(f"kill -KILL $(cat {FOLDER}/server.pid) 2>/dev/null && echo killed || true")


def kill_adb(android, a_phone):
    android.server.kill()
    a_phone.connect()
    return True


@pytest.mark.parametrize("happens", [pull_cable, kill_adbd, kill_server, kill_adb])
def test_what_happens_in_the_middle_costs_no_sample_and_repeats_none(android, bundle, tmp_path, happens):
    a_phone, moments = android.add_phone(), random.Random(happens.__name__)
    happened = number = 0
    while happened < DISCONNECTS:
        number += 1
        happened += measured_all_the_same(android, a_phone, bundle, tmp_path / f"{number}", happens, moments)
    check_clean(android, a_phone)


def measured_all_the_same(android, a_phone, bundle, path, happens, moments):
    """One measurement of 1,006 samples, during which it happens again and again. Gives how often it did."""
    begun, done, count = threading.Event(), threading.Event(), 0

    def interrupt():
        nonlocal count
        begun.wait()
        while not done.wait(moments.uniform(0.0, 0.5)):
            count += happens(android, a_phone)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        for _ in range(100):  # commands: one that gives up is typed again
            with suppress(UserError):
                with opened(name(a_phone), [bundle]) as device, Journal(path) as journal:
                    remote_bench(device, [bundle], journal, rounds=143, warmup=1, progress=lambda line: begun.set())
                break
    finally:
        begun.set()
        done.set()
        interrupting.join()
        a_phone.plug_in()  # a cable ends with the thread that plugged it in
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    samples = [sample for line in lines if "samples" in line and "plan" not in line for sample in line["samples"]]
    assert [sample["index"] for sample in samples] == list(range(7 * 143 + 5))
    assert len({line["run"] for line in lines if "run" in line}) == 1
    with opened(name(a_phone), [bundle]):  # and so ends what the last command could not
        pass
    return count


def test_a_phone_that_serves_another_client_is_left_to_it(android, bundle, capfd):
    a_phone = android.add_phone()
    with session_on(name(a_phone), bundle) as session:
        assert main(["verify", str(bundle.folder), "--device", name(a_phone)]) == 2
        assert "another client" in capfd.readouterr().err
        assert verify_session(session).rows
    check_clean(android, a_phone)


def test_what_a_killed_command_left_behind_is_tidied_up_by_the_next(android, bundle, capfd):
    a_phone = android.add_phone()
    device = opened(name(a_phone), [bundle]).__enter__()  # and never left
    device.connect().close()
    assert "gfnet-runner" in a_phone.shell("ps") and android.server.adb("forward", "--list").stdout.strip()
    assert main(["verify", str(bundle.folder), "--device", name(a_phone)]) == 0
    check_clean(android, a_phone)


def test_only_the_server_is_stopped_whatever_has_its_number_now(android, bundle):
    """The number of a server that ran before the phone was started again may be another process's."""
    a_phone = android.add_phone()
    a_phone.shell(f"mkdir -p {FOLDER}; setsid sleep 1000 >/dev/null 2>&1 & echo $! > {FOLDER}/server.pid")
    assert main(["verify", str(bundle.folder), "--device", name(a_phone)]) == 0
    assert "sleep 1000" in a_phone.shell("ps")
    check_clean(android, a_phone)


def test_everything_can_be_removed(android, bundle, capfd):
    a_phone = android.add_phone()
    assert main(["verify", str(bundle.folder), "--device", name(a_phone)]) == 0
    assert main(["devices", "--clean", name(a_phone)]) == 0
    assert "nothing of gfnet-mobile is left" in capfd.readouterr().out
    assert a_phone.shell("ls /data/local/tmp") == ""


def refused(bundle, capfd, device="android"):
    return refused_on(device, bundle, capfd)


def test_without_a_phone_it_says_how_to_plug_one_in(android, bundle, capfd):
    android.server.adb("start-server")
    assert "no Android device is plugged in; see that USB debugging is on" in refused(bundle, capfd)
    assert "no device android:R58M is plugged in" in refused(bundle, capfd, "android:R58M")


def test_of_two_phones_one_must_be_chosen(android, bundle, capfd):
    first, second = android.add_phone(), android.add_phone()
    line = refused(bundle, capfd)
    assert "choose one: --device" in line and name(first) in line and name(second) in line
    assert main(["verify", str(bundle.folder), "--device", name(second)]) == 0


@pytest.mark.parametrize(
    ("manner", "state", "message"),
    [("locked", "unauthorized", "unlock it and allow USB debugging"), ("silent", "offline", "unplug it")],
)
def test_a_phone_that_does_not_answer_says_what_to_do(android, bundle, capfd, manner, state, message):
    a_phone = android.add_phone()
    a_phone.plug_in(manner)
    phone.wait_until(lambda: a_phone.state() == state, f"never {state}")
    assert re.search(rf"android:\S+ is {state}: {message}", refused(bundle, capfd))


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"ro.product.cpu.abilist": "armeabi-v7a,armeabi"}, "instruction set armeabi-v7a, armeabi, not arm64-v8a or"),
        ({"ro.build.version.sdk": "24", "ro.build.version.release": "7.0"}, "has Android 7.0; the runner needs"),
    ],
)
def test_a_phone_that_cannot_run_it_is_told_apart(android, bundle, capfd, properties, message):
    a_phone = android.add_phone()
    for key, value in properties.items():
        a_phone.set_property(key, value)
    assert message in refused(bundle, capfd)
    assert a_phone.shell("ls /data/local/tmp") == ""


def test_too_little_space_is_seen_before_anything_is_pushed(android, bundle, capfd):
    a_phone = android.add_phone()
    a_phone.set_space(20 << 20)
    assert re.search(r"too little space on it: \d+ MiB are needed, \d+ are free", refused(bundle, capfd))
    assert a_phone.shell("ls /data/local/tmp") == ""


def test_without_a_runner_it_says_how_to_build_one(android, bundle, capfd, monkeypatch, tmp_path):
    android.add_phone()
    monkeypatch.setenv("GFNET_RUNNER", str(tmp_path))
    assert f"GFNET_RUNNER={tmp_path}: no gfnet-runner" in refused(bundle, capfd)
    monkeypatch.delenv("GFNET_RUNNER")
    monkeypatch.setattr("android_bench.BUILT", tmp_path)
    assert "no runner for x86_64 was built: gfnet-mobile android build --ndk PATH" in refused(bundle, capfd)


def test_a_runner_that_does_not_start_says_why(android, bundle, capfd, monkeypatch, tmp_path):
    a_phone = android.add_phone()
    (tmp_path / "gfnet-runner").write_text("#!/bin/sh\necho no such instruction >&2; exit 1\n")
    monkeypatch.setenv("GFNET_RUNNER", str(tmp_path))
    assert "the runner does not start there: no such instruction" in refused(bundle, capfd)
    check_clean(android, a_phone)


def test_a_script_starts_what_needs_a_loader_of_its_own(android, bundle, monkeypatch, runner, tmp_path):
    android.add_phone()
    folder = shutil.copytree(runner, tmp_path / "runner")
    (folder / "gfnet-runner").rename(folder / "program")
    (folder / "start").write_text('exec ./program "$@"\n')
    monkeypatch.setenv("GFNET_RUNNER", str(folder))
    assert main(["verify", str(bundle.folder), "--device", "android"]) == 0


def test_an_altered_graph_is_not_pushed(android, bundle, capfd, tmp_path):
    a_phone = android.add_phone()
    folder = shutil.copytree(bundle.folder, tmp_path / "altered.gfnet")
    with (folder / bundle.target("executorch").graphs["focus"].path).open("ab") as file:
        file.write(b"x")
    assert main(["verify", str(folder), "--device", "android"]) == 2
    assert "is not the file that was exported" in capfd.readouterr().err
    assert a_phone.shell("ls /data/local/tmp") == ""


def test_a_bundle_without_executorch_says_how_to_export_it(recurrent_bundle, android, capfd):
    android.add_phone()
    assert "has onnx only: gfnet-mobile export … --target executorch" in refused(recurrent_bundle, capfd)
