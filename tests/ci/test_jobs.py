"""What surrounds the engine in a job: signals, secrets, drift's issue and OCI's token. The engine is a shell script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ci import drift, oci_token, publish
from ci.__main__ import main
from ci.engine import PipelineError, ask
from lab.engine.project import REPOSITORY
from lab.engine.result import Result
from tests.ci.pretend_github import PretendGitHub

KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9v"


def put_engine(folder: Path, script: str) -> str:
    """A `pulumi` that is this script; the PATH on which it is the first."""
    engine = folder / "pulumi"
    engine.write_text(f"#!/bin/sh\n{script}\n")
    engine.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_job_that_is_told_to_stop_tells_the_engine_once_and_waits(tmp_path: Path) -> None:
    said = tmp_path / "said"
    path = put_engine(
        tmp_path, f"trap 'echo told >> {said}' INT\necho begun\nfor i in 1 2 3 4 5 6 7 8; do sleep 0.2; done"
    )
    job = subprocess.Popen(
        # What runs these tests in the background may have told its children to ignore Ctrl-C.
        ["env", "--default-signal=INT", sys.executable, "-m", "ci", "deploy", "dev"],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stderr is not None
    assert job.stderr.readline() == "begun\n"
    for number in (signal.SIGTERM, signal.SIGINT):
        job.send_signal(number)
        time.sleep(0.1)
    out, _ = job.communicate(timeout=30)
    assert said.read_text() == "told\n"
    assert "`pulumi up` of `dev`: nothing changes" in out, "it waited for the engine's own end"


def test_a_question_that_fails_is_told_with_the_engines_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", put_engine(tmp_path, "echo 'error: no stack named dev' >&2; exit 7"))
    with pytest.raises(PipelineError, match="pulumi stack export .*ended with 7: error: no stack named dev"):
        ask("stack", "export")


def test_nothing_is_published_nor_logged_with_a_secret_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.dumps({"tunnel1PreSharedKey": {"value": KEY, "secret": True}})
    script = f"case $1 in config) echo '{config}';; stack) echo '{{}}';; *) echo 'the key is {KEY}';; esac"
    monkeypatch.setenv("PATH", put_engine(tmp_path, script))
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert main(["preview", "dev"], {}) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "error: nothing is published of dev: the text holds tunnel1PreSharedKey\n"


def test_the_place_of_a_log_is_known_in_a_job_only() -> None:
    job = {"GITHUB_RUN_ID": "3", "GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "team/network"}
    found = publish.about("dev", {**job, "GITHUB_SHA": "merge", "COMMIT": "head"})
    assert (found.log, found.commit) == ("https://github.example/team/network/actions/runs/3", "head")
    assert publish.about("dev", {}).log == ""


def test_drift_that_is_gone_closes_its_issue_and_a_failing_preview_is_no_drift(
    monkeypatch: pytest.MonkeyPatch, github: PretendGitHub
) -> None:
    github.issues.clear()
    for name, value in github.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(publish, "refuse_secrets", lambda text, stack: None)

    def says(exit_code: int, message: str) -> None:
        result = Result(command=("preview",), exit_code=exit_code, text=message, events=())
        monkeypatch.setattr(drift, "pulumi", lambda *arguments, aloud: result)

    says(1, "error: no changes were expected for preview but changes were proposed")
    assert drift.run("dev") == 3
    says(1, "the sign-in is refused")
    with pytest.raises(PipelineError, match="the preview of dev fails, so that nothing is known of drift"):
        drift.run("dev")
    assert [issue["state"] for issue in github.issues] == ["open"]
    says(0, "")
    assert drift.run("dev") == 0
    assert [issue["state"] for issue in github.issues] == ["closed"]


@pytest.fixture
def issuer() -> Iterator[dict[str, str]]:
    """GitHub's issuer of tokens, which gives another one each time."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            allowed = self.headers["Authorization"] == "Bearer request-token"
            asked.append(self.path)
            self.send_response(200 if allowed else 403)
            self.end_headers()
            self.wfile.write(json.dumps({"value": f"token-{len(asked)}{self.path}"}).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_address[1]}/?api=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
        "OCI_AUDIENCE": "urn:oci",
    }
    server.shutdown()
    server.server_close()


def test_ocis_token_is_in_a_file_for_the_owner_only_and_is_renewed(issuer: dict[str, str]) -> None:
    with oci_token.fresh(issuer, seconds=0.05):
        file = Path(issuer["OCI_WORKLOAD_IDENTITY_TOKEN_PATH"])
        assert issuer["OCI_AUTH"] == "WorkloadIdentityFederation"
        first = file.read_text()
        assert first.endswith("/?api=2&audience=urn%3Aoci")
        assert file.stat().st_mode & 0o777 == 0o600
        deadline = time.monotonic() + 10
        while file.read_text() == first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert file.read_text() != first
    assert not file.exists()


def test_without_an_audience_oci_is_signed_in_to_by_other_means() -> None:
    environment: dict[str, str] = {}
    with oci_token.fresh(environment):
        assert environment == {}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "it needs the permission id-token: write"),
        ({"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "wrong-token"}, "GitHub gives this job no token for OCI: HTTPError"),
    ],
)
def test_a_job_without_a_token_is_told_why(issuer: dict[str, str], changed: dict[str, str], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as refused, oci_token.fresh({**issuer, **changed}):
        pass
    assert "wrong-token" not in str(refused.value)
