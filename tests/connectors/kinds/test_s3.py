"""Objects of an S3-compatible store that checks every signature."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from connectors.base import Extract
from connectors.fetching import s3
from connectors.kinds.file import File
from connectors.registry import faults
from connectors.testing import Answering, Asked, ConnectorContract, Reply, Served, rows_of
from hub.errors import SourceError, SourceMalformed, SourceMissing, SourceRefused
from tests.connectors.peers import S3Peer, s3_serving

Serve = Callable[[Answering | bytes], Served]


@pytest.fixture(scope="module")
def store() -> Iterator[S3Peer]:
    with s3_serving() as serving:
        yield serving


def source(store: S3Peer, path: str = "", **config: Any) -> File:
    return File(store.config(path, **config), store.secrets)


def read(file: File, path: str, *columns: str) -> list[list[str]]:
    return rows_of(file.read(Extract({"path": path}, columns)))


class TestCsvInBucket(ConnectorContract):
    @pytest.fixture
    def connector(self, store: S3Peer) -> File:
        store.put("contract/航班 1+2.csv", "代码,名称\nUA,联合\nAA,美国\nDL,达美\n".encode())
        return source(store, "contract/")

    @pytest.fixture
    def unreachable(self) -> File:
        config = {"url": "s3://exports/", "endpoint": "http://127.0.0.1:1", "allow_loopback": True}
        return File(config, {"access_key": "key-id", "secret_key": "very-secret"})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "航班 1+2.csv"}


def test_pattern_reads_objects_of_any_name_in_the_order_of_their_paths(store: S3Peer) -> None:
    for key, cell in (
        ("2024/日报-2.csv", 2),
        ("2024/a'(b)!&=?#%41*~.csv", 1),
        ("2023/x/日报-9.csv", 9),
        ("top.csv", 0),
    ):
        store.put(f"names/{key}", b"id\n%d\n" % cell)
    store.put("names/2024/", b"")
    store.put("other.csv", b"id\n7\n")

    assert read(source(store, "names/"), "**/*.csv") == [["9"], ["1"], ["2"], ["0"]]
    assert read(source(store, "names/"), "2024/*.csv") == [["1"], ["2"]]
    assert read(source(store, "names/"), "*.csv") == [["0"]]
    assert read(source(store, "other.csv"), "") == [["7"]]


def test_only_new_and_changed_objects_are_read(store: S3Peer) -> None:
    def night(state: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
        found = list(source(store, "nights/").read(Extract({"path": "*.csv"}, ("id",), state=state)))
        return [row[0] for row in rows_of(found)], found[-1].state or {}

    store.put("nights/1.csv", b"id\n10\n")
    store.put("nights/2.csv", b"id\n20\n")
    first, state = night({})
    store.put("nights/3.csv", b"id\n30\n")
    store.put("nights/1.csv", b"id\n11\n")
    store.put("nights/2.csv", b"id\n20\n")
    second, state = night(state)

    assert (first, second) == (["10", "20"], ["11", "30"])
    assert night(state) == ([], state)


def test_listing_goes_on_over_pages(store: S3Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        store.put(f"pages/{number}.csv", b"id\n%d\n" % number)
    monkeypatch.setattr(s3, "_PAGE_KEYS", 2)

    assert read(source(store, "pages/"), "*.csv") == [[str(number)] for number in range(5)]


@pytest.mark.parametrize(
    ("path", "config", "secrets", "kind", "code"),
    [
        ("", {}, {"secret_key": "wrong-word"}, SourceRefused, "source-refused"),
        ("", {}, {"access_key": "unknown"}, SourceRefused, "source-refused"),
        ("", {"url": "s3://no-such-bucket/"}, {}, SourceMissing, "source-missing"),
        ("none.csv", {}, {}, SourceMissing, "source-missing"),
        ("", {"allow_loopback": False}, {}, SourceRefused, "source-address-refused"),
    ],
)
def test_what_fails_is_told_by_its_code_and_without_secrets(
    store: S3Peer, path: str, config: dict[str, Any], secrets: dict[str, str], kind: type[SourceError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        File(store.config(path, **config), {**store.secrets, **secrets}).test()

    assert caught.value.code == code
    assert caught.value.hint
    assert not any(secret in str(caught.value) for secret in (store.secrets["secret_key"], "wrong-word"))


def test_store_needs_an_endpoint_and_both_halves_of_a_key() -> None:
    assert [fault.code for fault in faults(File.config_schema, {"url": "s3://exports/"})] == ["required"]
    assert faults(File.config_schema, {"url": "https://files.example/"}) == ()
    assert faults(File.secrets_schema, {"access_key": "x"}) != ()


def test_bucket_may_be_named_in_the_host_and_without_a_key_nothing_is_signed(serve: Serve) -> None:
    served = serve(lambda asked: Reply(b"id\n1\n", type="text/csv"))
    endpoint = f"http://localhost:{served.port}"
    config = {"url": "s3://127.0.0.1/a.csv", "endpoint": endpoint, "allow_loopback": True}
    file = File(config, {})

    assert read(file, "") == [["1"]]
    assert [(asked.path, "Authorization" in asked.headers) for asked in served.asked] == [("/127.0.0.1/a.csv", False)]
    virtual = File({**config, "url": "s3://exports/a.csv", "addressing_style": "virtual"}, {})
    with pytest.raises(SourceError, match=r"exports\.localhost"):
        virtual.test()


def test_signature_is_not_sent_to_where_a_redirect_leads(serve: Serve) -> None:
    other = serve(b"id\n1\n")
    served = serve(lambda asked: Reply(status=307, headers={"Location": other.url + "a.csv"}))
    config = {
        "url": "s3://exports/a.csv",
        "endpoint": served.url,
        "allow_loopback": True,
        "allow_hosts": ["127.0.0.0/8"],
    }
    rows = read(File(config, {"access_key": "id", "secret_key": "very-secret"}), "")

    assert rows == [["1"]]
    assert "Credential=id/" in served.asked[0].headers["Authorization"]
    assert "Authorization" not in other.asked[0].headers


def page(keys: str, token: str = "") -> bytes:
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<ListBucketResult>{keys}{more}</ListBucketResult>".encode()


XXE = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ListBucketResult>&e;</ListBucketResult>'


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda asked: Reply(page("", "again")), "source-too-many-files"),
        (lambda asked: Reply(XXE), "source-malformed"),
        (lambda asked: Reply(b"<html>Sign in</html>"), "source-malformed"),
        (lambda asked: Reply(b"no xml"), "source-malformed"),
    ],
)
def test_hostile_store_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Asked], Reply], code: str
) -> None:
    monkeypatch.setattr(s3, "_MAX_PAGES", 20)
    served = serve(answer)
    config = {"url": "s3://exports/", "endpoint": served.url, "allow_loopback": True}

    with pytest.raises(SourceMalformed) as caught:
        read(File(config, {}), "*.csv")
    assert caught.value.code == code


def test_names_that_lead_elsewhere_are_none(serve: Serve) -> None:
    keys = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in ("../a.csv", "x/../../b.csv", "c.csv"))
    served = serve(lambda asked: Reply(page(keys)) if asked.params else Reply(b"id\n1\n"))
    config = {"url": "s3://exports/", "endpoint": served.url, "allow_loopback": True}

    assert read(File(config, {}), "**/*.csv") == [["1"]]
    assert [asked.path for asked in served.asked] == ["/exports/", "/exports/c.csv"]
