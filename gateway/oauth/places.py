"""Which addresses OAuth may lead us to: the rules against being sent inside (security.md 1b U4). Pure.

Hosts an operator wrote down (`known`) are trusted as an upstream's address is: anything but link-local, where clouds
keep their credentials. A host that a server or a document named instead must be https and public. Names are checked
once they are resolved, by `fetch`; literal addresses here, in every spelling that a resolver would take for one.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

MAX_URL = 2048
_NUMERIC = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PLAIN = re.compile(r"[\x21-\x7e]+")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(ValueError):
    """An address that must not be asked; `str()` says why, without repeating what a stranger wrote."""


def checked(url: object, *, known: frozenset[str], what: str) -> str:
    """The address itself, if it may be used.

    Raises:
        Forbidden: it may not.
    """
    if not isinstance(url, str) or len(url) > MAX_URL or not _PLAIN.fullmatch(url):
        raise Forbidden(f"the {what} is not an address")
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Forbidden(f"the {what} is not an http(s) address")
    if parts.username is not None or parts.password is not None or "#" in url or "\\" in url:
        raise Forbidden(f"the {what} has credentials, a fragment or a backslash in it")
    host = parts.hostname
    literal = literal_address(host)
    if parts.scheme == "http" and not (host in known and (host == "localhost" or (literal and literal.is_loopback))):
        raise Forbidden(f"the {what} is plain http, which is taken only on this machine: tokens would be readable")
    if literal is not None and not may_connect(literal, known=host in known):
        raise Forbidden(f"the {what} leads to {kind_of(literal)}")
    return url


def host_of(url: str) -> str:
    """The host of an address, as `known` wants it; empty when there is none."""
    parts = _split(url)
    return (parts.hostname or "") if parts is not None else ""


def origin_of(url: str) -> str:
    """Scheme, host and port, in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def literal_address(host: str) -> Address | None:
    """The address a host spells out; None for a name.

    Raises:
        Forbidden: it is a number, but not in the one canonical spelling.
    """
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        if ":" in host or _NUMERIC.fullmatch(last):
            raise Forbidden("a numeric host must be a plain IP address") from None
        return None


def may_connect(address: Address, *, known: bool) -> bool:
    """May a connection to this address be made? `known`: an operator wrote its host down."""
    real = _real(address)
    if real.is_link_local or real.is_multicast or real.is_unspecified or str(real) == "fd00:ec2::254":
        return False
    return known or real.is_global


def kind_of(address: Address) -> str:
    """What is wrong with an address, for a sentence."""
    real = _real(address)
    if real.is_loopback:
        return "this machine itself"
    if real.is_link_local:
        return "a link-local address, which is never connected to"
    return "an address that is not public" if not real.is_global else "an address that is not allowed"


def _real(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if usable else None
