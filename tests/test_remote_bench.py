"""A benchmark on a device goes on after any interruption, measures nothing twice, and says what does not count."""

import json
import os
import shutil
from dataclasses import dataclass, replace

import programs
import pytest
from served import served

from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.cli.app import main
from gfnet_mobile.devices.tcp import Tcp
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure import remote_bench as module
from gfnet_mobile.measure.device_table import EXPECTED, lines
from gfnet_mobile.measure.journal import Journal
from gfnet_mobile.measure.remote_bench import remote_bench
from gfnet_mobile.measure.results import Conditions, Result, summarise
from gfnet_mobile.published.paper import MOBILENETV3

ROUNDS = 4
SAMPLES = 7 * ROUNDS + 5
"""four graphs and three ends in a round, and cold loads"""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(module, "WAITS_S", (0.2, 0.5))
    monkeypatch.setattr(module, "COOL_POLL_S", 0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def bundle(folder):
    """Its rule says which share leaves where."""
    bundle = programs.make_bundle(folder / "tiny.gfnet", programs.recurrent())
    manifest = bundle.manifest.model_dump()
    manifest["rules"]["default"]["calibration"] = {"data": "a test", "leaves": (0.5, 0.25, 0.25)}
    write_manifest(bundle.folder, manifest)
    return open_bundle(bundle.folder)


@pytest.fixture(scope="module")
def static(folder):
    return programs.make_bundle(folder / "static.gfnet", programs.static())


@pytest.fixture(scope="module")
def port(bundle, static, folder, tmp_path_factory):
    with served(folder, tmp_path_factory.mktemp("results")) as (port, _):
        yield port


@pytest.fixture(scope="module")
def choosing(bundle, static, folder, tmp_path_factory):
    """A device that can compute on several units."""
    with served(folder, tmp_path_factory.mktemp("results"), "--units", "all,cpu,cpu_and_ne") as (port, _):
        yield Tcp("tcp:test", "127.0.0.1", port)


@pytest.fixture
def device(port):
    return Tcp(f"tcp:127.0.0.1:{port}", "127.0.0.1", port)


@dataclass(frozen=True)
class Phone(Tcp):
    """A device that says how warm it is, from a list, the last again and again."""

    states: tuple = ()

    def conditions(self):
        if len(self.states) > 1:
            first, *rest = self.states
            object.__setattr__(self, "states", tuple(rest))
            return first
        return self.states[0]


def measure(device, bundle, path, **options):
    with Journal(path) as journal:
        return remote_bench(device, [bundle], journal, rounds=ROUNDS, warmup=1, **options)


def indices(path):
    """Of all samples in a journal, run by run."""
    found = {}
    for line in map(json.loads, path.read_text().splitlines()):
        if "samples" in line and "plan" not in line:
            found.setdefault(line["run"], []).extend(sample["index"] for sample in line["samples"])
    return list(found.values())


def test_a_device_measures_what_this_machine_measures(device, bundle, tmp_path):
    results = measure(device, bundle, tmp_path / "j")
    assert [result.what for result in results] == [
        "graph:glance", "graph:exit", "graph:policy", "graph:focus",
        "end_to_end:0", "end_to_end:1", "end_to_end:2", "cold_load",
    ]  # fmt: skip
    for result in results:
        assert result.summary.n == len(result.samples_ms) == (5 if result.what == "cold_load" else ROUNDS)
        assert (result.bundle_id, result.target, result.threads) == (bundle.manifest.bundle_id, "onnx", 1)
        assert result.invalid is None and result.start.thermal == "none" and result.device.abi == "x86_64"
    assert indices(tmp_path / "j") == [list(range(SAMPLES))]


def test_a_finished_measurement_is_not_made_again(device, bundle, tmp_path):
    first = measure(device, bundle, tmp_path / "j")
    assert measure(device, bundle, tmp_path / "j") == first


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 9, 30])
def test_what_was_interrupted_goes_on_where_it_was(device, bundle, tmp_path, after):
    def stop(line):
        if f": {after} of {SAMPLES} samples" in line:
            raise Stopped

    with pytest.raises(Stopped):
        measure(device, bundle, tmp_path / "j", progress=stop)
    kept = json.loads((tmp_path / "j").read_text().splitlines()[-1])
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"run": "torn in the mid')
    results = measure(device, bundle, tmp_path / "j")
    assert indices(tmp_path / "j") == [list(range(SAMPLES))]
    if after:
        sample = kept["samples"][-1]
        assert sample["ms"] in next(one.samples_ms for one in results if one.what == sample["what"])


def test_a_server_that_is_killed_and_comes_back_loses_nothing(bundle, folder, tmp_path):
    with served(folder, tmp_path / "results", "--slow", "5") as (port, first):
        device, killed = Tcp("tcp:test", "127.0.0.1", port), []

        def kill(line):
            if f": 12 of {SAMPLES} samples" in line and not killed:
                killed.append(first)
                first.kill()
                first.wait()
            elif "trying again" in line and len(killed) == 1:
                again = served(folder, tmp_path / "results", port=port)
                killed.append(again)
                again.__enter__()

        measure(device, bundle, tmp_path / "j", progress=kill)
        killed[1].__exit__(None, None, None)
    assert indices(tmp_path / "j") == [list(range(SAMPLES))]


def test_a_connection_that_is_lost_for_good_says_how_to_go_on(bundle, folder, tmp_path):
    with served(folder, tmp_path / "results", "--slow", "5") as (port, process):
        device = Tcp("tcp:test", "127.0.0.1", port)

        def kill(line):
            if f": 3 of {SAMPLES} samples" in line:
                process.kill()
                process.wait()

        with pytest.raises(UserError, match="samples of this run are kept: go on with --resume"):
            measure(device, bundle, tmp_path / "j", progress=kill)


@pytest.mark.parametrize(("name", "value"), [("repeats", 2), ("threads", (2,)), ("compute_units", ("cpu",))])
def test_a_measurement_goes_on_with_the_same_settings_only(device, bundle, tmp_path, name, value):
    measure(device, bundle, tmp_path / "j")
    with pytest.raises(UserError, match=rf"{name} was .*, now it is .*go on with the same, or delete it"):
        measure(device, bundle, tmp_path / "j", **{name: value})


@pytest.mark.parametrize("content", [b"nonsense\n", b"[]\n", b'{"settings": 1}\n', b"{}\n"])
def test_a_file_that_is_no_journal_is_refused(device, bundle, tmp_path, content):
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(UserError, match="delete"):
        measure(device, bundle, tmp_path / "j")


COOL, HOT = Conditions(thermal="none", battery_celsius=30), Conditions(thermal="severe", battery_celsius=44)


def test_a_run_in_which_the_device_was_hot_is_kept_and_made_again(port, bundle, tmp_path):
    phone = Phone("tcp:test", "127.0.0.1", port, (COOL, HOT, COOL))
    results = measure(phone, bundle, tmp_path / "j")
    assert len(results) == 2 * 8
    assert {one.invalid for one in results[:8]} == {"thermal state severe at the end"}
    assert {one.invalid for one in results[8:]} == {None}
    assert next(iter(lines(results, bundle))).median == results[8].summary.p50


def test_a_server_s_word_on_heat_counts_too(device, bundle, tmp_path, monkeypatch):
    """As an iPhone's, of which the host sees nothing."""
    told, greet = [], module.greet

    def greeted(connection):
        heat = "fair" if told else "serious"
        return replace(greet(connection), conditions={"thermal": heat, "something": "new"})

    monkeypatch.setattr(module, "greet", greeted)
    (result, *_) = measure(device, bundle, tmp_path / "j", progress=told.append)
    assert "waiting until the device is cool: thermal state serious" in told[0]
    assert result.start.thermal == "fair" and result.invalid is None


def test_the_device_is_left_to_cool_before_a_run(port, bundle, tmp_path):
    told = []
    phone = Phone("tcp:test", "127.0.0.1", port, (HOT, Conditions(battery_celsius=36.5), COOL))
    (result, *_) = measure(phone, bundle, tmp_path / "j", progress=told.append)
    waited = [line.rpartition(": ")[2] for line in told if "waiting" in line]
    assert waited == ["thermal state severe", "battery at 36.5 °C"]
    assert result.invalid is None and result.start.battery_celsius == 30


def test_a_device_that_does_not_cool_is_measured_and_does_not_count(port, bundle, tmp_path):
    results = measure(Phone("tcp:test", "127.0.0.1", port, (HOT,)), bundle, tmp_path / "j", cooldown_s=0)
    assert len(results) == 3 * 8 and all("thermal state severe at the start" in one.invalid for one in results)


def test_an_empty_battery_is_to_be_charged(port, bundle, tmp_path):
    phone = Phone("tcp:test", "127.0.0.1", port, (Conditions(battery_percent=7),))
    with pytest.raises(UserError, match="battery is at 7 %; charge it"):
        measure(phone, bundle, tmp_path / "j")


def test_the_table_expects_what_the_rule_says_and_compares_repeat_by_repeat(device, bundle, static, tmp_path):
    with Journal(tmp_path / "j") as journal:
        results = remote_bench(device, [bundle, static], journal, threads=(1, 2), rounds=2, warmup=0, repeats=2)
    table = lines(results, bundle, static)
    assert {line.threads for line in table} == {1, 2} and {line.repeats for line in table} == {2}
    medians = {(one.bundle_id, one.what, one.repeat): one.summary.p50 for one in results if one.threads == 1}
    mine, other = bundle.manifest.bundle_id, static.manifest.bundle_id
    sums = [
        sum(share * medians[mine, f"end_to_end:{step}", repeat] for step, share in enumerate((0.5, 0.25, 0.25)))
        for repeat in (1, 2)
    ]
    expected = next(line for line in table if (line.threads, line.what) == (1, EXPECTED))
    assert (expected.lowest, expected.highest) == pytest.approx((min(sums), max(sums)))
    ratios = [medians[other, "end_to_end:0", repeat] / value for repeat, value in zip((1, 2), sums, strict=True)]
    assert expected.ratio == pytest.approx(sum(ratios) / 2)


def test_each_choice_of_compute_units_is_measured_and_compared_by_itself(choosing, bundle, static, tmp_path):
    with Journal(tmp_path / "j") as journal:
        results = remote_bench(
            choosing, [bundle, static], journal, compute_units=("cpu_and_ne", "cpu"), rounds=2, warmup=0
        )
    table = lines(results, bundle, static)
    assert list(dict.fromkeys(line.compute_units for line in table)) == ["cpu_and_ne", "cpu"]
    for line in table:
        if line.what == "end_to_end:2":
            (other,) = [
                one.summary.p50
                for one in results
                if (one.bundle_id, one.what, one.compute_units)
                == (static.manifest.bundle_id, "end_to_end:0", line.compute_units)
            ]
            assert line.ratio == pytest.approx(other / line.median)
    assert len(indices(tmp_path / "j")) == 4


def test_units_that_are_not_offered_are_refused_before_the_first_run(choosing, device, bundle, tmp_path):
    for one, offered in ((choosing, "all, cpu, cpu_and_ne"), (device, "cpu")):
        with pytest.raises(UserError, match=f"computes on {offered}, not on cpu_and_gpu"):
            measure(one, bundle, tmp_path / one.name.replace(":", "-"), compute_units=("cpu", "cpu_and_gpu"))
        assert indices(tmp_path / one.name.replace(":", "-")) == []


def test_a_server_without_a_choice_may_be_asked_for_what_it_does(device, bundle, tmp_path):
    assert {one.compute_units for one in measure(device, bundle, tmp_path / "j", compute_units=("cpu",))} == {"cpu"}


def test_p95_is_the_repeats_own_and_of_a_rule_that_of_the_mixture(device, bundle, tmp_path):
    results = measure(device, bundle, tmp_path / "j")
    known = [[1.0] * 100, [2.0] * 100, [3.0] * 95 + [9.0] * 5]
    made = []
    for one in results:
        samples = known[int(one.what[-1])] if one.what.startswith("end_to_end") else [1.0] * 99 + [5.0]
        made.append(one.model_copy(update={"samples_ms": tuple(samples), "summary": summarise(samples)}))
    table = {line.what: line for line in lines(made, bundle)}
    assert table["graph:glance"].p95 == summarise([1.0] * 99 + [5.0]).p95
    assert (table["end_to_end:1"].median, table["end_to_end:1"].p95) == (2.0, 2.0)
    # a quarter leaves at the last step, of which 5 % take 9 ms: 98.75 % of all have left after 3 ms
    assert table[EXPECTED].median == pytest.approx(0.5 * 1 + 0.25 * 2 + 0.25 * 3) and table[EXPECTED].p95 == 3.0


def test_the_command_appends_results_and_removes_its_journal(capfd, port, bundle, static, tmp_path):
    output = tmp_path / "results.jsonl"
    options = ["--device", f"tcp:127.0.0.1:{port}", "--rounds", "2", "--warmup", "0", "--output", str(output)]
    assert main(["bench", str(bundle.folder), *options, "--against", str(static.folder), "--threads", "1,2"]) == 0
    out, _ = capfd.readouterr()
    assert "expected, rule default" in out and "times as long" in out
    results = [Result.model_validate_json(line) for line in output.read_text().splitlines()]
    assert len(results) == 2 * (8 + 3) and os.listdir(tmp_path) == ["results.jsonl"]
    assert main(["bench", str(bundle.folder), *options, "--resume"]) == 2
    assert "nothing to --resume" in capfd.readouterr().err
    output.with_name("results.jsonl.journal").write_text("")
    assert main(["bench", str(bundle.folder), *options]) == 2
    assert "go on with --resume, or delete" in capfd.readouterr().err


def test_a_published_configuration_stands_beside_the_paper_s_figures(capfd, choosing, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr("gfnet_mobile.cli.bench_device.paper_of", lambda manifest: MOBILENETV3)
    options = ["--device", f"tcp:127.0.0.1:{choosing.port}", "--rounds", "1", "--output", str(tmp_path / "r")]
    assert main(["bench", str(bundle.folder), *options, "--compute-units", "ne,cpu"]) == 0
    out = capfd.readouterr().out
    assert "MobileNet-V3 in the paper, iPhone XS Max" in out and "73.5 % at 8.6 ms (static 11.3)" in out
    assert out.index("cpu_and_ne") < out.index(" cpu ") and " p95 " in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "tcp:127.0.0.1:1", "--compute-units", "cpu,tpu"], "no 'tpu'; there are all, cpu, ne, gpu"),
        (["--compute-units", "cpu"], "are for --device"),
    ],
)
def test_compute_units_that_make_no_sense_are_refused(capfd, bundle, options, message):
    assert main(["bench", str(bundle.folder), *options]) == 2
    assert message in capfd.readouterr().err


def test_a_measurement_that_did_not_begin_leaves_nothing_behind(capfd, bundle, tmp_path):
    assert main(["bench", str(bundle.folder), "--device", "tcp:127.0.0.1:1", "--output", str(tmp_path / "r")]) == 2
    assert "no server answers on 127.0.0.1:1" in capfd.readouterr().err
    assert not os.listdir(tmp_path)


def test_a_rule_that_does_not_say_who_leaves_is_said_not_to(capfd, port, bundle, static, tmp_path):
    folder = shutil.copytree(bundle.folder, tmp_path / "b.gfnet")
    manifest = bundle.manifest.model_dump()
    manifest["rules"]["default"]["calibration"] = None
    write_manifest(folder, manifest)
    options = ["--device", f"tcp:127.0.0.1:{port}", "--rounds", "1", "--output", str(tmp_path / "r")]
    assert main(["bench", str(folder), *options]) == 0
    assert "expected: not known: rule default does not say which share leaves" in capfd.readouterr().out
