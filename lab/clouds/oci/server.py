"""An emulator of Oracle's APIs for networks, alarms, notifications and limits on 127.0.0.1.

Oracle's own SDK works against it unchanged (`service_endpoint=`). A request must be signed, but its signature
is not verified, and there is no policy: whoever asks may.
"""

from __future__ import annotations

import copy
import json
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.clouds.oci import connections, cpes, drg_routes, drgs, groups, limits, tunnels, vcns, watching
from lab.clouds.oci.api import SERVICES, Answer, Request, Route
from lab.clouds.oci.behaviour import USUAL, Behaviour
from lab.clouds.oci.clock import Clock
from lab.clouds.oci.errors import ApiError
from lab.clouds.oci.store import (
    DRG_ATTACHMENT,
    NETWORK_SECURITY_GROUP,
    ROUTE_TABLE,
    SECURITY_LIST,
    SUBNET,
    TUNNEL,
    VCN,
    Body,
    Judge,
    Store,
)


@dataclass
class _Fault:
    status: int
    code: str
    times: int


@dataclass
class OciCloud:
    """The running emulator. `store` is the region's state; hold its `lock` to look at it directly."""

    store: Store
    routes: list[Route]
    record: Path | None
    faults: dict[str, _Fault] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    @property
    def endpoint(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, port: int) -> None:
        cloud = self

        class Handler(_Handler):
            serves = cloud

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def leftovers(self) -> dict[str, list[str]]:
        """Ids of everything that is not TERMINATED, by the word for its kind in OCIDs."""
        found: dict[str, list[str]] = {}
        with self.store.lock:
            for resource in self.store.all():
                if resource.live:
                    found.setdefault(resource.kind.ocid, []).append(resource.id)
        return {kind: sorted(ids) for kind, ids in sorted(found.items())}

    def describe_vcn(self, vcn_id: str) -> Body:
        """The VCN and all that is in it, by id, without what moves by itself: to compare before and after."""
        with self.store.lock:
            parts = {
                "subnets": SUBNET,
                "routeTables": ROUTE_TABLE,
                "securityLists": SECURITY_LIST,
                "networkSecurityGroups": NETWORK_SECURITY_GROUP,
                "drgAttachments": DRG_ATTACHMENT,
            }
            description: Body = {"vcn": self.store.get(VCN, vcn_id).body}
            for name, kind in parts.items():
                found = sorted(self.store.of(kind, vcnId=vcn_id), key=lambda resource: resource.id)
                description[name] = {
                    r.id: r.body | ({"rules": r.private["rules"]} if "rules" in r.private else {}) for r in found
                }
            return copy.deepcopy(description)

    def maintain(self, tunnel_id: str, going_on: bool = True) -> None:
        """Oracle's maintenance of one tunnel begins, or is over: DOWN_FOR_MAINTENANCE meanwhile."""
        with self.store.lock:
            self.store.get(TUNNEL, tunnel_id).private["maintenance"] = going_on

    def fail(self, operation: str, status: int, code: str, times: int = 1) -> None:
        """Refuses the next calls of an operation, e.g. `UpdateRouteTable` by 429 TooManyRequests."""
        self.faults[operation] = _Fault(status, code, times)

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """One call, refusals included."""
        url = urlsplit(target)
        route, ids = self._find(method, url.path)
        operation = route.operation if route else f"{method} {url.path}"
        try:
            if "authorization" not in {name.lower() for name in headers}:
                raise ApiError(401, "NotAuthenticated", "the request is not signed")
            if route is None:
                raise ApiError(404, "NotAuthorizedOrNotFound", f"no such operation: {operation}")
            self._injected(operation)
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            request = Request(ids, query, _json(content), headers.get("if-match"))
            if route.observe:
                route.observe(self.store, request)
            with self.store.lock:
                answer = copy.deepcopy(route.handle(self.store, request))
        except ApiError as refusal:
            answer = Answer({"code": refusal.code, "message": refusal.message}, status=refusal.status)
        except Exception as fault:
            # A fault of the emulator or of the judge: said here, since the caller's SDK only retries.
            traceback.print_exc()
            answer = Answer({"code": "InternalServerError", "message": f"emulator: {fault!r}"}, status=500)
        self._note(_caller(headers), SERVICES.get(url.path.split("/")[1], ""), operation, answer.status)
        return answer

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route in self.routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None, {}

    def _injected(self, operation: str) -> None:
        with self.store.lock:
            fault = self.faults.get(operation)
            if fault and fault.times > 0:
                fault.times -= 1
                raise ApiError(fault.status, fault.code, f"injected into {operation}")

    def _note(self, caller: str, service: str, operation: str, status: int) -> None:
        if self.record:
            line = json.dumps({"caller": caller, "service": service, "operation": operation, "status": status})
            with self.store.lock, self.record.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _caller(headers: Mapping[str, str]) -> str:
    """The user in a signature's `keyId="tenancy/user/fingerprint"`: whose rights it takes."""
    signature = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    _, _, key = signature.partition('keyId="')
    return key.split("/")[1] if key.count("/") >= 2 else ""


def _json(content: bytes) -> object:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as fault:
        raise ApiError(400, "CannotParseRequest", f"the body is not JSON: {fault}") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it each answer waits for the other side's delayed acknowledgement: 40 ms a call.
    disable_nagle_algorithm = True
    wbufsize = -1
    serves: OciCloud

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = self.serves.answer(self.command, self.path, dict(_lower(self.headers)), content)
        payload = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.send_header("opc-request-id", self.headers.get("opc-request-id", "none"))
        if answer.etag:
            self.send_header("etag", answer.etag)
        self.end_headers()
        self.wfile.write(payload)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - as the base class calls them

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are recorded, not printed."""


def _lower(headers: Any) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


def start_oci(
    port: int = 0,
    record: Path | None = None,
    judge: Judge | None = None,
    behaviour: Behaviour = USUAL,
    clock: Clock = time.monotonic,
) -> OciCloud:
    """A running emulator on 127.0.0.1 (port 0: any free one); `record` gets a JSON line for each call."""
    routes = [
        *vcns.routes(),
        *groups.routes(),
        *drgs.routes(),
        *drg_routes.routes(),
        *cpes.routes(),
        *connections.routes(),
        *tunnels.routes(judge),
        *watching.routes(),
        *limits.routes(),
    ]
    cloud = OciCloud(Store(behaviour, clock), routes, record)
    cloud.start(port)
    return cloud
