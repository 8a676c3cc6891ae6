"""``make bench``: what the hub takes, each figure beside its limit and a reference of the same run.

``make bench ARGS="decision catalogue"`` runs some of the parts alone.
"""

import sys

from tests.bench import catalogue, decision, dispatch, files, flights, intake, reading

PARTS = {
    "decision": decision.bench,
    "catalogue": catalogue.bench,
    "flights": flights.bench,
    "intake": intake.main,
    "dispatch": dispatch.bench,
    "files": files.bench,
    "reading": reading.bench,
}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
