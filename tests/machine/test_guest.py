"""The conversation with a guest agent, against one that says what a test wants.

Not proven here: that QEMU's agent says the same (the lab does).
"""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.machine import guest as guest_module
from lab.machine.guest import Guest, GuestError, Ran
from tests.machine.agent import Agent, Request, encoded


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    running = Agent(tmp_path / "agent")
    yield running
    running.stop()


@pytest.fixture
def guest(agent: Agent) -> Guest:
    return Guest(agent.path)


def ending(*statuses: Request) -> Callable[[Request], Request]:
    """Answers guest-exec with process 7, and then one status after another."""
    left = list(statuses)

    def handle(request: Request) -> Request:
        if request["execute"] == "guest-exec":
            return {"return": {"pid": 7}}
        assert request == {"execute": "guest-exec-status", "arguments": {"pid": 7}}
        return {"return": left.pop(0)}

    return handle


def done(code: int = 0, out: bytes = b"", err: bytes = b"") -> Request:
    given = {"out-data": out, "err-data": err}
    # The agent leaves out what a command has not printed.
    return {"exited": True, "exitcode": code, **{name: encoded(said) for name, said in given.items() if said}}


def test_a_command_runs_to_its_end(agent: Agent, guest: Guest) -> None:
    going: Request = {"exited": False}
    agent.handle = ending(going, going, going, done(3, "grüße\n".encode(), b"careful\n"))
    assert guest.run("/bin/echo", "a b", "c") == Ran(3, "grüße\n", "careful\n")
    assert agent.asked[0] == {
        "execute": "guest-exec",
        "arguments": {"path": "/bin/echo", "arg": ["a b", "c"], "capture-output": True},
    }
    assert [one["execute"] for one in agent.asked[1:]] == ["guest-exec-status"] * 4


def test_standard_input_goes_as_base64(agent: Agent, guest: Guest) -> None:
    agent.handle = ending(done(out=b"out"))
    assert guest.script("echo 'ü' \"$1\"\n") == "out"
    arguments = agent.asked[0]["arguments"]
    assert (arguments["path"], arguments["arg"]) == ("/bin/sh", ["-eu"])
    assert base64.b64decode(arguments["input-data"]).decode() == "echo 'ü' \"$1\"\n"


def test_output_that_is_no_text_is_kept_as_far_as_it_goes(agent: Agent, guest: Guest) -> None:
    agent.handle = ending(done(out=b"a\xff\x00b"))
    assert guest.run("cat").out == "a\N{REPLACEMENT CHARACTER}\x00b"


def test_a_signal_ends_a_command_as_a_shell_would_say(agent: Agent, guest: Guest) -> None:
    agent.handle = ending({"exited": True, "signal": 9})
    assert guest.run("sleep", "1").code == 137


def test_a_failed_command_is_told_with_what_it_said(agent: Agent, guest: Guest) -> None:
    agent.handle = ending(done(2, b"almost\n", b"No such thing\n"))
    with pytest.raises(GuestError) as failure:
        guest.script("false")
    assert str(failure.value) == "ended with 2: No such thing\nalmost"


def test_a_refusal_of_the_agent_is_told(agent: Agent, guest: Guest) -> None:
    agent.handle = lambda request: {"error": {"class": "GenericError", "desc": "Failed to execute child process"}}
    with pytest.raises(GuestError) as failure:
        guest.run("/no/such/program")
    assert str(failure.value) == "guest-exec: Failed to execute child process"


@pytest.mark.parametrize(
    "noise",
    [
        [b'{"return": {"pid": 6}}\n'],
        [b'{"return": 12}\n', b'{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'],
        [b'{"return": {}}\n'] * 20,
        # The rest of an answer whose beginning went to the earlier connection.
        [b'1lZnNk", "exited": true}}\n'],
        [b"\n"],
        [b'"return"\n', b"[]\n", b"\xff"],
    ],
    ids=["an answer", "an error", "many", "half an answer", "an empty line", "no objects"],
)
def test_what_others_have_asked_is_passed_over(agent: Agent, guest: Guest, noise: list[bytes]) -> None:
    agent.noise = noise
    agent.handle = ending(done(out=b"mine"))
    assert guest.run("echo").check() == "mine"


def test_every_connection_begins_with_what_ends_half_a_request(agent: Agent, guest: Guest) -> None:
    agent.handle = ending(done())
    guest.run("true")
    assert agent.first_bytes == [b"\xff", b"\xff"]


def test_a_command_that_does_not_end_is_given_up(agent: Agent, guest: Guest) -> None:
    agent.handle = ending(*[{"exited": False}] * 100)
    with pytest.raises(GuestError) as failure:
        guest.run("sleep", "1000", seconds=0.0)
    assert str(failure.value) == "sleep has not ended after 0 s"


@pytest.mark.parametrize("silent", ["guest-sync", "guest-exec"])
def test_an_agent_that_says_nothing_is_given_up(
    agent: Agent, guest: Guest, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.silent = {silent}
    monkeypatch.setattr(guest_module.Guest._ask, "__defaults__", (0.2,))
    with pytest.raises(GuestError) as failure:
        guest.run("true")
    assert str(failure.value) == "the guest agent has not answered for 0 s"
    # Whoever keeps the failure does not keep the connection: QEMU serves one at a time.
    agent.silent = set()
    assert guest.answers()


@pytest.mark.parametrize("word", ["guest-sync", "guest-exec"])
def test_a_connection_that_ends_is_told(agent: Agent, guest: Guest, word: str) -> None:
    agent.hangs_up = {word}
    with pytest.raises(GuestError, match=r"no answer|Broken pipe|Connection reset"):
        guest.run("true")


def test_a_machine_that_is_off_is_told(tmp_path: Path) -> None:
    off = Guest(tmp_path / "agent")
    assert not off.answers()
    with pytest.raises(GuestError, match="no guest agent at .*/agent: .*No such file"):
        off.run("true")
    # The socket of a machine that was killed stays, and nobody is there.
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(off.path))
    assert not off.answers()
    with pytest.raises(GuestError, match="Connection refused"):
        off.run("true")


def test_whether_it_answers(agent: Agent, guest: Guest) -> None:
    assert guest.answers()
    agent.hangs_up = {"guest-ping"}
    assert not guest.answers()


def test_several_ask_at_the_same_time(agent: Agent, guest: Guest) -> None:
    agent.handle = lambda request: {"return": {"pid": 1, **done()}}
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(guest.run("true").code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [0] * 8
