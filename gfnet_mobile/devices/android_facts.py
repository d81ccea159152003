"""What an Android device is, and how warm: properties, ``dumpsys``, ``/sys``. Whatever a phone does not tell is left
open."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gfnet_mobile.devices.android_adb import shell
from gfnet_mobile.measure.results import UNKNOWN, Conditions
from gfnet_mobile.measure.results import Device as Described

if TYPE_CHECKING:
    from adbutils import AdbDevice

THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""``Thermal Status`` 0 to 6 of ``dumpsys thermalservice`` (Android 10 and later)"""

ASKED = {
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "power": "settings get global low_power",
    "governor": "cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "frequencies": "cat /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq",
}
"""what is asked for in one command, each after a line with its name"""


@dataclass(frozen=True)
class Facts:
    model: str
    soc: str | None
    abis: tuple[str, ...]
    """instruction sets that it runs, the best first"""
    release: str
    """of Android"""
    sdk: int
    """Android's API level; 0 if it does not say"""
    build: str


def facts(device: "AdbDevice") -> Facts:
    return facts_in(shell(device, "getprop"))


def facts_in(printed: str) -> Facts:
    """From what ``getprop`` prints: lines ``[name]: [value]``."""
    properties: Mapping[str, str] = dict(re.findall(r"^\[([^]]+)\]: \[(.*)\]\s*$", printed, re.MULTILINE))

    def first(*names: str) -> str:
        return next((properties[name] for name in names if properties.get(name)), "")

    maker, model = first("ro.product.manufacturer"), first("ro.product.model")
    sdk = first("ro.build.version.sdk")
    return Facts(
        model=" ".join(word for word in (maker, model) if word) or UNKNOWN,
        soc=first("ro.soc.model", "ro.board.platform", "ro.hardware") or None,
        abis=tuple(abi for abi in first("ro.product.cpu.abilist", "ro.product.cpu.abi").split(",") if abi),
        release=first("ro.build.version.release") or UNKNOWN,
        sdk=int(sdk) if sdk.isdecimal() else 0,
        build=first("ro.build.display.id", "ro.build.id", "ro.build.fingerprint") or UNKNOWN,
    )


def described(found: Facts, server: Described) -> Described:
    """Android's word on what the device is, the server's on the rest."""
    return server.model_copy(
        update={
            "model": found.model,
            "soc": found.soc or server.soc,
            "abi": server.abi or found.abis[0],
            "os": f"Android {found.release} ({found.build})",
        }
    )


def conditions(device: "AdbDevice") -> Conditions:
    command = "; ".join(f"echo '== {name}'; {one} 2>/dev/null" for name, one in ASKED.items())
    return conditions_in(shell(device, f"{command}; true"))


def conditions_in(printed: str) -> Conditions:
    """From what the commands of `ASKED` print."""
    parts = dict(re.findall(r"^== (\w+)\n(.*?)(?=^== |\Z)", printed + "\n", re.MULTILINE | re.DOTALL))
    level = re.search(r"^\s*level: (\d+)", parts.get("battery", ""), re.MULTILINE)
    tenths = re.search(r"^\s*temperature: (\d+)", parts.get("battery", ""), re.MULTILINE)
    status = re.search(r"Thermal Status: ([0-6])\b", parts.get("thermal", ""))
    governor, power = (parts.get(name, "").strip() for name in ("governor", "power"))
    kilohertz = [int(line) for line in parts.get("frequencies", "").split() if line.isdecimal()]
    return Conditions(
        thermal=THERMAL[int(status[1])] if status else UNKNOWN,
        battery_percent=float(level[1]) if level else None,
        battery_celsius=int(tenths[1]) / 10 if tenths else None,
        power_mode={"1": "saving", "0": "normal"}.get(power, UNKNOWN),
        governor=governor if re.fullmatch(r"\w+", governor) else None,
        frequencies_mhz=tuple(one / 1000 for one in kilohertz),
    )
