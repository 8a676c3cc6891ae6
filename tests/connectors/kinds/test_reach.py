"""Which addresses a source may be fetched from, and what goes along with a request."""

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from connectors.base import Limits
from connectors.fetching.answers import place
from connectors.fetching.http import Http
from connectors.fetching.reach import Reach
from connectors.testing import Answering, Reply, Served
from hub.errors import SourceDown, SourceMalformed, SourceRefused

Serve = Callable[[Answering | bytes], Served]


def reach(host: str, *allow_hosts: str, allow_loopback: bool = False) -> Reach:
    return Reach(host, 80, Limits(allow_hosts, allow_loopback))


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.0.9", "172.16.0.1", "fd12:3456::1", "93.184.216.34"])
def test_own_host_may_be_private_or_public(host: str) -> None:
    assert reach(host).addresses(host, 80) == (str(ip_address(host)),)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.9.10", "127.1", "2130706433", "0x7f000001", "localhost", "::1", "[::1]",
        "0.0.0.0", "0.1.2.3", "::", "169.254.1.1", "169.254.169.254", "fe80::1", "100.100.100.200", "168.63.129.16",
        "fd00:ec2::254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    ],
)  # fmt: skip
def test_inside_of_the_machine_is_refused_even_as_own_host(host: str) -> None:
    with pytest.raises(SourceRefused) as caught:
        reach(host).addresses(host, 80)

    assert caught.value.code == "source-address-refused"


def test_loopback_needs_its_setting_and_opens_only_the_own_port() -> None:
    allowed = reach("localhost", allow_loopback=True)

    assert "127.0.0.1" in allowed.addresses("localhost", 80)
    for host, port in (("localhost", 5432), ("127.0.0.1", 80)):
        with pytest.raises(SourceRefused):
            allowed.addresses(host, port)
    with pytest.raises(SourceRefused) as caught:
        reach("localhost").addresses("localhost", 80)
    assert "allow_loopback" in caught.value.hint


def test_other_hosts_need_to_be_named() -> None:
    with pytest.raises(SourceRefused) as caught:
        reach("10.0.0.1").addresses("10.0.0.2", 80)
    assert "allow_hosts" in caught.value.hint

    for entry in ("10.0.0.2", "10.0.0.0/24"):
        assert reach("10.0.0.1", entry).addresses("10.0.0.2", 443) == ("10.0.0.2",)
    with pytest.raises(SourceRefused):
        reach("10.0.0.1", "10.0.1.0/24").addresses("10.0.0.2", 80)


def test_naming_a_host_does_not_open_the_inside_but_naming_the_address_does() -> None:
    with pytest.raises(SourceRefused):
        reach("10.0.0.1", "localhost").addresses("localhost", 80)

    assert reach("10.0.0.1", "127.0.0.1").addresses("127.0.0.1", 80) == ("127.0.0.1",)
    assert reach("10.0.0.1", "169.254.0.0/16").addresses("169.254.1.1", 80) == ("169.254.1.1",)


def test_unknown_name_is_down() -> None:
    with pytest.raises(SourceDown) as caught:
        reach("no-such-host.invalid").addresses("no-such-host.invalid", 80)

    assert caught.value.code == "source-unknown-host"


def fetch(served: Served, path: str = "", *allow_hosts: str, **headers: str) -> bytes:
    with Http(served.url, Limits(allow_hosts, allow_loopback=True), headers, sleep=lambda seconds: None) as http:
        return http.get(path, 1 << 20).body


def test_redirect_within_the_source_is_followed_with_its_headers(serve: Serve) -> None:
    served = serve(
        lambda asked: Reply(b"here") if asked.path == "/new" else Reply(status=302, headers={"Location": "/new"})
    )

    assert fetch(served, "old", Authorization="Bearer t") == b"here"
    assert [asked.headers["Authorization"] for asked in served.asked] == ["Bearer t", "Bearer t"]


def test_redirect_to_another_server_is_refused_unless_named_and_never_takes_secrets_along(serve: Serve) -> None:
    other = serve(b"other")
    served = serve(lambda asked: Reply(status=307, headers={"Location": other.url}))
    secret = {"Authorization": "Bearer t", "X-Api-Key": "k"}

    with pytest.raises(SourceRefused):
        fetch(served, "", **secret)
    assert other.asked == []

    assert fetch(served, "", "127.0.0.1", **secret) == b"other"
    assert {"Authorization", "X-Api-Key"} & set(other.asked[0].headers) == set()
    assert other.asked[0].headers["User-Agent"] == "hub-connector/1"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://u:p@127.0.0.1/", "ftp://127.0.0.1/"])
def test_redirect_to_anything_but_plain_http_is_refused(serve: Serve, target: str) -> None:
    with pytest.raises(SourceMalformed) as caught:
        fetch(serve(lambda asked: Reply(status=302, headers={"Location": target})))

    assert caught.value.code == "source-redirects"


def test_redirects_in_a_circle_end(serve: Serve) -> None:
    served = serve(lambda asked: Reply(status=302, headers={"Location": "/again"}))

    with pytest.raises(SourceMalformed, match="more than 5 times"):
        fetch(served)
    assert len(served.asked) == 6


def test_answer_beyond_the_limit_is_cut_off(serve: Serve) -> None:
    with pytest.raises(SourceMalformed, match="more than 1 MiB") as caught:
        fetch(serve(b"x" * (2 << 20)))

    assert caught.value.code == "source-too-large"


def test_environment_proxies_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    assert fetch(serve(b"direct")) == b"direct"


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    served = serve(b"x")
    with Http(served.url, Limits(allow_loopback=True)) as http:
        for _ in range(5):
            http.get("", 10)
    assert len({asked.port for asked in served.asked}) == 1


def test_places_are_named_without_secrets() -> None:
    assert place("http://u:p@h:81/a/b?token=t#x") == "http://h:81/a/b"
