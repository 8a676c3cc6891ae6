"""Every kind of source, each as a peer that holds what it is told: the table by which a kind enters the proofs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import pytest

from tests.connectors.sources import databases, files, taps, web
from tests.connectors.sources.content import Peer

Maker = Callable[[pytest.FixtureRequest], Peer]

KINDS: Final[Mapping[str, Maker]] = {
    "postgres": databases.Postgres,
    "mysql": databases.Mysql,
    "sql": databases.Sqlite,
    "rest": web.Rest,
    "ckan": web.Ckan,
    "singer": taps.Tap,
    "file": partial(files.WebFiles, name="things.csv", form=files.as_csv),
}
FORMS: Final[Mapping[str, Maker]] = {
    "sql of mariadb": databases.MariadbBySqlalchemy,
    "csv of ckan": partial(files.CkanFiles, name="things.csv", form=files.as_csv),
    "csv by gzip over sftp": partial(files.SftpFiles, name="things.csv.gz", form=files.as_gz),
    "csv by zip in s3": partial(files.S3Files, name="things.zip", form=files.as_zip),
    "xlsx": partial(files.Files, name="things.xlsx", form=files.as_xlsx),
    "json": partial(files.Files, name="things.json", form=files.as_json),
    "ndjson": partial(files.Files, name="things.ndjson", form=files.as_ndjson),
    "parquet": partial(files.Files, name="things.parquet", form=files.as_parquet),
}
"""Further forms of a kind, which are proven at fewer points where time is short."""
SLOW: Final[Mapping[str, Maker]] = {"tap-mysql": taps.TapMysql}
"""A second for each start: for the long proof."""
ALL: Final[Mapping[str, Maker]] = {**KINDS, **FORMS, **SLOW}
INCREMENTAL: Final = [name for name, made in ALL.items() if getattr(made, "is_incremental", False)]
"""Those that can be asked from a cursor's value on."""
