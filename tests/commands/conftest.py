"""A desk for one command: its environment, a clock that only sleeping moves, and what it said."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commands.invocation import Invocation, SignInSettings

# (method, path and query without the API version, body, if-match) -> (status, JSON body, headers)
Respond = Callable[[str, str, Any, str | None], tuple[int, Any, Mapping[str, str]]]


@dataclass
class Desk:
    """Where a command runs in a test."""

    now: float = 1000.0
    told: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def invocation(
        self, environment: Mapping[str, str] | None = None, settings: SignInSettings | None = None
    ) -> Invocation:
        return Invocation(
            environment=environment or {},
            settings=settings or SignInSettings(),
            tell=self.told.append,
            answer=self.answers.append,
            clock=self.clock,
            sleep=self.sleep,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
def pem() -> str:
    """A real RSA key, made for this run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture(scope="session")
def api_key(pem: str) -> dict[str, str]:
    """The stack's oci:* configuration for a made-up user."""
    return {
        "tenancyOcid": "ocid1.tenancy.oc1..aaaa",
        "userOcid": "ocid1.user.oc1..bbbb",
        "fingerprint": ":".join(["0a"] * 16),
        "privateKey": pem,
        "region": "eu-frankfurt-1",
    }


@dataclass
class OciServer:
    """Something that answers as OCI's API would, on this machine."""

    endpoint: str
    calls: list[tuple[str, str]]
    authorizations: list[str]

    @property
    def environment(self) -> dict[str, str]:
        return {"CLIENT_HOST_OVERRIDES": f"oci_core.VirtualNetworkClient={self.endpoint}"}


@pytest.fixture
def serve_oci() -> Iterator[Callable[[Respond], OciServer]]:
    """Starts a server that answers with the given function; stopped after the test."""
    running: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> OciServer:
        served = OciServer("", [], [])

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                path = self.path
                assert path.startswith("/20160918/"), path
                path = path.removeprefix("/20160918")
                served.calls.append((self.command, path))
                served.authorizations.append(self.headers.get("authorization", ""))
                status, found, headers = respond(self.command, path, body, self.headers.get("if-match"))
                text = json.dumps(found).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = answer  # noqa: N815 (the names are the standard library's)

            def log_message(self, format: str, *args: Any) -> None:
                """The test's output is for the test."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        served.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        return served

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def make_token() -> Callable[[float], str]:
    """Makes a security token that expires at the given time, seconds since 1970."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return lambda expires: f"{part({'alg': 'RS256'})}.{part({'exp': expires, 'sub': 'somebody'})}.c2lnbmF0dXJl"


@pytest.fixture
def home(tmp_path: Path, pem: str, make_token: Callable[[float], str]) -> Path:
    """A home directory as `oci setup` and `oci session authenticate` leave it; the token ends in January 2027."""
    folder = tmp_path / ".oci"
    folder.mkdir()
    (folder / "key.pem").write_text(pem)
    (folder / "token").write_text(make_token(1_800_000_000) + "\n")
    (folder / "config").write_text(
        "[DEFAULT]\n"
        "tenancy=ocid1.tenancy.oc1..default\n"
        "user=ocid1.user.oc1..default\n"
        f"fingerprint={':'.join(['dd'] * 16)}\n"
        "key_file=~/.oci/key.pem\n"
        "region=uk-london-1\n"
        "[session]\n"
        "tenancy=ocid1.tenancy.oc1..session\n"
        f"fingerprint={':'.join(['ee'] * 16)}\n"
        f"key_file={folder / 'key.pem'}\n"
        "security_token_file=~/.oci/token\n"
        "region=uk-london-1\n"
        "[bare]\n"
        "region=uk-london-1\n"
    )
    return tmp_path


@pytest.fixture
def federation(tmp_path: Path) -> dict[str, str]:
    """The stack's oci:* configuration for a workload's own token."""
    path = tmp_path / "workload-token"
    path.write_text("first\n")
    return {
        "auth": "WorkloadIdentityFederation",
        "region": "eu-zurich-1",
        "workloadIdentityTokenPath": str(path),
        "tokenExchangeDomainUrl": "https://idcs.example",
        "tokenExchangeClientId": "client",
        "tokenExchangeClientSecret": "hunter2",
        "tokenExchangeRequestedTokenType": "urn:oci:token-type:oci-upst",
    }
