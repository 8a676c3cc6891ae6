"""Calls others' servers to tell them something: through the guarded sockets of fetching, once, within a deadline."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Final

import httpcore
import httpx

from connectors.base import Limits
from connectors.fetching.answers import port_of, retry_after
from connectors.fetching.reach import Reach
from connectors.fetching.sockets import GuardedBackend, GuardedTransport
from hub.errors import SourceDown, SourceRefused

USER_AGENT: Final = "hub-notice/1"
DEADLINE: Final = 15.0
"""Seconds that a call may take in all, however slowly the other side sends."""


@dataclass(frozen=True, slots=True)
class Called:
    """What the other side said: its status, and the seconds after which it wants to be asked again, if any."""

    status: int
    retry_after: float | None


def call(
    url: str, body: bytes, headers: Mapping[str, str], allow_hosts: tuple[str, ...], deadline: float = DEADLINE
) -> Called:
    """POST ``body`` once; redirects are not followed, and the answer's body is not read.

    Only public addresses are reached, and those in ``allow_hosts``. Raises ``SourceDown`` and ``SourceRefused``,
    whose words tell nothing of the addresses that a name leads to.
    """
    where = httpx.URL(url)
    reach = Reach(where.host, port_of(where), Limits(allow_hosts=allow_hosts), is_outside=True)
    transport = GuardedTransport(reach, _Hurried(GuardedBackend(reach), time.monotonic() + deadline))
    with httpx.Client(transport=transport, timeout=deadline, trust_env=False, follow_redirects=False) as client:
        try:
            with client.stream("POST", where, content=body, headers={"User-Agent": USER_AGENT, **headers}) as answer:
                return Called(answer.status_code, retry_after(answer.headers.get("retry-after", "")))
        except SourceRefused:
            raise SourceRefused(
                "The hub may not send to this address.",
                code="address-refused",
                hint="Ask the hub's administrators to name its host or network in HUB_WEBHOOK_HOSTS.",
            ) from None
        except httpx.TimeoutException as error:
            raise SourceDown("There was no answer in time.", code="no-answer") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise SourceDown("The call could not be made, or broke off.", code="call-failed") from error


class _Hurried(httpcore.NetworkBackend):
    """The same sockets, each wait of which ends with the deadline of the whole."""

    def __init__(self, backend: httpcore.NetworkBackend, until: float) -> None:
        self._backend = backend
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._until, httpcore.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, left, local_address, socket_options)
        return _HurriedStream(stream, self._until)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _HurriedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._until, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._until, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._until, httpcore.ConnectTimeout)
        return _HurriedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float, late: type[Exception]) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise late("The deadline of the call is over.")
    return left
