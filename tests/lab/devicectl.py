"""Stand-in for ``xcrun devicectl``: JSON as Xcode 15 and 16 write it, into the file of ``--json-output`` and nowhere
else; what is printed is for people. An error is an NSError whose values stand under the names of their types."""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lab import iphone_app
from lab.iphone import states

APP = "org.gfnet.GFNetBench"
CORE = "com.apple.dt.CoreDeviceError"


class Failed(Exception):
    """An NSError: domain, code, texts by name; the one before is what led to it."""

    def __init__(self, domain, code, led_by=None, **texts):
        information = {name: {"string": text} for name, text in texts.items()}
        if led_by is not None:
            information["NSUnderlyingError"] = {"error": led_by.error}
        self.error = {"code": code, "domain": domain, "userInfo": information}
        super().__init__(next(iter(texts.values()), ""))


def main(arguments):
    assert arguments[0] == "devicectl", arguments
    options, words, passed = parsed(arguments[1:])
    info = {
        "arguments": arguments, "commandType": "devicectl." + ".".join(words[:3]), "environment": {"TERM": "dumb"},
        "jsonVersion": 2, "outcome": "success", "version": "397.21",
    }  # fmt: skip
    print("Devices:\nName   Hostname   Identifier   State\n-----  ---------  -----------  -----")
    try:
        said = {"info": info, "result": result(options, words, passed)}
    except Failed as error:
        print(f"ERROR: {error} ({error.error['domain']} error {error.error['code']}.)", file=sys.stderr)
        said = {"info": info | {"outcome": "failed"}, "error": error.error}
    Path(options["json-output"]).write_text(json.dumps(said, indent=2))
    sys.exit("error" in said)


def parsed(arguments):
    """Options by name, words, and what follows an app's ID that is launched: that is the app's."""
    options, words, passed = {}, [], []
    rest = iter(arguments)
    for one in rest:
        if one == "--terminate-existing":
            continue
        if one.startswith("--"):
            options[one[2:]] = next(rest)
            continue
        words.append(one)
        if words[:3] == ["device", "process", "launch"] and one == APP:
            passed = list(rest)
    return options, words, passed


def result(options, words, passed):
    if words == ["list", "devices"]:
        return {"devices": [described(state) for state in states().values()]}
    found = [(folder, one) for folder, one in states().items() if one["udid"] == options["device"] and one["plugged"]]
    if not found:
        raise Failed(CORE, 1000, NSLocalizedDescription="The specified device was not found.")
    folder, state = found[0]
    if not state["paired"]:
        raise Failed(CORE, 2, NSLocalizedDescription="The device must be paired before it can be connected.")
    container = folder / "container"
    match words[1:]:
        case ["info", "apps"]:
            apps = [{"bundleIdentifier": APP, "name": "GFNetBench", "version": "1.0"}] if state["installed"] else []
            return {"apps": apps, "matchingBundleIdentifier": options["bundle-id"]}
        case ["info", "processes"]:
            running = (
                json.loads((folder / "app.json").read_text())["process"] if (folder / "app.json").exists() else None
            )
            place = "file:///private/var/containers/Bundle/Application/12345E6A/GFNetBench.app/GFNetBench"
            app = [{"executable": place, "processIdentifier": running}] if running else []
            return {"runningProcesses": [{"executable": "file:///sbin/launchd", "processIdentifier": 1}, *app]}
        case ["install", "app", path]:
            if not state["trusted"]:
                text = "A valid provisioning profile for this executable was not found."
                profile = Failed("MIInstallerErrorDomain", 13, NSLocalizedDescription=text)
                raise Failed(CORE, 3002, profile, NSLocalizedDescription="Failed to install the app on the device.")
            change(folder, state, installed=Path(path).exists())
            return {"installedApplications": [{"bundleID": APP}]}
        case ["uninstall", "app", name]:
            iphone_app.stop(folder)
            shutil.rmtree(container, ignore_errors=True)
            change(folder, state, installed=False)
            return {"uninstalledApplications": [{"bundleID": name}]}
        case ["process", "launch", name] if name == APP:
            return launch(folder, state, passed)
        case ["process", "terminate"]:
            iphone_app.stop(folder)
            return {"process": {"processIdentifier": int(options["pid"])}, "signal": {"name": "SIGTERM", "value": 15}}
        case ["copy", "to"]:
            source, target = Path(options["source"]), container / options["destination"]
            if not target.parent.is_dir():
                raise Failed(CORE, 7000, NSLocalizedDescription="The file could not be created.")
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, target)
            return {"files": []}
        case ["copy", "from"]:
            if not (container / options["source"]).exists():
                cause = Failed("NSPOSIXErrorDomain", 2, NSLocalizedDescription="No such file or directory")
                raise Failed(CORE, 7000, cause, NSLocalizedDescription="The specified file could not be transferred.")
            shutil.copyfile(container / options["source"], options["destination"])
            return {"files": []}
    raise Failed("ArgumentParser", 64, NSLocalizedDescription=f"Unknown command {words}")


def launch(folder, state, passed):
    if not state["developer"]:
        raise Failed(CORE, 1, NSLocalizedDescription="The operation failed because Developer Mode is disabled.")
    if not state["image"]:
        text = "The developer disk image could not be mounted on this device."
        raise Failed(CORE, 12040, NSLocalizedDescription=text)
    if state["locked"] or not state["trusted"]:
        code, reason, text = (
            (7, "Locked", f"Unable to launch {APP} because the device was not, or could not be, unlocked.")
            if state["locked"]
            else (3, "Security", "its profile has not been explicitly trusted by the user.")
        )
        cause = Failed(
            "FBSOpenApplicationErrorDomain", code, BSErrorCodeDescription=reason, NSLocalizedFailureReason=text
        )
        raise Failed(CORE, 10002, cause, NSLocalizedDescription="The application failed to launch.")
    if not state["installed"]:
        raise Failed("NSOSStatusErrorDomain", -10814, _LSFunction="runEvaluator")
    process = iphone_app.start(folder, state["app"], passed)
    return {"launchOptions": {"arguments": passed}, "process": {"executable": APP, "processIdentifier": process}}


def described(state):
    wired = (
        {"transportType": "wired", "tunnelState": "connected"} if state["plugged"] else {"tunnelState": "unavailable"}
    )
    if state["wifi"]:
        wired = {"transportType": "localNetwork", "tunnelState": "disconnected"}
    return {
        "capabilities": [], "identifier": "A1A1AAA1-0011-1AA1-11A1-10A1111AA11A", "visibilityClass": "default",
        "connectionProperties": {
            "authenticationType": "manualPairing", "isMobileDeviceOnly": False,
            "pairingState": "paired" if state["paired"] else "unpaired", **wired,
        },
        "deviceProperties": {
            "bootState": "booted", "ddiServicesAvailable": False, "name": "Lab",
            "developerModeStatus": "enabled" if state["developer"] else "disabled",
            "osBuildUpdate": state["build"], "osVersionNumber": state["version"],
        },
        "hardwareProperties": {
            "deviceType": "iPhone", "marketingName": state["marketing"], "platform": "iOS", "reality": "physical",
            "productType": state["product"], "udid": state["udid"],
        },
    }  # fmt: skip


def change(folder, state, **changes):
    (folder / "phone.json").write_text(json.dumps(state | changes))


if __name__ == "__main__":
    main(sys.argv[1:])
