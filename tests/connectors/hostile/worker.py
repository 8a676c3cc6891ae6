"""One run in a process of its own, as a worker carries it out; tells how much memory it took, with all it began.

``python -m tests.connectors.hostile.worker database run``. A name that is ``rebinding.example`` leads to this machine
when it is asked for the first time, and to where clouds keep their secrets from then on.
"""

import json
import socket
import sys
from typing import Any
from uuid import UUID

import django

PATIENCE_SECONDS = 2.0


def main(database: str, run: str) -> None:
    django.setup()
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    from connectors.confined.process import Child
    from connectors.fetching import sockets
    from connectors.runs.runner import carry_out
    from tests.peak import Peak, greatest

    looked: list[float] = []
    close = Child.close

    def closed(child: Child) -> None:
        looked.append(greatest(child.pid))
        close(child)

    Child.close = closed  # type: ignore[method-assign]
    sockets.PATIENCE_SECONDS = PATIENCE_SECONDS
    socket.getaddrinfo = _rebinding(socket.getaddrinfo)
    with Peak() as peak:
        carry_out(UUID(run))
    told = {"own": peak.own, "children": max([peak.children, *looked]), "begun": len(looked)}
    sys.stdout.write(json.dumps(told) + "\n")


def _rebinding(resolve: Any) -> Any:
    answers = ["127.0.0.1"]

    def resolved(host: str, *others: Any, **more: Any) -> Any:
        if host == "rebinding.example":
            host = answers.pop() if answers else "169.254.169.254"
        return resolve(host, *others, **more)

    return resolved


if __name__ == "__main__":
    main(*sys.argv[1:])
