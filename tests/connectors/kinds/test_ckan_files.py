"""Reading the files of CKAN sites: wherever a resource leads, as far as the source may reach, and with whose word."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import openpyxl
import pytest

from connectors import batches
from connectors.base import CannotResume, Extract
from connectors.fetching import web
from connectors.kinds import ckan
from connectors.kinds.ckan import Ckan
from connectors.testing import Answering, Asked, ConnectorContract, Reply, Served, rows_of
from hub.errors import SourceDown, SourceError

Serve = Callable[[Answering | bytes], Served]
CSV = b"id,name\n1,a\n2,b\n3,\n"
FIELDS = [{"id": "_id", "type": "int"}, {"id": "id", "type": "int"}]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook() -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for sheet, cells in (("Notes", ["title"]), ("Rows", ["code"])):
        page = book.create_sheet(sheet)
        for row in (cells, ["a"], ["b"], ["c"]):
            page.append(row)
    book.remove(book.worksheets[0])
    book.save(stream)
    return stream.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


class Site:
    """A CKAN site with one dataset; its files are answered to whoever has the token."""

    def __init__(self) -> None:
        self.url = ""
        self.resources: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Reply] = {}
        self.asked: list[str] = []

    def put(self, path: str, body: bytes = CSV, **told: Any) -> str:
        """A resource whose file lies on the site itself, and its id."""
        self.files[f"/site/{path}"] = Reply(body, type="application/octet-stream")
        return self.link(f"{self.url}/{path}", **told)

    def link(self, url: str | None, **told: Any) -> str:
        name = f"r{len(self.resources)}"
        self.resources[name] = {"id": name, "name": name.upper(), "url": url, **told}
        return name

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked.path)
        action = asked.path.rpartition("/")[2]
        if asked.headers.get("Authorization") != "t":
            return Reply(b"{}", 403)
        if "/api/3/action/" not in asked.path:
            return self.files.get(asked.path, Reply(b"", 404))
        if action == "resource_show" and asked.params["id"] not in self.resources:
            return Reply(b'{"success": false}', 404)
        return Reply(json.dumps({"success": True, "result": self.result(action, asked.params)}).encode())

    def result(self, action: str, params: Mapping[str, str]) -> Any:
        if action == "resource_show":
            return self.resources[params["id"]]
        if action == "datastore_search":
            return {"total": 1, "fields": FIELDS, "records": [{"_id": 1, "id": 7}][: int(params["limit"])]}
        return {"results": [{"name": "wells", "resources": list(self.resources.values())}]}


@pytest.fixture
def site(serve: Serve) -> Site:
    site = Site()
    site.url = serve(site.answer).url + "site"
    return site


@pytest.fixture
def source(site: Site) -> Ckan:
    return Ckan({"url": site.url, "allow_loopback": True}, {"token": "t"})


def read(source: Ckan, resource: str, **select: Any) -> list[list[str]]:
    return rows_of(source.read(Extract({"resource": resource, **select})))


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, source: Ckan) -> Ckan:
        return source

    @pytest.fixture
    def unreachable(self) -> Ckan:
        return Ckan({"url": "http://127.0.0.1:1/", "allow_loopback": True}, {"token": "canary"})

    @pytest.fixture
    def select(self, site: Site) -> Mapping[str, Any]:
        return {"resource": site.put("wells.csv")}

    @pytest.fixture(autouse=True)
    def others(self, site: Site, select: Mapping[str, Any]) -> None:
        site.put("table", datastore_active=True)
        site.put("book", workbook(), format="XLSX")


@pytest.mark.parametrize(
    ("path", "told", "body", "column"),
    [
        ("wells.csv", {"format": "JSON"}, CSV, "id"),
        ("wells.txt", {}, CSV, "id"),
        ("get?file=1", {"format": "CSV"}, CSV, "id"),
        ("get", {"format": ".csv"}, CSV, "id"),
        ("get", {"format": "Data", "mimetype": "text/csv"}, CSV, "id"),
        ("get.php", {"format": "TSV"}, b"id\tname\n1\ta\n", "id"),
        ("wells.CSV.GZ", {}, gzip.compress(CSV), "id"),
        ("wells.gz", {"format": "CSV"}, gzip.compress(CSV), "id"),
        ("wells", {"format": "ZIP"}, zipped("a.csv", CSV), "id"),
        ("book", {"mimetype": XLSX}, workbook(), "title"),
        ("get", {"format": "JSON"}, b'[{"id": 1}]', "id"),
        ("wells.ndjson", {}, b'{"id": 1}\n', "id"),
        ("%E6%B0%B4.csv", {}, CSV, "id"),
    ],
)
def test_file_is_found_by_its_name_or_by_what_ckan_calls_it(
    site: Site, source: Ckan, path: str, told: dict[str, str], body: bytes, column: str
) -> None:
    resource = site.put(path, body, **told)
    site.files = {"/site/" + path.partition("?")[0]: Reply(body, type="")}

    (found,) = source.discover()

    assert (found.name, found.select["resource"], found.columns[0].name) == ("wells / R0", resource, column)
    assert read(source, resource)[0][0] == ("a" if column == "title" else "1")


def test_tables_and_files_are_found_in_the_order_of_the_site_and_what_is_neither_is_left_out(
    site: Site, source: Ckan
) -> None:
    site.put("first.csv")
    site.put("second.csv", datastore_active=True)
    for told in ({"format": "PDF"}, {"format": "HTML"}, {"format": None}):
        site.put("page", **told)
    site.link("ftp://127.0.0.1/a.csv")
    site.link(site.url + "/gone.csv")
    site.link(None, format="CSV")
    site.put("last.json", b'[{"a": 1}]')

    found = {one.select["resource"]: [column.name for column in one.columns] for one in source.discover()}

    assert found == {"r0": ["id", "name"], "r1": ["id"], "r8": ["a"]}


def test_no_more_files_are_looked_into_than_a_few_but_tables_all(
    site: Site, source: Ckan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ckan, "MAX_LISTED", 2)
    for number in range(4):
        site.put(f"{number}.csv", b"" if number == 0 else CSV)
    site.put("table", datastore_active=True)

    assert [one.select["resource"] for one in source.discover()] == ["r1", "r4"]


def test_what_is_said_of_the_file_is_heeded_and_means_the_file(site: Site, source: Ckan) -> None:
    book = site.put("book.xlsx", workbook(), datastore_active=True)
    text = site.put("a.csv", "编号;名\n1;甲\n".encode("gb18030"))
    nothing = site.put("b.csv")

    assert read(source, book) == [["7"]]
    assert read(source, book, sheet=2) == [["a"], ["b"], ["c"]]
    assert [column.name for column in source.describe({"resource": book, "sheet": "Rows"}).columns] == ["code"]
    assert read(source, text, delimiter=";", encoding="gb18030") == [["1", "甲"]]
    assert read(source, nothing, missing=[""])[2] == ["3", "\\N"]
    (proposed,) = (one for one in source.discover() if one.select["resource"] == nothing)
    assert proposed.select["missing"] == [""]


def test_token_goes_to_the_site_and_to_no_other_host(serve: Serve, site: Site) -> None:
    other = serve(CSV)
    reached = Ckan({"url": site.url, "allow_loopback": True, "allow_hosts": ["127.0.0.1"]}, {"token": "t"})
    away = site.link(other.url + "away.csv")
    site.files["/site/moved.csv"] = Reply(b"", 302, headers={"Location": other.url + "moved.csv"})
    moved, own = site.link(site.url + "/moved.csv"), site.put("own.csv")

    found = list(reached.discover())
    for resource in (away, moved, own):  # the site's own are answered to nobody without the token
        assert read(reached, resource) == [["1", "a"], ["2", "b"], ["3", ""]]

    assert len(found) == 3
    assert [asked.path for asked in other.asked] == ["/away.csv", "/moved.csv"] * 2
    assert [asked for asked in other.asked if "t" in asked.headers.values() or "Authorization" in asked.headers] == []


def test_link_opens_no_host_that_the_source_may_not_reach(serve: Serve, site: Site, source: Ckan) -> None:
    other = serve(CSV)
    site.files["/site/moved.csv"] = Reply(b"", 302, headers={"Location": other.url + "moved.csv"})
    resources = [site.link(other.url + "away.csv"), site.link(site.url + "/moved.csv")]

    assert list(source.discover()) == []
    for resource in resources:
        with pytest.raises(SourceError) as caught:
            read(source, resource)
        assert (caught.value.code, bool(caught.value.hint)) == ("source-address-refused", True)
    assert other.asked == []


@pytest.mark.parametrize(
    ("url", "told", "code"),
    [
        ("{site}/gone.csv", {}, "source-missing"),
        ("{site}/page.csv", {}, "source-not-csv"),
        ("{site}/page", {"format": "HTML"}, "source-web-page"),
        ("{site}/page.htm", {"format": "Link"}, "source-web-page"),
        ("{site}/report.pdf", {"format": "PDF"}, "source-unknown-format"),
        ("{site}/report", {}, "source-unknown-format"),
        ("{site}/a.zip", {}, "source-truncated"),
        ("ftp://127.0.0.1/a.csv", {}, "source-unknown-scheme"),
        ("file:///etc/passwd", {"format": "CSV"}, "source-unknown-scheme"),
        ("http://user:word@127.0.0.1/a.csv", {}, "source-unknown-scheme"),
        ("http://[::/a.csv", {}, "source-unknown-scheme"),
        ("http:///a.csv", {}, "source-unknown-scheme"),
        (None, {"format": "CSV"}, "source-unknown-scheme"),
    ],
)
def test_what_is_no_file_is_said(site: Site, source: Ckan, url: str | None, told: dict[str, str], code: str) -> None:
    resource = site.link(url.format(site=site.url) if url else None, **told)
    site.files = {f"/site/{name}": Reply(b"<html>Sign in</html>") for name in ("page.csv", "page", "a.zip")}

    for act in (lambda: source.describe({"resource": resource}), lambda: read(source, resource)):
        with pytest.raises(SourceError) as caught:
            act()
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
        assert "word" not in caught.value.message
    assert list(source.discover()) == []


def test_resource_that_is_gone_is_said(source: Ckan) -> None:
    with pytest.raises(SourceError) as caught:
        read(source, "r9")

    assert (caught.value.code, caught.value.message) == ("source-missing", "The site has no resource r9.")


def test_file_is_sampled_by_its_first_lines_and_left_out_where_it_has_none(
    site: Site, source: Ckan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SAMPLED_LINES", 1 << 18)
    monkeypatch.setattr(web, "SAMPLED_WHOLE", 1 << 18)
    body, announced = b"id,name\n" + b'1,"a ""b"" c, and so on for many more"\n' * 7_500, 1 << 30
    bodies = {"a.csv": body, "b.csv.gz": body, "c.xlsx": b"PK"}
    site.files = {f"/site/{name}": Reply(body, type="", length=announced) for name, body in bodies.items()}
    for path in site.files:
        site.link(site.url.removesuffix("/site") + path)

    (found,) = source.discover()

    assert [(column.name, column.type) for column in found.columns] == [("id", "integer"), ("name", "string")]
    assert site.asked.count("/site/c.xlsx") == 1
    with pytest.raises(SourceError) as caught:
        read(source, "r0")  # the other gigabyte never comes
    assert caught.value.code == "source-truncated"


def test_reading_goes_on_neither_from_a_table_in_its_file_nor_the_other_way(
    site: Site, source: Ckan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "WAITS_SECONDS", 0)
    resource = site.put("a.csv", datastore_active=True)
    at_table, at_file = {"done": 1, "total": 1}, {"paths": [""], "passed": 1, "identity": "x"}

    for select, resume in (({}, at_file), ({"format": "csv"}, at_table)):
        with pytest.raises(CannotResume):
            list(source.read(Extract({"resource": resource, **select}, resume=resume)))


def test_reading_is_ended_at_once(site: Site, source: Ckan) -> None:
    resource = site.put("a.csv", b"id,name\n" + b"1,a\n" * 3_000_000)
    reading = source.read(Extract({"resource": resource}))
    next(reading)

    source.stop()

    with pytest.raises(SourceDown) as caught:
        list(reading)
    assert caught.value.code == "source-stopped"
