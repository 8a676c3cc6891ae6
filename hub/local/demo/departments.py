"""The web servers of two departments: files over HTTP, and a JSON API that wants a token and gives pages."""

import json
import os
import shutil
import sys
import threading
from bisect import bisect_left
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from hub.local.demo import data

PAGE = 5000


class Files(SimpleHTTPRequestHandler):
    """The aviation authority: a folder of files."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Weather(BaseHTTPRequestHandler):
    """The weather service: ``GET /weather?updated_since=…&page=…`` with a bearer token, oldest first."""

    protocol_version = "HTTP/1.1"
    observations: list[dict[str, Any]] = []
    hours: list[str] = []
    token = ""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self._answer(401, {"error": "a bearer token is needed"})
        address = urlsplit(self.path)
        if address.path != "/weather":
            return self._answer(404, {"error": "there is only /weather"})
        asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
        since, page = asked.get("updated_since", ""), int(asked.get("page", "1"))
        start = bisect_left(self.hours, since) + (page - 1) * PAGE
        more = start + PAGE < len(self.observations)
        following = "/weather?" + urlencode({**asked, "page": page + 1}) if more else None
        self._answer(200, {"data": self.observations[start : start + PAGE], "next": following})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def prepare_files(folder: Path) -> None:
    """What the aviation authority publishes: aircraft as a workbook, airports and airlines as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("airports", "airlines"):
        shutil.copyfile(data.folder() / f"{name}.csv", folder / f"{name}.csv")
    if not (folder / "planes.xlsx").exists():
        draft = folder / "planes.draft"
        data.write_workbook(draft)
        draft.rename(folder / "planes.xlsx")


def prepare_weather(token: str) -> type[Weather]:
    """The observations in the order of their hours; numbers as numbers, ``NA`` as null."""
    Weather.token = token
    texts = ("origin", "time_hour")
    Weather.observations = sorted(
        (
            {name: value if name in texts else _number(value) for name, value in row.items()}
            for row in data.rows("weather")
        ),
        key=lambda row: row["time_hour"],
    )
    Weather.hours = [row["time_hour"] for row in Weather.observations]
    return Weather


def _number(text: str) -> float | int | None:
    if text == "NA":
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def serve(folder: Path, files_port: int, weather_port: int, token: str) -> None:
    """Run both servers on loopback until the process ends."""
    prepare_files(folder)
    weather = ThreadingHTTPServer(("127.0.0.1", weather_port), prepare_weather(token))
    files = ThreadingHTTPServer(("127.0.0.1", files_port), partial(Files, directory=str(folder)))
    threading.Thread(target=weather.serve_forever, daemon=True).start()
    files.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), os.environ["DEMO_MET_TOKEN"])
