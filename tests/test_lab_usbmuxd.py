"""The laboratory's usbmuxd is one to libimobiledevice's own tools."""

import plistlib
import socket
import subprocess
import threading

import pytest
from lab.usbmuxd import HEADER, PLIST, VERSION

from gfnet_mobile.devices.ios_usb import Tunnel

UDID = "00008120-000A1B2C3D4E5F60"
PORT = 5390


@pytest.fixture
def echo():
    """The port of an app that sends back what it is sent."""

    def serve(server):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            while content := client.recv(100):
                client.sendall(content)

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve, args=(server,))
        serving.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        serving.join()


@pytest.fixture
def tunnel(iphones):
    opened = Tunnel(UDID, PORT)
    yield opened
    opened.close()


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def through(tunnel):
    """What comes back of a word; empty if the connection ends."""
    with tunnel.connect("a test") as connection:
        try:
            connection._socket.sendall(b"word")
            return connection._socket.recv(100)
        except ConnectionError:
            return b""


def asked(iphones, **request):
    """The answer to a message of one's own."""
    host, port = iphones.usbmuxd.address.split(":")
    with socket.create_connection((host, int(port))) as client:
        content = plistlib.dumps(request)
        client.sendall(HEADER.pack(HEADER.size + len(content), VERSION, PLIST, 7) + content)
        stream = client.makefile("rb")
        length, _, _, tag = HEADER.unpack(stream.read(HEADER.size))
        assert tag == 7
        return plistlib.loads(stream.read(length - HEADER.size))


def test_phones_are_listed_while_they_are_plugged_in(iphones):
    assert said("idevice_id", "--list").stdout == ""
    iphones.usbmuxd.plug_in(UDID, lambda port: None)
    assert said("idevice_id", "--list").stdout.split() == [UDID]
    iphones.usbmuxd.pull(UDID)
    assert said("idevice_id", "--list").stdout == ""


def test_a_port_leads_to_the_phone_until_it_is_unplugged_and_again_afterwards(iphones, tunnel, echo):
    iphones.usbmuxd.plug_in(UDID, {PORT: echo}.get)
    with tunnel.connect("a test") as connection:
        connection._socket.sendall(b"word")
        assert connection._socket.recv(100) == b"word"
        iphones.usbmuxd.pull(UDID)
        assert connection._socket.recv(100) == b""
    assert through(tunnel) == b""
    iphones.usbmuxd.plug_in(UDID, {PORT: echo}.get)
    assert through(tunnel) == b"word"


@pytest.mark.parametrize("manner", ["garbage", "refuse"])
def test_it_can_behave_badly(iphones, tunnel, echo, manner):
    iphones.usbmuxd.plug_in(UDID, {PORT: echo}.get)
    iphones.usbmuxd.manner = manner
    assert through(tunnel) == b""
    assert (said("idevice_id", "--list").returncode != 0) == (manner == "garbage")


def test_it_knows_the_host_and_its_pair_records(iphones):
    assert said("idevicepair", "systembuid").stdout.strip() == asked(iphones, MessageType="ReadBUID")["BUID"]
    assert asked(iphones, MessageType="ReadPairRecord", PairRecordID=UDID)["Number"] != 0
    iphones.usbmuxd.pairs[UDID] = b"record"
    assert asked(iphones, MessageType="ReadPairRecord", PairRecordID=UDID)["PairRecordData"] == b"record"
