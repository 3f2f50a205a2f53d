"""What was asked of the AWS stand-in: read from a signed request, and kept a line a call."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
_CREDENTIAL = re.compile(r"Credential=(?P<caller>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One API call as its request names it. Nothing else of the request is kept: it may hold secrets."""

    caller: str
    """The access key's id: whose rights it takes."""
    service: str
    region: str
    operation: str


def call_of(environ: dict[str, Any]) -> Call | None:
    """The call that a WSGI environment holds, or None where it is not signed. Leaves the body readable."""
    signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None:
        return None
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target is not None:
        operation = target.rsplit(".", 1)[-1]
    else:
        form = parse_qs(body.decode() or environ.get("QUERY_STRING", ""))
        operation = form.get("Action", [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"])[0]
    return Call(caller=signed["caller"], service=signed["service"], region=signed["region"], operation=operation)


class Recorder:
    """Appends a JSON line for each call: `{"caller": …, "service": "ec2", "operation": "CreateVpc", "status": 200}`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, call: Call, status: int) -> None:
        if self._path is None:
            return
        line = {"caller": call.caller, "service": call.service, "operation": call.operation, "status": status}
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
