"""Stand-in for go-ios' command ``ios``: what it prints, and how it fails, as go-ios 1.2 does. Results are on stdout,
its log is JSON lines on stderr, and begins with the same warning each time."""

import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lab import iphone_app
from lab.iphone import states

APP = "org.gfnet.GFNetBench"
UNPAIRED = "could not retrieve PairRecord with error: ReadPair failed with errorcode '2', is the device paired?"
NO_IMAGE = (
    'instruments service "com.apple.instruments.remoteserver.DVTSecureSocketProxy" unavailable on {udid}: the '
    "Developer Disk Image must be mounted — run `ios image auto`"
)
LOCKED = (
    "Failed starting process: org.gfnet.GFNetBench, msg:The request to open was denied by service delegate "
    '(SBMainWorkspace) for reason: Locked ("Unable to launch org.gfnet.GFNetBench because the device was not, or could '
    'not be, unlocked")'
)
UNTRUSTED = (
    "Failed starting process: org.gfnet.GFNetBench, msg:Unable to launch org.gfnet.GFNetBench because it has an "
    "invalid code signature, inadequate entitlements or its profile has not been explicitly trusted by the user."
)


def main(arguments):
    log("WARN", "go-ios agent is not running. You might need to start it with 'ios tunnel start' for ios17+.")
    options = dict(one[2:].split("=", 1) for one in arguments if one.startswith("--") and "=" in one)
    words = [one for one in arguments if not one.startswith("-")]
    phones = {state["udid"]: (folder, state) for folder, state in states().items() if state["plugged"]}
    if words == ["tunnel", "ls"]:
        running = [state for _, state in phones.values() if state["tunnel"]]
        if not running:
            refused = 'Get "http://127.0.0.1:60105/tunnels": dial tcp 127.0.0.1:60105: connect: connection refused'
            fail("failed to get tunnel infos", f"TunnelInfoForDevice: failed to get tunnel info: {refused}")
        say([{"address": "fd00::1", "rsdPort": 5000, "udid": state["udid"]} for state in running])
        return
    udid = options["udid"]
    if udid not in phones:
        fail(f"Device not found: {udid}", f"Device '{udid}' not found. Is it attached to the machine?")
    folder, state = phones[udid]
    if not state["paired"]:
        fail(f"failed {words[0]}", UNPAIRED)
    match words:
        case ["info", "lockdown"]:
            say({
                "DeviceName": "Lab", "ProductType": state["product"], "ProductVersion": state["version"],
                "BuildVersion": state["build"], "HardwarePlatform": state["soc"], "PasswordProtected": state["locked"],
            })  # fmt: skip
        case ["devmode", "get"]:
            say({"DeveloperModeEnabled": state["developer"]})
        case ["image", "list"]:
            log("INFO", "image signature" if state["image"] else "none")
        case ["apps"]:
            say([{"CFBundleIdentifier": name} for name in ("com.example.other", APP)[: 1 + state["installed"]]])
        case ["install"]:
            if not state["trusted"]:
                fail(
                    "failed writing",
                    "ApplicationVerificationFailed: 0xe8008015 A valid provisioning profile was not found",
                )
            change(folder, state, installed=Path(options["path"]).exists())
        case ["uninstall", name] if name == APP:
            iphone_app.stop(folder)
            shutil.rmtree(folder / "container", ignore_errors=True)
            change(folder, state, installed=False)
        case ["launch", name] if name == APP:
            launch(folder, state, [one.removeprefix("--arg=") for one in arguments if one.startswith("--arg=")])
        case ["kill", name] if name == APP:
            if not iphone_app.stop(folder):
                fail("process not found", f"{APP} is not running")
        case ["batterycheck"]:
            say({"BatteryCurrentCapacity": state["battery"], "BatteryIsCharging": True, "HasBattery": True})
        case ["batteryregistry"]:
            say(
                {
                    "InstantAmperage": 100,
                    "Temperature": round(state["celsius"] * 100),
                    "CurrentCapacity": state["battery"],
                }
            )
        case ["fsync", verb]:
            sync(folder / "container", state, verb, options)
        case _:
            print("Usage:\n  ios --version | version [options]")
            sys.exit(1)


def launch(folder, state, arguments):
    if not state["image"] or (int(state["version"].split(".")[0]) >= 17 and not state["tunnel"]):
        fail("processcontrol failed", NO_IMAGE.format(udid=state["udid"]))
    if state["locked"]:
        fail("launch app command failed", LOCKED)
    if not state["trusted"]:
        fail("launch app command failed", UNTRUSTED)
    log("INFO", "Process launched", pid=iphone_app.start(folder, state["app"], arguments))


def sync(container, state, verb, options):
    if not state["installed"]:
        fail("fsync: connect afc service failed", "InstallationLookupFailed")
    if verb == "mkdir":
        try:
            (container / options["path"]).mkdir()
        except OSError:
            fail("fsync: mkdir failed", "error creating dir: afc: object exists")
    elif verb == "push":
        target = container / options["dstPath"]
        try:
            shutil.copyfile(options["srcPath"], target / Path(options["srcPath"]).name if target.is_dir() else target)
        except OSError:
            fail("fsync: push failed", "afc: object not found")
    elif verb == "pull":
        source = container / options["srcPath"]
        if not source.exists():
            fail("fsync: pull failed", "afc: object not found")
        Path(options["dstPath"]).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, Path(options["dstPath"]) / source.name)


def change(folder, state, **changes):
    (folder / "phone.json").write_text(json.dumps(state | changes))


def say(result):
    print(json.dumps(result))


def log(level, message, **more):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    print(json.dumps({"time": stamp, "level": level, "msg": message, **more}), file=sys.stderr)


def fail(message, error):
    log("ERROR", message, err=error)
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
