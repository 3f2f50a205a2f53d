"""AWS' regional endpoint as an instance reaches it over the internet: TLS, and only what its role may do.

Serves Systems Manager's parameters, CloudWatch's log lines and STS' GetCallerIdentity, and refuses anything else by
name. Who calls is told from access key and session token; the signature itself is not verified.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import RLock, Thread
from typing import Any
from xml.sax.saxutils import escape

from moto.kms.models import kms_backends
from moto.ssm.models import Parameter, ssm_backends
from moto.utilities.utils import get_partition
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from lab.clouds.aws.behaviour import Behaviour
from lab.clouds.aws.images import ACCOUNT
from lab.clouds.aws.record import Call, Recorder, call_of
from lab.clouds.aws.rights import KnownRights
from lab.clouds.aws.sessions import Sessions

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    """An error of a JSON service, and what a query service (STS) calls the same."""

    code: str
    message: str
    status: int = 400
    query_code: str | None = None
    query_status: int | None = None


_UNSIGNED = _Refusal(
    code="MissingAuthenticationTokenException",
    message="Missing Authentication Token",
    query_code="MissingAuthenticationToken",
    query_status=403,
)
_UNKNOWN = _Refusal(
    code="UnrecognizedClientException",
    message="The security token included in the request is invalid.",
    query_code="InvalidClientTokenId",
    query_status=403,
)
_EXPIRED = _Refusal(
    code="ExpiredTokenException",
    message="The security token included in the request is expired",
    query_code="ExpiredToken",
    query_status=403,
)
_AWAY = _Refusal(code="ServiceUnavailable", message="The service is away, as the lab was told.", status=503)


class RegionalEndpoint:
    """Judges each call, and passes on what is allowed to `through`, which takes the lock itself and records it."""

    def __init__(
        self,
        through: Application,
        *,
        behaviour: Behaviour,
        sessions: Sessions,
        rights: KnownRights,
        recorder: Recorder,
        lock: RLock,
    ) -> None:
        self._through = through
        self._behaviour = behaviour
        self._sessions = sessions
        self._rights = rights
        self._recorder = recorder
        self._lock = lock

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        with self._lock:
            refusal = _AWAY if self._behaviour.endpoint_away else self._refusal(call, environ)
        if refusal is None:
            return self._through(environ, start_response)
        status, content_type, body = _answer(refusal, in_json="HTTP_X_AMZ_TARGET" in environ)
        if call is not None:
            self._recorder.write(call, status)
        start_response(f"{status} Refused", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def _refusal(self, call: Call | None, environ: dict[str, Any]) -> _Refusal | None:
        if call is None:
            return _UNSIGNED
        session = self._sessions.find(call.caller)
        if session is None or environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != session.token:
            return _UNKNOWN
        if session.expired():
            return _EXPIRED
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: needs no right.
        if (call.service, call.operation) == ("sts", "GetCallerIdentity"):
            return None
        if (call.service, call.operation) not in _SERVED:
            return _Refusal(
                code="UnsupportedOperation",
                message=f"The lab's endpoint does not serve {call.service}:{call.operation}",
            )
        rights = self._rights.of(session.role_id)
        for action, resource in _SERVED[call.service, call.operation](call, _body(environ)):
            if (why := rights.refusal(action, resource)) is not None:
                return _Refusal(
                    code="AccessDeniedException",
                    message=f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} {why}",
                )
        return None


def _reading(call: Call, asked: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Actions and resources that reading these parameters takes."""
    partition, backend = get_partition(call.region), ssm_backends[ACCOUNT][call.region]
    for name in asked.get("Names") or [asked["Name"]]:
        # A name may be an ARN, and end in a version or label: neither is part of the resource.
        # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
        plain = backend._strip_parameter_arn(name).partition(":")[0]
        # Public parameters are in no account.
        owner = "" if plain.startswith("/aws/service/") else ACCOUNT
        yield (
            f"ssm:{call.operation}",
            f"arn:{partition}:ssm:{call.region}:{owner}:parameter/{plain.removeprefix('/')}",
        )
        versions = backend._parameters.get(plain)
        key = _own_key(call.region, versions[-1]) if versions and asked.get("WithDecryption") else None
        if key is not None:
            # How Systems Manager words KMS' refusal is assumed.
            yield "kms:Decrypt", key


def _writing(call: Call, asked: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html"""
    place = f"arn:{get_partition(call.region)}:logs:{call.region}:{ACCOUNT}:log-group"
    yield f"logs:{call.operation}", f"{place}:{asked['logGroupName']}:log-stream:{asked['logStreamName']}"


_SERVED = {
    ("ssm", "GetParameter"): _reading,
    ("ssm", "GetParameters"): _reading,
    ("logs", "CreateLogStream"): _writing,
    ("logs", "PutLogEvents"): _writing,
}
"""What an instance may ask for, and the actions and resources that it takes."""


def _own_key(region: str, parameter: Parameter) -> str | None:
    """ARN of the key that a parameter is encrypted with; None for Amazon's, which lets the whole account decrypt.

    https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
    """
    key = parameter.keyid
    if parameter.parameter_type != "SecureString" or not key or key.endswith("alias/aws/ssm"):
        return None
    kms = kms_backends[ACCOUNT][region]
    key_id = kms.any_id_to_key_id(key)
    if key_id in kms.keys:
        return str(kms.keys[key_id].arn)
    return key if key.startswith("arn:") else f"arn:{get_partition(region)}:kms:{region}:{ACCOUNT}:key/{key}"


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    stream = environ["wsgi.input"]
    text = stream.read()
    stream.seek(0)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _answer(refusal: _Refusal, *, in_json: bool) -> tuple[int, str, bytes]:
    """Status, content type and body, in the protocol of the service that was asked."""
    if in_json:
        body = json.dumps({"__type": refusal.code, "message": refusal.message})
        return refusal.status, "application/x-amz-json-1.1", body.encode()
    code = refusal.query_code or refusal.code
    body = (
        "<ErrorResponse><Error><Type>Sender</Type>"
        f"<Code>{escape(code)}</Code><Message>{escape(refusal.message)}</Message></Error></ErrorResponse>"
    )
    return refusal.query_status or refusal.status, "text/xml", body.encode()


class _QuietHandler(WSGIRequestHandler):
    # A guest whose packets are lost in the middle of a handshake must not hold a thread for ever.
    timeout = 60

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The recorder keeps the calls."""


class EndpointServer:
    """A regional endpoint that listens on 127.0.0.1 until `stop`."""

    def __init__(self, application: Application, certificate: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadedWSGIServer("127.0.0.1", 0, application, _QuietHandler)
        # werkzeug's own way makes the handshakes in the one thread that accepts: a silent client would stop it.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.ssl_context = context
        self.port: int = self._server.port
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="endpoint", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
