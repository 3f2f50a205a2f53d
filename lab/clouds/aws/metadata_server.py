"""The metadata service of one instance, over HTTP on 127.0.0.1; its fabric leads 169.254.169.254:80 here.

Status codes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html. The hop limit
of the answer to a token's PUT is a matter of packets, and so of the fabric.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from lab.clouds.aws.metadata import VERSIONS, Facts, answer, tree

TOKEN_PATH = "/latest/api/token"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = f"{TOKEN_HEADER}-ttl-seconds"
LONGEST_TTL = 21_600


class Tokens:
    """Session tokens of one instance."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def issue(self, seconds: int) -> str:
        token = secrets.token_urlsafe(42)
        self._ends[token] = time.monotonic() + seconds
        return token

    def valid(self, token: str) -> bool:
        return self._ends.get(token, 0.0) > time.monotonic()


class _Handler(BaseHTTPRequestHandler):
    """One connection. The two below are set on a subclass for each instance."""

    facts: Callable[[], Facts]
    tokens: Tokens

    protocol_version = "HTTP/1.1"
    # A guest that has gone away leaves its connections open.
    timeout = 60

    def log_message(self, format: str, *arguments: Any) -> None:
        """A guest asks hundreds of times while it boots."""

    def do_PUT(self) -> None:  # noqa: N802
        # Whatever the body is, the next request of the connection begins behind it.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get(TTL_HEADER, "")
        seconds = int(given) if given.isascii() and given.isdigit() else 0
        # The token must not get out through a proxy.
        if not type(self).facts().options.enabled or "X-Forwarded-For" in self.headers:
            self._refuse(HTTPStatus.FORBIDDEN)
        elif self.path != TOKEN_PATH:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif not 1 <= seconds <= LONGEST_TTL:
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            self._send(HTTPStatus.OK, self.tokens.issue(seconds).encode(), {TTL_HEADER: str(seconds)})

    def do_GET(self) -> None:  # noqa: N802
        facts = type(self).facts()
        token = self.headers.get(TOKEN_HEADER)
        if not facts.options.enabled:
            self._refuse(HTTPStatus.FORBIDDEN)
        elif facts.options.tokens_required if token is None else not self.tokens.valid(token):
            self._refuse(HTTPStatus.UNAUTHORIZED)
        elif (content := _content(facts, self.path.partition("?")[0])) is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self._send(HTTPStatus.OK, content, {})

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, f"{status.value} - {status.phrase}".encode(), {})

    def _send(self, status: HTTPStatus, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _content(facts: Facts, path: str) -> bytes | None:
    version, _, rest = path.lstrip("/").partition("/")
    if not version:
        return "\n".join(VERSIONS).encode()
    return answer(tree(facts), rest) if version in VERSIONS else None


class MetadataServer:
    """Serves from its making until `stop`. `facts` is asked at every request, in a thread of its own."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        # Static, because a function that is a class' attribute would take the handler for its argument.
        handler = type("Handler", (_Handler,), {"facts": staticmethod(facts), "tokens": Tokens()})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._server.serve_forever, name="metadata", kwargs={"poll_interval": 0.05})
        self._thread.daemon = True
        self._thread.start()
        self.port: int = self._server.server_address[1]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
