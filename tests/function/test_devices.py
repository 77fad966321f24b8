"""Device tokens (A3)."""

import pytest

from function.devices import Devices

DEVICES = Devices(b"k" * 32, 1000)
NOW = 1_800_000_000


def test_a3_a_token_names_its_device_to_its_account_for_its_lifetime() -> None:
    token = DEVICES.token("alice", "", NOW)
    device = DEVICES.device("alice", token, NOW + 999)
    assert len(bytes.fromhex(device)) == 16
    assert DEVICES.device("alice", token, NOW + 1000) == ""
    assert DEVICES.device("bob", token, NOW) == ""
    assert Devices(b"x" * 32, 1000).device("alice", token, NOW) == ""
    # A fresh one is for the same device, and each first one for another.
    assert DEVICES.device("alice", DEVICES.token("alice", device, NOW + 500), NOW + 1400) == device
    assert DEVICES.device("alice", DEVICES.token("alice", "", NOW), NOW) != device


@pytest.mark.parametrize("token", ["", "lfd1_", "lfd1_!", "é", "lfd1_" + "A" * 54, "A" * 10_000, "lfd1_A=", "\0"])
def test_a3_what_is_no_token_is_no_device(token: str) -> None:
    assert DEVICES.device("alice", token, NOW) == ""


def test_a3_no_byte_of_a_token_can_be_changed() -> None:
    token = DEVICES.token("alice", "", NOW)
    for at in range(5, len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        # The last character has bits that stand for nothing.
        assert DEVICES.device("alice", changed, NOW) == "" or at == len(token) - 1
