"""Decides at the socket which addresses a source may be fetched from, so that no name can lead to the hub's inside."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from connectors.base import Limits
from hub.errors import SourceDown, SourceRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Beyond link-local, where most clouds keep them: AWS over IPv6, Google over IPv6, Alibaba, Oracle, Azure.
_METADATA = frozenset(
    ip_address(text) for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Reach:
    """The one host and port a source was configured with, and what its administrator allowed beside it.

    ``is_outside`` is for addresses that were not named by an administrator: of them only public ones are reached, and
    whatever else stands in ``limits.allow_hosts``.
    """

    host: str
    port: int
    limits: Limits
    is_outside: bool = False

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of ``host`` that may be connected to; raises if there is none, or none that is allowed."""
        found = _resolved(host, port)
        allowed = tuple(text for text in found if self._allows(host, ip_address(text), port))
        if not allowed:
            raise self._refusal(host, port, found)
        return allowed

    def _allows(self, host: str, address: Address, port: int) -> bool:
        inner = _innermost(address)
        if any(address in network or inner in network for network in self._networks()):
            return True
        if not self._names(host):
            return False
        if inner.is_loopback:
            return self.limits.allow_loopback and (_plain(host), port) == (_plain(self.host), self.port)
        is_named = _plain(host) in map(_plain, self.limits.allow_hosts)
        return not _is_forbidden(inner) and (inner.is_global or is_named or not self.is_outside)

    def _names(self, host: str) -> bool:
        return _plain(host) in {_plain(self.host), *map(_plain, self.limits.allow_hosts)}

    def _networks(self) -> Iterator[Network]:
        for entry in self.limits.allow_hosts:
            try:
                yield ip_network(entry, strict=False)
            except ValueError:
                continue

    def _refusal(self, host: str, port: int, found: tuple[str, ...]) -> SourceRefused:
        if self._names(host) and all(_innermost(ip_address(text)).is_loopback for text in found):
            hint = "If this source runs on the hub's own machine, set allow_loopback = true in its config."
        else:
            hint = "If this is intended, name the host, its address or its network in the source's allow_hosts."
        return SourceRefused(
            f"This source may not reach {host} port {port} ({', '.join(found)}).",
            code="source-address-refused",
            hint=hint,
        )


def _plain(host: str) -> str:
    return host.lower().rstrip(".").strip("[]")


def _resolved(host: str, port: int) -> tuple[str, ...]:
    try:
        answers = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceDown(
            f"The host name {host} is not known.",
            code="source-unknown-host",
            hint="Check the spelling in the source's config, and the name servers of the hub's machine.",
        ) from error
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to through mapping, 6to4, Teredo or NAT64; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        return low
    return address


def _is_forbidden(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or (isinstance(address, IPv4Address) and (address.is_reserved or address in _THIS_NETWORK))
        or address in _METADATA
    )
