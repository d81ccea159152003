"""The two roads to an iPhone, at the process boundary: what ``ios`` and ``xcrun devicectl`` say of a phone becomes one
line that says what to do. The tools are stand-ins, the app is a server of the wire."""

import re
import sys
from pathlib import Path

import programs
import pytest
from refusals import refused_on

from gfnet_mobile import doctor
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.cli.app import main
from gfnet_mobile.devices import ios, ios_devicectl, ios_goios, ios_usb, opened
from gfnet_mobile.devices.bundle_files import folder_of
from gfnet_mobile.measure.results import Result

SERVER = [sys.executable, str(Path(__file__).with_name("wire_server.py"))]
"""what follows in the command line is `iphone_app.start`'s"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A program that is called as a server is, ``… serve --bundles …``; `wire_server.py` has no such word."""
    script = tmp_path_factory.mktemp("app") / "app"
    script.write_text(f'#!/bin/sh\nshift\nexec "{SERVER[0]}" "{SERVER[1]}" "$@" --units all,cpu,cpu_and_ne\n')
    script.chmod(0o755)
    return [str(script)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return programs.make_bundle(tmp_path_factory.mktemp("bundles") / "tiny.gfnet", programs.recurrent())


@pytest.fixture(params=["ios", "xcrun"])
def tool(request, iphones):
    iphones.add_tool(request.param)
    return request.param


@pytest.fixture
def phone(tool, iphones, app):
    return iphones.add_phone(app)


def refused(bundle, capfd, device="ios"):
    return refused_on(device, bundle, capfd)


def test_each_road_starts_the_app_copies_the_bundle_and_measures(phone, bundle, tmp_path, capfd):
    options = ["--device", "ios", "--rounds", "2", "--compute-units", "all,ne", "--output", str(tmp_path / "r.jsonl")]
    assert main(["bench", str(bundle.folder), *options]) == 0
    results = [Result.model_validate_json(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {one.compute_units for one in results} == {"all", "cpu_and_ne"}
    assert (results[0].device.model, results[0].device.os) == ("iPhone15,3", "iOS 17.4.1 (21E236)")
    copied = {file.relative_to(phone.documents / "bundles").as_posix() for file in phone.documents.rglob("*.onnx")}
    assert copied and all(name.startswith(folder_of(bundle)) for name in copied)
    assert not list((phone.documents / "results").iterdir()) and not phone.runs_app()


def test_each_road_copies_again_only_what_differs(phone, bundle):
    with opened("ios", [bundle]) as device:
        assert device.copy(bundle, "onnx") == []
        (phone.documents / "bundles" / folder_of(bundle) / "manifest.json").write_text("{}")
        assert len(device.copy(bundle, "onnx")) > 3
        assert device.copy(bundle, "onnx") == []


def test_a_phone_that_two_roads_lead_to_is_one(iphones, app, capfd):
    for tool in ("ios", "xcrun"):
        iphones.add_tool(tool)
    phone = iphones.add_phone(app)
    assert main(["devices"]) == 0
    assert capfd.readouterr().out.count(phone.udid) == 1
    (found,) = ios._phones()
    assert found.road is ios_devicectl


def test_a_phone_that_devicectl_does_not_know_is_go_ios_s(iphones, app, monkeypatch):
    """As iOS 16 on a Mac, whose entry has no UDID."""
    iphones.add_tool("ios")
    (iphones.tools / "xcrun").write_text("#!/bin/sh\nexit 72\n")
    (iphones.tools / "xcrun").chmod(0o755)
    iphones.add_phone(app, version="16.7", tunnel=False)
    (found,) = ios._phones()
    assert found.road is ios_goios and found.problem == ""


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"paired": False},
            r"is not paired with this computer: unlock it, tap Trust, .*(ios pair|devicectl manage pair)",
        ),
        ({"developer": False}, "has Developer Mode off: turn it on in Settings › Privacy & Security"),
        (
            {"image": False},
            r"has no developer image mounted: (ios image auto --udid=|with the phone unlocked, open Xcode)",
        ),
        ({"locked": True}, "is locked: unlock it, and leave its screen on"),
        ({"trusted": False}, "does not accept how the app is signed: sign it with a team"),
        ({"installed": False}, r"has no bench app: GFNET_APP=PATH/GFNetBench\.app installs it; .*on a Mac"),
        ({"version": "15.8"}, "has iOS 15.8: the app needs iOS 16 or later"),
    ],
)
def test_what_keeps_a_phone_from_measuring_is_one_line_that_mends_it(phone, bundle, capfd, state, message):
    phone.set(**state)
    line = refused(bundle, capfd)
    assert re.search(message, line) and phone.name in line
    assert not phone.runs_app()


def test_from_ios_17_on_go_ios_needs_its_tunnel(iphones, app, bundle, capfd):
    iphones.add_tool("ios")
    phone = iphones.add_phone(app, tunnel=False)
    assert "has no tunnel of go-ios: ios tunnel start --userspace, in another terminal" in refused(bundle, capfd)
    phone.set(version="16.7.2")
    assert main(["verify", str(bundle.folder), "--device", "ios"]) == 0


def test_a_phone_on_wi_fi_only_is_to_be_plugged_in(iphones, app, bundle, capfd):
    iphones.add_tool("xcrun")
    phone = iphones.add_phone(app, wifi=True)
    iphones.usbmuxd.pull(phone.udid)
    assert "is connected by Wi-Fi only: plug it in" in refused(bundle, capfd)


def test_a_phone_that_was_paired_once_and_is_away_is_not_listed(iphones, app, bundle, capfd):
    iphones.add_tool("xcrun")
    iphones.add_phone(app).pull()
    assert "no iPhone is plugged in" in refused(bundle, capfd)


def test_of_two_phones_one_must_be_chosen(iphones, tool, app, bundle, capfd):
    first, second = iphones.add_phone(app), iphones.add_phone(app)
    line = refused(bundle, capfd)
    assert "2 iPhones are plugged in; choose one: --device" in line and first.name in line and second.name in line
    assert "no iPhone ios:00008120-0 is plugged in; there are" in refused(bundle, capfd, "ios:00008120-0")
    assert main(["verify", str(bundle.folder), "--device", second.name]) == 0
    first.set(locked=True, paired=False)
    assert main(["verify", str(bundle.folder), "--device", "ios"]) == 0  # the only one that can be used


def test_the_app_is_installed_from_where_the_environment_says(phone, bundle, capfd, tmp_path, monkeypatch):
    phone.set(installed=False)
    monkeypatch.setenv("GFNET_APP", str(tmp_path / "nothing.app"))
    assert "no GFNetBench.app or .ipa" in refused(bundle, capfd)
    (tmp_path / "GFNetBench.app").mkdir()
    monkeypatch.setenv("GFNET_APP", str(tmp_path / "GFNetBench.app"))
    phone.set(trusted=False)
    assert "does not accept how the app is signed" in refused(bundle, capfd)
    phone.set(trusted=True)
    assert main(["verify", str(bundle.folder), "--device", "ios"]) == 0


def test_everything_can_be_removed(phone, bundle, capfd):
    assert main(["verify", str(bundle.folder), "--device", "ios"]) == 0
    assert main(["devices", "--clean", phone.name]) == 0
    assert "nothing of gfnet-mobile is left" in capfd.readouterr().out
    assert not phone.documents.exists()
    assert "has no bench app" in refused(bundle, capfd)


def test_devices_and_doctor_say_what_each_phone_lacks(phone, capfd):
    phone.set(developer=False)
    assert main(["devices"]) == 0
    assert re.search(rf"{phone.name} +iPhone15,3, iOS 17.4.1 +has Developer Mode off", capfd.readouterr().out)
    (lack,) = [one for one in doctor.examined() if one.area == phone.name]
    assert (lack.what, lack.mend[:10]) == ("has Developer Mode off", "turn it on")
    phone.set(developer=True, installed=False)
    (lack,) = [one for one in doctor.examined() if one.area == phone.name]
    assert lack.what == "has no bench app" and lack.mend.startswith("GFNET_APP=")


def test_without_tools_the_doctor_names_them_and_a_phone_is_seen_all_the_same(iphones, app, bundle, capfd, monkeypatch):
    phone = iphones.add_phone(app)
    assert f"{phone.name} needs go-ios to be driven: npm install -g go-ios" in refused(bundle, capfd)
    monkeypatch.setenv("PATH", str(iphones.tools))
    monkeypatch.setattr(sys, "platform", "linux")
    assert [one.mend for one in ios.missing()] == [
        "Debian: apt install usbmuxd libusbmuxd-tools libimobiledevice-utils",
        "npm install -g go-ios",
    ]
    assert "idevice_id and iproxy, to reach iPhones over USB: Debian: apt install" in refused(bundle, capfd)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert [one.mend.partition(",")[0] for one in ios.missing()] == [
        "brew install libimobiledevice",
        "install Xcode 15 or later",
    ]


def test_a_tool_that_says_something_else_is_quoted(phone, tool, iphones, bundle, capfd):
    other = '#!/bin/sh\necho "panic: nil pointer" >&2; exit 2\n'
    (iphones.tools / tool).write_text(other)
    line = refused(bundle, capfd)
    assert ("ios info failed: panic: nil pointer" if tool == "ios" else "needs go-ios to be driven") in line


@pytest.mark.parametrize("said", ['{"valid": true}', "no JSON", '{"info": {"outcome": "failed"}}'])
def test_a_result_of_devicectl_that_has_another_form_is_no_crash(iphones, app, bundle, capfd, said):
    iphones.add_tool("xcrun")
    iphones.add_phone(app)
    real = iphones.tools / "real"
    (iphones.tools / "xcrun").rename(real)
    script = f'case "$*" in *" apps "*) echo \'{said}\' > "$3";; *) exec "{real}" "$@";; esac'
    (iphones.tools / "xcrun").write_text(f"#!/bin/sh\n{script}\n")
    (iphones.tools / "xcrun").chmod(0o755)
    assert "devicectl device info apps: a result of another form than is known here" in refused(bundle, capfd)


def test_a_graph_for_a_later_ios_is_refused_before_it_is_copied(iphones, app, monkeypatch, capfd, bundle, tmp_path):
    """The server says that it runs Core ML; what it would be given is looked at here."""
    pytest.importorskip("coremltools")
    iphones.add_tool("ios")
    phone = iphones.add_phone(app, version="16.7")
    found = ios_goios.phones([phone.udid])[0]
    later = programs_coreml(tmp_path, 18)
    with pytest.raises(ios.UserError, match=r"has iOS 16.7; .*is for iOS 18 and later: export with --ios 16"):
        ios._check_system(found, later, "coreml")
    ios._check_system(found, programs_coreml(tmp_path, 16), "coreml")


def programs_coreml(folder, system):
    name = f"demo-{system}"
    target = ["--target", "coreml", "--ios", str(system), "--name", name]
    assert main(["export", "demo", *target, "--output", str(folder)]) == 0
    return open_bundle(folder / f"{name}.gfnet")


def test_usb_is_empty_where_usbmuxd_does_not_run(iphones, monkeypatch):
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", "127.0.0.1:1")
    assert ios_usb.attached() == []


def test_iproxy_that_was_killed_is_started_again(phone, bundle):
    with opened("ios", [bundle]) as device:
        device._tunnel._process.kill()
        device._tunnel._process.wait()
        with device.connect() as connection:
            assert connection.ask("hello").result["bundles"]
