"""Where a value leads: the host of a URL, an address, a path, each only if every reader would agree on it.

Whatever two programs could read differently (a user part, a backslash, a number for an address, an encoded dot,
an invisible character) raises `Unfit`: the gateway must not vouch for a place that the server reads as another.
Nothing is looked up: names are not resolved, links are not followed.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
import unicodedata
from urllib.parse import urlsplit

from gateway.policy.texts import hides_something

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SCHEMES = frozenset({"http", "https", "ws", "wss", "ftp", "git", "ssh"})
"""Schemes whose URLs go to their host; a `file:` URL reads this machine whatever host it names."""

_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ENCODED = re.compile(r"%(?:2e|2f|5c|00|25)", re.IGNORECASE)


class Unfit(Exception):
    """The value is of a kind that the operator cannot judge; `str()` says what it is instead."""


def host_of(url: str) -> str:
    """The host of an absolute URL: a name in lower case, or an address in its one canonical form.

    Raises:
        Unfit: clients could disagree on where it leads.
    """
    if "\\" in url or " " in url or not url.isprintable() or not url.isascii():
        raise Unfit("is not a plain URL")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as err:
        raise Unfit("is not a URL") from err
    authority = url.partition("//")[2].partition("/")[0]
    if not parts.scheme or not host or "@" in authority or "%" in parts.netloc:
        raise Unfit("is not an absolute URL with a plain host")
    if parts.scheme not in SCHEMES:
        raise Unfit(f"is a {parts.scheme}: URL, which need not go to its host")
    try:
        return host_name(host)
    except ValueError as err:
        raise Unfit("is not an absolute URL with a plain host") from err


def host_name(text: str) -> str:
    """A host as hosts are compared: lower case, no dot at its end, an IPv4 address inside an IPv6 one taken out.

    Raises:
        ValueError: it is no host, or one that programs read differently (127.1, 0x7f.0.0.1).
    """
    name = text.lower().removesuffix(".")
    if ":" in name:
        return str(address_of(name))
    if not _NAME.fullmatch(name) or ".." in name:
        raise ValueError(f"{text!r} is not the name of a host")
    if _NUMBER_LABEL.fullmatch(name.rpartition(".")[2]):
        return str(ipaddress.IPv4Address(name))
    return name


def address_of(text: str) -> Address:
    """An IP address in its plain form; an IPv4 address written as an IPv6 one is the IPv4 address.

    Raises:
        ValueError: it is none, or holds a zone, which means something on one machine only.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError(f"{text!r} has a zone")
    return address.ipv4_mapped or address


def network_of(text: str) -> Network:
    """A network; one of IPv4 addresses written as IPv6 ones is the IPv4 network.

    Raises:
        ValueError: it is none.
    """
    network = ipaddress.ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - 96))


def plain_path(path: str) -> str:
    """An absolute path without `.` and double slashes.

    Raises:
        Unfit: a server could read it as another place.
    """
    # What another program might make of it: compatibility forms of '.' and '/' become the plain ones.
    alike = unicodedata.normalize("NFKC", path)
    climbs = ".." in path.split("/") or ".." in alike.split("/") or alike.count("/") != path.count("/")
    if not path.startswith("/") or "\\" in alike or climbs or _ENCODED.search(path) or hides_something(path):
        raise Unfit("is not a plain absolute path")
    return "/" + posixpath.normpath(path).lstrip("/")
