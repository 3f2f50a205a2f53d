"""GitHub's token for OCI's token exchange, in a file that pulumi-oci and the commands of `up` read.

Not proven here: no run on GitHub has seen it, and no real account. GitHub's token is good for minutes, and each
command of an `up` exchanges it anew: it is fetched again for as long as the job works.
https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ci.engine import PipelineError

RENEW_SECONDS = 120.0
_SECONDS = 30


@contextmanager
def fresh(environment: MutableMapping[str, str] = os.environ, seconds: float = RENEW_SECONDS) -> Iterator[None]:
    """
    While it lasts, OCI is signed in to by the job's token. Without OCI_AUDIENCE it does nothing.

    Sets OCI_AUTH and OCI_WORKLOAD_IDENTITY_TOKEN_PATH in the environment. Raises PipelineError without a token.
    """
    if not environment.get("OCI_AUDIENCE"):
        yield
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "token"
        _write(file, fetch(environment))
        environment["OCI_AUTH"] = "WorkloadIdentityFederation"
        environment["OCI_WORKLOAD_IDENTITY_TOKEN_PATH"] = str(file)
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(seconds):
                try:
                    _write(file, fetch(environment))
                except PipelineError as failure:
                    # The one that is there may last; if not, the engine says what was refused.
                    print(f"OCI's token is not renewed: {failure}", file=sys.stderr)

        renewing = threading.Thread(target=renew)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()


def fetch(environment: Mapping[str, str]) -> str:
    """A token for the audience OCI_AUDIENCE. Raises PipelineError, which holds none."""
    address, bearer = (environment.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}") for name in ("URL", "TOKEN"))
    if not address or not bearer:
        raise PipelineError("GitHub gives this job no token for OCI: it needs the permission id-token: write")
    asked = f"{address}&{urllib.parse.urlencode({'audience': environment['OCI_AUDIENCE']})}"
    request = urllib.request.Request(asked, headers={"Authorization": f"Bearer {bearer}"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return str(json.loads(answer.read())["value"])
    except (OSError, ValueError, KeyError) as failure:
        raise PipelineError(f"GitHub gives this job no token for OCI: {type(failure).__name__}") from None


def _write(file: Path, token: str) -> None:
    fresh_file = file.with_suffix(".new")
    fresh_file.touch(mode=0o600)
    fresh_file.write_text(token, encoding="utf-8")
    # In one step: whoever reads it finds a whole one.
    fresh_file.replace(file)
