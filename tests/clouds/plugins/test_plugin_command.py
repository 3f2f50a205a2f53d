"""`command:local:Command` over gRPC: commands that really run, in the engine's environment.

Does not prove anything about the project's own commands, nor that the real pulumi-command words its errors so.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from lab.clouds.plugins import command
from lab.clouds.plugins.table import Plugin
from lab.clouds.plugins.values import UNKNOWN, Secret, Values

COMMAND = "command:local:Command"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    return folder


@pytest.fixture
def engine(project: Path, serve: Callable[[Plugin], Any]) -> Any:
    connected = serve(command.plugin({"PATH": "/usr/bin:/bin", "PWD": str(project), "OF_ENGINE": "yes"}))
    connected.configure({})
    return connected


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        action()
    return str(refused.value.details())


@pytest.mark.parametrize(
    ("inputs", "stdout", "stderr"),
    [
        ({"create": "echo out; echo err >&2"}, "out", "err"),
        ({"create": "printf 'a\\n\\n'"}, "a\n", ""),
        ({"create": "printf '%s' \"$0\""}, "/bin/sh", ""),
        ({"create": "cat", "stdin": "given\n"}, "given", ""),
        ({"create": "true", "stdin": "x" * 1_000_000}, "", ""),
        ({"create": "echo $OF_ENGINE $OWN", "environment": {"OWN": "mine"}}, "yes mine", ""),
        ({"create": "echo $OF_ENGINE", "environment": {"OF_ENGINE": "no"}}, "no", ""),
        ({"create": "env | sort | grep -ve '^_=' -e SHLVL -e PWD"}, "OF_ENGINE=yes\nPATH=/usr/bin:/bin", ""),
        ({"create": "basename $(pwd)"}, "project", ""),
        ({"create": "basename $(pwd)", "dir": "sub"}, "sub", ""),
        ({"create": "run $me", "interpreter": ["/bin/sh", "-c", "echo $0: $1", "by"]}, "by: run $me", ""),
        ({"update": "echo not now", "delete": "echo nor now"}, "", ""),
    ],
)  # fmt: skip
def test_create_runs_it(engine: Any, inputs: Values, stdout: str, stderr: str) -> None:
    made = engine.create(COMMAND, inputs, "do")
    assert (made.outputs["stdout"], made.outputs["stderr"]) == (stdout, stderr)
    assert made.id.startswith("do")
    assert {key: made.outputs[key] for key in inputs} == inputs


@pytest.mark.parametrize("key", ["stdin", "create", "environment"])
def test_outputs_are_secret_when_an_input_is(engine: Any, key: str) -> None:
    inputs: Values = {"create": "echo out", "stdin": "x", "environment": {"A": "b"}}
    inputs[key] = {"A": Secret("b")} if key == "environment" else Secret(inputs[key])
    outputs = engine.create(COMMAND, inputs).outputs
    assert (outputs["stdout"], outputs["stderr"], outputs[key]) == (Secret("out"), Secret(""), inputs[key])


def test_preview_runs_nothing(engine: Any, project: Path) -> None:
    outputs = engine.preview(COMMAND, {"create": "touch made", "stdin": UNKNOWN})
    assert outputs == {"create": "touch made", "stdin": UNKNOWN, "stdout": UNKNOWN, "stderr": UNKNOWN}
    assert not (project / "made").exists()


@pytest.mark.parametrize(
    ("more", "stdout"),
    [
        ({"update": "echo update after $PULUMI_COMMAND_STDOUT and $PULUMI_COMMAND_STDERR"}, "update after one and two"),
        ({}, "one"),
        ({"update": 'echo "<$PULUMI_COMMAND_STDOUT>"', "addPreviousOutputInEnv": False}, "<>"),
    ],
)
def test_update(engine: Any, more: Values, stdout: str) -> None:
    made = engine.create(COMMAND, {"create": "echo one; echo two >&2", **more})
    changed = {"create": "echo one; echo two >&2", "stdin": "changed", **more}
    assert list(engine.diff(made, changed).replaces) == []
    assert engine.update(made, changed, preview=True)["stdout"] is UNKNOWN
    assert engine.update(made, changed)["stdout"] == stdout


def test_triggers_replace(engine: Any) -> None:
    made = engine.create(COMMAND, {"create": "true", "triggers": ["1", {"a": 1}]})
    assert list(engine.diff(made, {"create": "true", "triggers": ["1", {"a": 2}]}).replaces) == ["triggers"]
    assert list(engine.diff(made, {"create": "true", "triggers": ["1", {"a": 1}], "stdin": UNKNOWN}).replaces) == []


def test_delete_knows_the_last_output(engine: Any, project: Path) -> None:
    inputs = {
        "create": "echo one",
        "delete": "echo $PULUMI_COMMAND_STDOUT $OWN $(cat) > gone",
        "environment": {"OWN": "mine"},
        "stdin": Secret("hush"),
        "dir": "sub",
    }
    engine.delete(engine.create(COMMAND, inputs))
    assert (project / "sub" / "gone").read_text(encoding="utf-8") == "one mine hush\n"


def test_without_delete_nothing_runs(engine: Any) -> None:
    engine.delete(engine.create(COMMAND, {"create": "true"}))


def test_failure_tells_all_it_printed(engine: Any) -> None:
    assert refusal(lambda: engine.create(COMMAND, {"create": "echo why >&2; exit 3"})) == (
        'exit status 3: running "echo why >&2; exit 3":\nwhy\n'
    )
    made = engine.create(COMMAND, {"create": "true", "delete": "exit 4"})
    assert refusal(lambda: engine.delete(made)) == 'exit status 4: running "exit 4":\n'


def test_refresh_believes_the_state(engine: Any) -> None:
    made = engine.create(COMMAND, {"create": "echo one", "stdin": Secret("hush")})
    before = (dict(made.inputs), dict(made.outputs))
    assert engine.refresh(made) is True
    assert (made.inputs, made.outputs) == before


@pytest.mark.parametrize(
    ("inputs", "failure"),
    [
        (
            {"logging": "loud"},
            ("logging", "logging: 'loud' is refused: it is one of none, stdout, stderr, stdoutAndStderr"),
        ),
        ({"logging": UNKNOWN}, None),
    ],
)
def test_check(engine: Any, inputs: Values, failure: tuple[str, str] | None) -> None:
    assert engine.check(COMMAND, inputs)[1] == ([failure] if failure else [])


def test_cancel_ends_the_whole_process_group(engine: Any, project: Path) -> None:
    told: list[str] = []
    inputs = {"create": "echo $$ > pid; sleep 61 & wait"}
    thread = threading.Thread(target=lambda: told.append(refusal(lambda: engine.create(COMMAND, inputs))))
    thread.start()
    written = threading.Event()
    while not (project / "pid").exists() or not (project / "pid").read_text(encoding="utf-8"):
        written.wait(0.02)
    engine.stub.Cancel(Empty())
    thread.join(10)
    assert told == ['signal: killed: running "echo $$ > pid; sleep 61 & wait":\n']
    group = (project / "pid").read_text(encoding="utf-8").strip()
    # One that is dead, but that its new parent has not looked at yet, is no process any more.
    alive = subprocess.run(["pgrep", "-r", "R,S,D", "-g", group], capture_output=True, check=False)
    assert alive.stdout == b""


class _Log(engine_pb2_grpc.EngineServicer):
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.lines.append((request.urn.rpartition("::")[2], request.message))
        return Empty()


@pytest.fixture
def log(engine: Any) -> Iterator[_Log]:
    servicer, server = _Log(), grpc.server(ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    engine.stub.Handshake(pb.ProviderHandshakeRequest(engine_address=f"127.0.0.1:{port}"))
    yield servicer
    server.stop(None)


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({}, {("it", "out"), ("it", "err")}),
        ({"logging": "stdoutAndStderr"}, {("it", "out"), ("it", "err")}),
        ({"logging": "stderr"}, {("it", "err")}),
        ({"logging": "none"}, set()),
    ],
)
def test_what_it_prints_is_shown_meanwhile(engine: Any, log: _Log, more: Values, lines: set[tuple[str, str]]) -> None:
    engine.create(COMMAND, {"create": "echo out; echo err >&2", **more})
    assert set(log.lines) == lines
