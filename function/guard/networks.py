"""Addresses: which of those that proxies tell is the client's, and which of them count as one."""

import ipaddress

#: A customer's share of IPv6 is a /64 at least (RFC 6177), and whoever has one takes any address of it at will.
IPV6_PREFIX = 64


def client(forwarded: str, peer: str, trusted: int) -> str:
    """The client's address: the hop before the proxies that we trust (A4); what is left of it anybody can forge.

    What is no address there (a proxy that hides its clients, or one too many trusted) is nobody's: the next hop that is
    one stands for it.

    Args:
        forwarded: X-Forwarded-For; each proxy appends who spoke to it.
        peer: who speaks to us.
        trusted: how many of these were appended by proxies of ours; the peer is one of them.
    """
    hops = [hop for hop in forwarded.split(",") if hop.strip()]
    return next(filter(None, map(_address, [*hops, peer][max(0, len(hops) - trusted) :])), peer)


def network(address: str) -> str:
    """Whose failures are counted together: one IPv4 address, or one IPv6 /64.

    Not an IPv4 /24: its 256 addresses are those of strangers to each other. Empty stays empty (a Unix socket's peer).
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False))


def _address(hop: str) -> str:
    """A hop in its one spelling, without port, brackets or zone; IPv4 within IPv6 is IPv4. Empty where it is none."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(parsed if parsed.version == 4 else parsed.ipv4_mapped or parsed)
