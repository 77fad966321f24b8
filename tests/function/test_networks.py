"""Whose address it is, and which addresses are counted as one (A4)."""

import pytest

from function.guard.networks import client, network

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "trusted", "address"),
    [
        ("", 0, PEER),
        ("", 2, PEER),
        ("6.6.6.6", 0, PEER),
        ("6.6.6.6, 203.0.113.7", 1, "203.0.113.7"),
        ("6.6.6.6,203.0.113.7,10.0.0.2", 2, "203.0.113.7"),
        ("6.6.6.6,6.6.6.7,6.6.6.8,203.0.113.7,10.0.0.2", 2, "203.0.113.7"),
        (" , ,, 203.0.113.7 ,", 1, "203.0.113.7"),
        ("203.0.113.7", 16, "203.0.113.7"),
        # As some proxies write it.
        ("203.0.113.7:51234", 1, "203.0.113.7"),
        ("[2001:db8::1]:51234", 1, "2001:db8::1"),
        ("[2001:db8::1]", 1, "2001:db8::1"),
        ("2001:DB8:0::0:1", 1, "2001:db8::1"),
        ("fe80::1%eth0", 1, "fe80::1"),
        ('"203.0.113.7"', 1, "203.0.113.7"),
        ("::ffff:203.0.113.7", 1, "203.0.113.7"),
        # What is none is nobody's: the next hop to the right stands for it, which a client can't choose.
        ("unknown", 1, PEER),
        ("_hidden", 1, PEER),
        ("203.0.113.7, unknown", 1, PEER),
        ("unknown, 10.0.0.2", 2, "10.0.0.2"),
        ("999.1.1.1", 1, PEER),
        ("203.0.113.7; DROP TABLE throttle", 1, PEER),
        ("0x7f.1", 1, PEER),
        ("203.0.113.007", 1, PEER),
        ("[", 1, PEER),
        (":", 1, PEER),
        ("::::", 1, PEER),
        ("\N{FULLWIDTH DIGIT ONE}.1.1.1", 1, PEER),
        ("1" * 10_000, 1, PEER),
    ],
)
def test_a4_the_client_is_the_hop_before_the_proxies_that_are_trusted(
    forwarded: str, trusted: int, address: str
) -> None:
    assert client(forwarded, PEER, trusted) == address


def test_a4_a_peer_without_an_address_is_what_it_is() -> None:
    assert client("", "", 0) == ""
    assert network("") == ""


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
    ],
)
def test_a4_an_ipv4_address_or_an_ipv6_64_counts_as_one(address: str, counted: str) -> None:
    assert network(address) == counted
