#!/usr/bin/env python
"""The hub's commands; ``python manage.py help`` lists them."""

import os
import sys


def main(arguments: list[str]) -> None:
    """Run one command; ``--data DIR`` goes to any of them and says which embedded hub is meant."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    arguments = _take_data(arguments)
    from hub.local.commandline import run  # after HUB_DATA is set: the settings read it

    run(arguments)


def _take_data(arguments: list[str]) -> list[str]:
    rest = list(arguments)
    for index, argument in enumerate(rest):
        if argument.startswith("--data="):
            os.environ["HUB_DATA"] = rest.pop(index).partition("=")[2]
            break
        if argument == "--data" and index + 1 < len(rest):
            os.environ["HUB_DATA"] = rest[index + 1]
            del rest[index : index + 2]
            break
    if "HUB_DATA" in os.environ:
        os.environ["HUB_DATA"] = os.path.abspath(os.environ["HUB_DATA"])
    return rest


if __name__ == "__main__":
    main(sys.argv)
