"""What phones print, read: properties, conditions, free space. The text is as Android prints it."""

import pytest

from gfnet_mobile.devices.android_adb import problem_of
from gfnet_mobile.devices.android_facts import conditions_in, described, facts_in
from gfnet_mobile.devices.android_push import free_in
from gfnet_mobile.measure.results import Conditions, Device

GETPROP = """[ro.build.display.id]: [UP1A.231005.007.S911BXXU3BWK5]
[ro.build.version.release]: [14]
[ro.build.version.sdk]: [34]
[ro.product.cpu.abilist]: [arm64-v8a,armeabi-v7a,armeabi]
[ro.product.manufacturer]: [samsung]
[ro.product.model]: [SM-S911B]
[ro.soc.model]: [SM8550]
[persist.sys.timezone]: []
"""

CONDITIONS = """== battery
Current Battery Service state:
  AC powered: false
  USB powered: true
  level: 83
  scale: 100
  voltage: 4213
  temperature: 312
== thermal
IsStatusOverride: false
ThermalEventListeners:
	callbacks: 2
Thermal Status: 2
Cached temperatures:
	Temperature{mValue=31.2, mType=2, mName=BATTERY, mStatus=0}
== power
1
== governor
schedutil
== frequencies
1785600
2803200
"""


def test_a_phone_says_what_it_is():
    found = facts_in(GETPROP)
    assert (found.model, found.soc, found.release, found.sdk) == ("samsung SM-S911B", "SM8550", "14", 34)
    assert found.abis == ("arm64-v8a", "armeabi-v7a", "armeabi")
    server = Device(model="localhost", os="Linux", abi="arm64-v8a", cores=8)
    assert described(found, server) == Device(
        model="samsung SM-S911B",
        soc="SM8550",
        abi="arm64-v8a",
        os="Android 14 (UP1A.231005.007.S911BXXU3BWK5)",
        cores=8,
    )


def test_an_old_phone_has_other_properties():
    found = facts_in("[ro.product.cpu.abi]: [x86_64]\r\n[ro.board.platform]: [goldfish]\r\n")
    assert (found.abis, found.soc, found.model, found.sdk) == (("x86_64",), "goldfish", "unknown", 0)


def test_a_phone_says_how_warm_it_is():
    assert conditions_in(CONDITIONS) == Conditions(
        thermal="moderate",
        battery_percent=83,
        battery_celsius=31.2,
        power_mode="saving",
        governor="schedutil",
        frequencies_mhz=(1785.6, 2803.2),
    )


@pytest.mark.parametrize("printed", ["", "== battery\n== thermal\n== power\nnull\n== governor\n== frequencies\n"])
def test_what_a_phone_does_not_say_is_not_known(printed):
    assert conditions_in(printed) == Conditions()


@pytest.mark.parametrize(
    ("printed", "kibibytes"),
    [
        (
            "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/block/dm-44 112345 61234 51111  55% /data\n",
            51111,
        ),
        ("Filesystem\n1K-blocks\n/dev/block/platform/soc/a-long-name\n      112345 112345 0 100% /data", 0),
        ("df: no such file", None),
    ],
)
def test_free_space_is_read_from_df(printed, kibibytes):
    assert free_in(printed) == (None if kibibytes is None else kibibytes * 1024)


@pytest.mark.parametrize("state", ["unauthorized", "offline", "no", "recovery", "something new"])
def test_every_state_but_one_says_what_to_do(state):
    assert problem_of(state).partition(": ")[2]
    assert problem_of("device") == ""
