"""A Debian mirror on loopback for the lab's hosts: this machine's own, with a cache in between."""

from __future__ import annotations

import http.client
import os
import re
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from lab.setup.cache import cache_folder
from lab.setup.debian import apt_options, mirror

PREFIX = "/debian/"

# A path below one of these says what is in the file for ever, so it may be kept for ever. The rest, a release's index
# above all, must fit together: it is kept as long as this mirror lives.
FOR_EVER = re.compile(r"(?:^|/)(?:pool|by-hash)/")
PLAIN = re.compile(r"[A-Za-z0-9._+~:=-]+(?:/[A-Za-z0-9._+~:=-]+)*")
PROXY = re.compile(r'^Acquire::(https?)::Proxy "([^"]+)";$', re.IGNORECASE)
TIMEOUT = 60
STOP_WITHIN = 0.1
CONTENT = "application/octet-stream"


@dataclass(frozen=True)
class Answer:
    """What upstream said: the content where the status is 200."""

    status: int
    content: bytes = b""


class Mirror:
    """
    `http://127.0.0.1:<port>/debian/`, from `start` to `stop`.

    While `away` is set every request is answered 503, as by a mirror that is being worked on.
    """

    def __init__(self, upstream: str | None = None, options: list[str] | None = None) -> None:
        """Upstream's address and apt's options, this machine's if none are given. Raises SetUpError."""
        self.away = False
        self.requests: list[str] = []
        self._upstream = (mirror() if upstream is None else upstream).rstrip("/") + "/"
        self._opener = _opener(apt_options() if options is None else options)
        self._folder = cache_folder() / "mirror"
        self._kept: dict[str, Answer] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_WITHIN,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> Answer:
        """What a GET of this path is answered with."""
        self.requests.append(path)
        if self.away:
            return Answer(503)
        name = unquote(path.split("?")[0])
        if not name.startswith(PREFIX) or not _is_plain(name.removeprefix(PREFIX)):
            return Answer(404)
        name = name.removeprefix(PREFIX)
        # Two hosts that boot at once ask for the same packages: one request upstream is enough.
        with self._lock(name):
            return self._for_ever(name) if FOR_EVER.search(name) else self._for_now(name)

    def _for_ever(self, name: str) -> Answer:
        file = self._folder / name
        if file.is_file():
            return Answer(200, file.read_bytes())
        answer = self._fetch(name)
        if answer.status == 200:
            _write(file, answer.content)
        return answer

    def _for_now(self, name: str) -> Answer:
        if name not in self._kept:
            answer = self._fetch(name)
            if answer.status not in (200, 404):
                return answer
            self._kept[name] = answer
        return self._kept[name]

    def _fetch(self, name: str) -> Answer:
        try:
            with self._opener.open(self._upstream + name, timeout=TIMEOUT) as response:
                return Answer(200, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code)
        except (OSError, http.client.HTTPException):
            return Answer(502)

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A host that keeps its connection open does not keep the lab from ending.
    block_on_close = False

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    # apt asks for one file after the other on one connection.
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
        self._reply(with_content=True)

    def do_HEAD(self) -> None:  # noqa: N802
        self._reply(with_content=False)

    def _reply(self, *, with_content: bool) -> None:
        answer = self.server.mirror.answer(self.path)
        self.send_response(answer.status)
        self.send_header("Content-Type", CONTENT)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if with_content:
            self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `requests` has them."""


def _is_plain(name: str) -> bool:
    return PLAIN.fullmatch(name) is not None and ".." not in name.split("/")


def _opener(options: list[str]) -> urllib.request.OpenerDirector:
    """apt's proxies where it has any, else those of the environment, as apt does."""
    proxies = {found[1].lower(): found[2] for option in options if (found := PROXY.match(option))}
    direct = {kind for kind, address in proxies.items() if address == "DIRECT"}
    chosen = {**urllib.request.getproxies(), **proxies}
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({kind: address for kind, address in chosen.items() if kind not in direct})
    )


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, also for another lab that reads it at this moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "wb") as half:
        half.write(content)
    Path(name).replace(file)
