"""The caching mirror, against a tiny upstream on loopback.

Does not prove that apt is content with it: the hosts of the lab that install their packages do.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.image.mirror import Mirror

PACKAGE = "pool/main/libr/libreswan/libreswan_5.2-2.2+b1_amd64.deb"
INDEX = "dists/trixie/main/binary-amd64/by-hash/SHA256/0a1b"
RELEASE = "dists/trixie/InRelease"


class Upstream:
    """Answers every path with its own name, unless told otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.statuses: dict[str, int] = {}
        self.cut_short = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                outer.asked.append(self.path)
                self.send_response(outer.statuses.get(self.path, 200))
                content = self.path.encode()
                self.send_header("Content-Length", str(len(content) + outer.cut_short))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/debian"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Upstream()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def mirror(upstream: Upstream) -> Iterator[Mirror]:
    made = Mirror(upstream.address, [])
    made.start()
    yield made
    made.stop()


def _get(mirror: Mirror, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", mirror.port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


@pytest.mark.parametrize("path", [PACKAGE, INDEX, RELEASE])
def test_fetched_once(mirror: Mirror, upstream: Upstream, path: str) -> None:
    for _ in range(2):
        assert _get(mirror, f"/debian/{path}") == (200, f"/debian/{path}".encode())
    assert upstream.asked == [f"/debian/{path}"]
    assert mirror.requests == [f"/debian/{path}"] * 2


@pytest.mark.parametrize(("path", "again"), [(PACKAGE, []), (INDEX, []), (RELEASE, [f"/debian/{RELEASE}"])])
def test_what_outlives_a_mirror(mirror: Mirror, upstream: Upstream, path: str, again: list[str]) -> None:
    _get(mirror, f"/debian/{path}")
    upstream.asked.clear()
    second = Mirror(upstream.address, [])
    second.start()
    assert _get(second, f"/debian/{path}")[0] == 200
    second.stop()
    assert upstream.asked == again


@pytest.mark.parametrize("path", [PACKAGE, RELEASE])
def test_what_upstream_does_not_have(mirror: Mirror, upstream: Upstream, path: str) -> None:
    upstream.statuses[f"/debian/{path}"] = 404
    assert _get(mirror, f"/debian/{path}") == (404, b"")


@pytest.mark.parametrize("path", [PACKAGE, RELEASE])
def test_trouble_upstream_is_not_remembered(mirror: Mirror, upstream: Upstream, path: str) -> None:
    upstream.statuses[f"/debian/{path}"] = 500
    assert _get(mirror, f"/debian/{path}")[0] == 500
    upstream.statuses.clear()
    upstream.cut_short = True
    assert _get(mirror, f"/debian/{path}")[0] == 502
    upstream.cut_short = False
    assert _get(mirror, f"/debian/{path}")[0] == 200


def test_an_encoded_name(mirror: Mirror, upstream: Upstream) -> None:
    assert _get(mirror, f"/debian/{PACKAGE.replace('+', '%2b')}") == (200, f"/debian/{PACKAGE}".encode())


@pytest.mark.parametrize(
    "path",
    ["/", "/debian/", "/debian/pool/../../../secret", "/debian//etc/passwd", "/debian/pool/%2e%2e/x", "/other/x"],
)
def test_refused_without_asking_upstream(mirror: Mirror, upstream: Upstream, path: str) -> None:
    assert _get(mirror, path) == (404, b"")
    assert upstream.asked == []


def test_head_has_the_length_and_no_content(mirror: Mirror) -> None:
    assert _get(mirror, f"/debian/{PACKAGE}", "HEAD") == (200, b"")


def test_away_and_back(mirror: Mirror) -> None:
    _get(mirror, f"/debian/{PACKAGE}")
    mirror.away = True
    assert _get(mirror, f"/debian/{PACKAGE}") == (503, b"")
    mirror.away = False
    assert _get(mirror, f"/debian/{PACKAGE}")[0] == 200
    assert len(mirror.requests) == 3


def test_one_connection_for_many_files(mirror: Mirror) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mirror.port, timeout=5)
    for path in (RELEASE, INDEX, PACKAGE):
        connection.request("GET", f"/debian/{path}")
        assert connection.getresponse().read() == f"/debian/{path}".encode()
    connection.close()


def test_through_the_proxy_of_apt(upstream: Upstream) -> None:
    host = upstream.address.removesuffix("/debian")
    mirror = Mirror("http://archive.invalid/debian", [f'Acquire::http::Proxy "{host}";'])
    mirror.start()
    assert _get(mirror, f"/debian/{RELEASE}") == (200, f"http://archive.invalid/debian/{RELEASE}".encode())
    mirror.stop()


def test_unless_apt_says_direct(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    mirror = Mirror(upstream.address, ['Acquire::http::Proxy "DIRECT";'])
    mirror.start()
    assert _get(mirror, f"/debian/{RELEASE}")[0] == 200
    mirror.stop()
