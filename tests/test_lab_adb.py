"""The laboratory's phones behave as phones do: everything that the Android driver relies on, over a real adb."""

import hashlib
import platform
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import adbutils
import native
import native_bundles
import pytest
from lab import phone

from android_bench.portable import assemble

# The shell that adbd starts has a terminal, and its end hangs up whatever has not left the session by then.
BACKGROUND = "trap '' HUP; setsid {} >/dev/null 2>&1 </dev/null &"
HOST_LIBRARIES = [Path(folder) for folder in ("/lib64", f"/usr/lib/{platform.machine()}-linux-gnu")]
LAB = Path(phone.__file__).parent


def device(a_phone: phone.Phone) -> adbutils.AdbDevice:
    return adbutils.AdbClient().device(a_phone.serial)


def test_only_the_phones_of_a_test_are_there_and_properties_can_be_changed(android: phone.Lab) -> None:
    first, second = android.add_phone(), android.add_phone()
    second.set_property("ro.product.cpu.abi", "armeabi-v7a")
    assert sorted(d.serial for d in adbutils.AdbClient().device_list()) == sorted([first.serial, second.serial])
    assert device(first).shell("getprop ro.product.cpu.abi") == "x86_64"
    assert device(second).shell("getprop ro.product.cpu.abi") == "armeabi-v7a"
    assert "[ro.build.version.sdk]: [35]" in device(first).shell("getprop")


def test_battery_temperature_and_space_are_what_a_test_sets(android: phone.Lab) -> None:
    a_phone = android.add_phone()
    a_phone.set_battery(level=7, celsius=41.5)
    a_phone.set_thermal(3)
    a_phone.set_space(8 << 20)
    d = device(a_phone)
    assert "level: 7" in d.shell("dumpsys battery") and "temperature: 415" in d.shell("dumpsys battery")
    assert "Thermal Status: 3" in d.shell("dumpsys thermalservice")
    assert int(d.shell("df -k /data").splitlines()[1].split()[3]) <= 8 << 10
    assert d.shell2("dumpsys nonsense", v2=True).returncode == 20


def test_files_go_there_and_come_back_with_their_hash(android: phone.Lab, tmp_path: Path) -> None:
    d = device(android.add_phone())
    content = bytes(range(256)) * 20_000
    (tmp_path / "there").write_bytes(content)
    d.sync.push(str(tmp_path / "there"), "/data/local/tmp/file")
    assert d.shell("sha256sum /data/local/tmp/file").split()[0] == hashlib.sha256(content).hexdigest()
    d.sync.pull("/data/local/tmp/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content
    assert d.shell("cat /data/local/tmp/file", stream=False, encoding=None) == content


def test_programs_give_their_exit_code_and_a_terminal_where_one_is_wanted(android: phone.Lab) -> None:
    a_phone = android.add_phone()
    assert device(a_phone).shell2("echo out; exit 7", v2=True).returncode == 7
    assert android.server.adb("-s", a_phone.serial, "exec-out", "echo raw").stdout == "raw\n"


def test_a_server_on_the_phones_loopback_is_reached_by_forwarding(android: phone.Lab) -> None:
    d = device(android.add_phone())
    d.shell("echo there and back > /data/local/tmp/file")
    d.shell(BACKGROUND.format("httpd -f -p 127.0.0.1:7000 -h /data/local/tmp"))
    phone.wait_until(lambda: ":1B58" in d.shell("cat /proc/net/tcp"), "httpd does not listen")
    with urllib.request.urlopen(f"http://127.0.0.1:{d.forward_port(7000)}/file") as answer:
        assert answer.read() == b"there and back\n"


def test_the_runner_runs_there_with_all_that_it_needs(android: phone.Lab, tmp_path: Path) -> None:
    runner = native.build() / "gfnet-runner"
    assemble(runner, [native.wheel() / "lib", *HOST_LIBRARIES], tmp_path / "runner")
    a_phone = android.add_phone()
    for folder in (tmp_path / "runner", native_bundles.conformance()["recurrent"].folder):
        pushed = android.server.adb("-s", a_phone.serial, "push", str(folder), f"/data/local/tmp/{folder.name}")
        assert pushed.returncode == 0, pushed.stderr
    verified = device(a_phone).shell2("cd /data/local/tmp; runner/start verify recurrent.gfnet", v2=True)
    assert verified.returncode == 0, verified
    assert "same label for 4 of 4 images" in verified.stdout


def test_after_the_adb_server_was_killed_the_phone_is_found_again(android: phone.Lab) -> None:
    a_phone = android.add_phone()
    device(a_phone).shell(BACKGROUND.format("sleep 1000"))
    android.server.kill()
    with pytest.raises(Exception, match=r".+"):
        device(a_phone).shell("true")
    a_phone.connect()
    assert device(a_phone).shell("pidof sleep")


def test_a_cable_pulled_ends_a_transfer_but_not_what_runs_on_the_phone(android: phone.Lab) -> None:
    a_phone = android.add_phone()
    d = device(a_phone)
    d.shell(BACKGROUND.format("sleep 1000"))
    stream = d.shell("echo first; sleep 1000", stream=True)
    assert stream.recv(6) == b"first\n"
    a_phone.pull_cable()
    assert stream.recv(6) == b""
    phone.wait_until(lambda: a_phone.state() != "device", "adb did not notice")
    assert a_phone.shell("pidof sleep")
    a_phone.plug_in()
    assert d.shell("pidof sleep")


def test_adbd_killed_comes_back(android: phone.Lab) -> None:
    a_phone = android.add_phone()
    device(a_phone).shell(BACKGROUND.format("sleep 1000"))
    a_phone.kill_adbd()
    a_phone.connect()
    assert device(a_phone).shell("pidof sleep")


@pytest.mark.parametrize(("manner", "expected"), [("silent", "offline"), ("locked", "unauthorized")])
def test_a_phone_can_be_offline_or_unauthorized(android: phone.Lab, manner: phone.Manner, expected: str) -> None:
    a_phone = android.add_phone()
    a_phone.plug_in(manner)
    phone.wait_until(lambda: a_phone.state() == expected, f"never {expected}")


def test_adbd_listens_nowhere_but_in_its_own_network(android: phone.Lab) -> None:
    a_phone = android.add_phone()
    assert a_phone.shell("grep -c : /proc/net/dev") == "1\n"
    assert device(a_phone).shell("sed -n s/Seccomp:.//p /proc/self/status") == "2"
    program = "import phone_init, socket; phone_init.refuse_vsock(); socket.socket(socket.AF_VSOCK)"
    refused = subprocess.run([sys.executable, "-c", program], cwd=LAB, capture_output=True, text=True)
    assert "Address family not supported" in refused.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 5555))
