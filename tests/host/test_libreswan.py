"""What the keeper reads in Libreswan's words, and what it does without a daemon.

Samples are in the words of Libreswan 4.10 and 5.2. Does not prove that a daemon says so (the lab does).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from keeper import libreswan
from keeper.libreswan import Child, Libreswan, children, initiate, present_daemon, run, take_down, whack

from tests.host.hosts import HOST

VERSION_4 = """\
006 #2: "tunnel-1", type=ESP, add_time=1795454439, inBytes=168, outBytes=252, maxBytes=2^63B, id='198.51.100.11'
006 #4: "tunnel-2", type=ESP, add_time=1795454441, inBytes=0, outBytes=84, maxBytes=2^63B, id='198.51.100.22'
"""
VERSION_5 = VERSION_4.replace("006 ", "")
OFFLOAD = VERSION_5.replace("type=ESP,", "type=ESP(nic-offload=UNSET),")
FIRST, SECOND = HOST.tunnels
ONE = "#{serial}: \"tunnel-1\", type=ESP, add_time={added}, inBytes={inside}, outBytes=0, maxBytes=2^63B, id='a'\n"


@pytest.mark.parametrize("said", [VERSION_4, VERSION_5, OFFLOAD], ids=["4.10", "5.2", "5.2 with offload"])
def test_a_child_a_conn(said: str) -> None:
    assert children(said) == {
        "tunnel-1": Child(serial=2, in_bytes=168),
        "tunnel-2": Child(serial=4, in_bytes=0),
    }


@pytest.mark.parametrize("prefix", ["006 ", ""], ids=["4.10", "5.2"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_during_a_rekey_the_newest_is_the_conns(prefix: str, newest_first: bool) -> None:
    lines = [ONE.format(serial=3, added=1795454439, inside=168), ONE.format(serial=7, added=1795457739, inside=0)]
    said = "".join(prefix + line for line in sorted(lines, reverse=newest_first))
    assert children(said) == {"tunnel-1": Child(serial=7, in_bytes=0)}


def test_the_newest_has_the_highest_number_not_the_longest() -> None:
    lines = [ONE.format(serial=serial, added=1795454439, inside=serial) for serial in (9, 10)]
    assert children("".join(lines)) == {"tunnel-1": Child(serial=10, in_bytes=10)}


def test_the_time_at_which_it_was_added_is_no_mark_of_it() -> None:
    """Libreswan says that of its inbound SA, or of the outbound one that came a second later: whichever it has looked
    at last, and a liveness check looks at one alone. Taken for another child SA, its probes would not count."""
    first, then = (children(ONE.format(serial=2, added=added, inside=0)) for added in (1795454439, 1795454440))
    assert first == then


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (Child(serial=2, in_bytes=168, daemon=1), True),
        (Child(serial=2, in_bytes=252, daemon=1), True),
        (Child(serial=2, in_bytes=168, daemon=2), False),
        (Child(serial=3, in_bytes=168, daemon=1), False),
    ],
    ids=["same", "more bytes", "of another daemon", "another"],
)
def test_which_is_the_same(other: Child, is_same: bool) -> None:
    one = Child(serial=2, in_bytes=168, daemon=1)
    assert (one.is_same(other), other.is_same(one)) == (is_same, is_same)


def test_each_daemon_has_a_number_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    control = tmp_path / "pluto.ctl"
    monkeypatch.setattr(libreswan, "CONTROL", control)
    numbers = [present_daemon()]
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(control))
            numbers += [present_daemon(), present_daemon()]
        control.unlink()
        time.sleep(0.02)
    assert numbers[0] == 0
    assert numbers[1] == numbers[2] != numbers[3] == numbers[4] != 0


@pytest.mark.parametrize("prefix", ["006 ", ""], ids=["4.10", "5.2"])
def test_one_that_is_not_in_the_kernel_yet_is_none(prefix: str) -> None:
    assert children(prefix + ONE.format(serial=2, added=0, inside=0)) == {}


def test_one_whose_bytes_are_not_known_has_had_none() -> None:
    said = "#2: \"tunnel-1\", type=ESP, add_time=1795454439, id='198.51.100.11'\n"
    assert children(said) == {"tunnel-1": Child(serial=2, in_bytes=0)}


@pytest.mark.parametrize(
    "said", ["", "\n", 'whack: Pluto is not running (no "/run/pluto/pluto.ctl")\n', "000 Total IPsec connections: 2\n"]
)
def test_other_words_are_no_child(said: str) -> None:
    assert children(said) == {}


@pytest.fixture
def ipsec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command `ipsec`, and the only one there is; not there until a test writes it."""
    monkeypatch.setattr(libreswan, "PROGRAM", str(tmp_path / "whack"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "ipsec"


def becomes(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_the_command_nobody_answers(ipsec: Path) -> None:
    assert whack("--trafficstatus") is None


def test_what_the_daemon_says(ipsec: Path) -> None:
    becomes(ipsec, 'echo "$@"')
    assert whack("--terminate", "--name", "tunnel-1") == "whack --terminate --name tunnel-1\n"


def test_where_whack_is_in_its_place_no_shell_is_asked(ipsec: Path) -> None:
    becomes(ipsec, "echo asked")
    becomes(ipsec.with_name("whack"), 'echo "$@"')
    assert whack("--trafficstatus") == "--trafficstatus\n"


def test_a_daemon_without_children_answers_too(ipsec: Path) -> None:
    becomes(ipsec, "exit 0")
    assert whack("--trafficstatus") == ""


def test_a_daemon_that_is_not_there_does_not_answer(ipsec: Path) -> None:
    becomes(ipsec, "echo 'whack: Pluto is not running' >&2; exit 33")
    assert whack("--trafficstatus") is None


def test_a_refusal_is_no_answer_whatever_comes_with_it(ipsec: Path) -> None:
    becomes(ipsec, "echo '021 no connection named \"x\"'; exit 21")
    assert whack("--initiate", "--name", "x") is None
    assert run(["ipsec", "add", "x"]) is None


def test_a_daemon_that_hangs_does_not_answer(ipsec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    becomes(ipsec, "while :; do :; done")
    monkeypatch.setattr(libreswan, "TIMEOUT", 0.2)
    assert whack("--trafficstatus") is None


class Daemon:
    """Libreswan as the test wants it: what is run, and what it says."""

    def __init__(self) -> None:
        self.traffic: str | None = ""
        """None where it does not answer."""
        self.number = 1
        self.states = ""
        self.refused: tuple[str, ...] = ()
        """How what it does not know begins."""
        self.calls: list[str] = []
        """What it has been told."""
        self.looks = 0
        self.meanwhile: dict[str, str] = {}
        """What becomes of its own attributes as soon as it has answered one question."""
        self.over = threading.Event()
        self.ended = threading.Event()

    def run(self, command: Sequence[str]) -> str | None:
        if self.over.is_set():
            self.ended.set()
            # Waits for ever, in a thread that ends with the process.
            threading.Event().wait()
        words = " ".join(command)
        if words == "ipsec whack --trafficstatus":
            self.looks += 1
            return self._said(self.traffic)
        if words == "ipsec whack --showstates":
            return self._said(self.states)
        self.calls.append(words)
        return None if self.traffic is None or words.startswith(self.refused) else ""

    def _said(self, answer: str | None) -> str | None:
        vars(self).update(self.meanwhile)
        return answer


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    made = Daemon()
    monkeypatch.setattr(libreswan, "PROGRAM", "/nowhere/whack")
    monkeypatch.setattr(libreswan, "run", made.run)
    monkeypatch.setattr(libreswan, "present_daemon", lambda: made.number)
    return made


INITIATE = "ipsec whack --initiate --asynchronous --name {conn}"


class TestOrders:
    def test_to_take_down_is_to_have_the_conn_anew(self, daemon: Daemon) -> None:
        take_down(SECOND)
        assert daemon.calls == ["ipsec add tunnel-2"]

    def test_where_ipsec_add_is_unknown_its_older_name_is_used(self, daemon: Daemon) -> None:
        daemon.refused = ("ipsec add ",)
        take_down(SECOND)
        assert daemon.calls == ["ipsec add tunnel-2", "ipsec auto --replace tunnel-2"]

    def test_a_daemon_that_takes_neither_is_no_fault(self, daemon: Daemon) -> None:
        daemon.traffic = None
        take_down(SECOND)
        assert daemon.calls == ["ipsec add tunnel-2", "ipsec auto --replace tunnel-2"]

    def test_to_initiate_is_to_begin_anew_and_not_to_wait(self, daemon: Daemon) -> None:
        initiate(FIRST)
        assert daemon.calls == ["ipsec add tunnel-1", INITIATE.format(conn="tunnel-1")]


class TestThread:
    @pytest.fixture
    def running(self, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Libreswan]:
        """It asks a daemon that does not answer yet; once it has been answered it looks only where it is told to."""
        daemon.traffic = None
        monkeypatch.setattr(libreswan, "LOOK", 60.0)
        monkeypatch.setattr(libreswan, "SOON", 0.01)
        made = Libreswan()
        made.start()
        yield made
        daemon.over.set()
        made.look()
        # Or it would ask the daemon of the next test.
        assert daemon.ended.wait(10.0)

    @staticmethod
    def until(true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10.0
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def says(self, traffic: str, running: Libreswan, daemon: Daemon) -> None:
        """And it has been heard."""
        daemon.traffic = traffic
        self.until(lambda: running.answers and running.children == children(traffic, daemon.number))

    def done(self, running: Libreswan, daemon: Daemon) -> list[str]:
        """What it did of what it was told before this: orders are taken one after the other."""
        last = "ipsec add tunnel-2"
        assert last not in daemon.calls
        running.take_down(SECOND)
        self.until(lambda: last in daemon.calls)
        return daemon.calls[: daemon.calls.index(last)]

    def test_it_sees_the_daemon_come(self, running: Libreswan, daemon: Daemon) -> None:
        assert (running.answers, running.children) == (False, {})
        daemon.traffic = VERSION_5
        self.until(lambda: set(running.children) == {"tunnel-1", "tunnel-2"})
        assert running.answers

    def test_with_an_answer_it_looks_again_only_where_there_is_news(self, running: Libreswan, daemon: Daemon) -> None:
        self.says(VERSION_5, running, daemon)
        daemon.traffic = None
        time.sleep(0.2)
        assert set(running.children) == {"tunnel-1", "tunnel-2"}
        running.look()
        self.until(lambda: not running.answers)
        assert running.children == {}

    def test_it_looks_twice_where_there_is_news(self, running: Libreswan, daemon: Daemon) -> None:
        """The daemon is not done when the kernel has an SA."""
        self.says("", running, daemon)
        looks = daemon.looks
        running.look()
        self.until(lambda: daemon.looks >= looks + 2)
        time.sleep(0.2)
        assert daemon.looks == looks + 2

    @pytest.mark.usefixtures("running")
    def test_without_an_answer_it_looks_again_soon(self, daemon: Daemon) -> None:
        self.until(lambda: daemon.looks >= 5)

    def test_it_does_what_it_is_told_in_that_order(self, running: Libreswan, daemon: Daemon) -> None:
        self.says("", running, daemon)
        running.take_down(SECOND)
        running.take_down(FIRST)
        running.initiate(SECOND)
        self.until(lambda: len(daemon.calls) >= 4)
        assert daemon.calls == [
            "ipsec add tunnel-2",
            "ipsec add tunnel-1",
            "ipsec add tunnel-2",
            INITIATE.format(conn="tunnel-2"),
        ]

    @pytest.mark.parametrize("before", ["", ONE.format(serial=2, added=1795454439, inside=168)], ids=["none", "other"])
    def test_what_has_come_up_meanwhile_is_not_initiated(self, running: Libreswan, daemon: Daemon, before: str) -> None:
        self.says(before, running, daemon)
        daemon.traffic = before + ONE.format(serial=3, added=1795454440, inside=0)
        running.initiate(FIRST)
        assert self.done(running, daemon) == []

    def test_what_has_come_up_of_a_daemon_that_counts_anew_is_not_initiated(
        self, running: Libreswan, daemon: Daemon
    ) -> None:
        self.says(ONE.format(serial=2, added=1795454439, inside=168), running, daemon)
        daemon.traffic, daemon.number = ONE.format(serial=2, added=1795457739, inside=0), 2
        running.initiate(FIRST)
        assert self.done(running, daemon) == []

    @pytest.mark.parametrize(
        "now",
        ["", *(ONE.format(serial=2, added=1795454439, inside=inside) for inside in (168, 252))],
        ids=["gone", "same", "same with more bytes"],
    )
    def test_what_is_as_it_was_or_gone_is_initiated(self, running: Libreswan, daemon: Daemon, now: str) -> None:
        self.says(ONE.format(serial=2, added=1795454439, inside=168), running, daemon)
        daemon.traffic = now
        running.initiate(FIRST)
        assert self.done(running, daemon) == ["ipsec add tunnel-1", INITIATE.format(conn="tunnel-1")]

    @pytest.mark.parametrize(
        ("state", "begun_anew"),
        [
            ('#9: "tunnel-1":4500 IKE_AUTH_I (sent IKE_AUTH request); RETRANSMIT in 1s; idle;', False),
            ('006 #9: "tunnel-1":4500 STATE_V2_PARENT_I2 (sent IKE_AUTH request); REPLACE in 9s;', False),
            ('#9: "tunnel-1":500 MAIN_I2 (sent Main Mode I2); RETRANSMIT in 1s;', False),
            ('#9: "tunnel-1":4500 QUICK_I1 (sent Quick Mode request); RETRANSMIT in 1s;', False),
            ('#9: "tunnel-1":500 IKE_SA_INIT_I (sent IKE_SA_INIT request); RETRANSMIT in 1s;', True),
            ('#9: "tunnel-1":500 MAIN_I1 (sent Main Mode request); RETRANSMIT in 1s;', True),
            ('#9: "tunnel-2":4500 IKE_AUTH_I (sent IKE_AUTH request); RETRANSMIT in 1s; idle;', True),
            ('#9: "tunnel-1":4500 ESTABLISHED_IKE_SA (established IKE SA); REKEY in 9s;', True),
        ],
    )
    def test_a_negotiation_that_is_answered_is_left_to_itself(
        self, running: Libreswan, daemon: Daemon, state: str, begun_anew: bool
    ) -> None:
        self.says("", running, daemon)
        daemon.states = f"{state}\n"
        running.initiate(FIRST)
        assert bool(self.done(running, daemon)) == begun_anew

    def test_what_comes_up_between_two_questions_is_not_initiated(self, running: Libreswan, daemon: Daemon) -> None:
        """A daemon that runs its scripts answers none for seconds: between two questions lies all that they take."""
        self.says("", running, daemon)
        daemon.states = '#9: "tunnel-1":4500 IKE_AUTH_I (sent IKE_AUTH request); RETRANSMIT in 1s; idle;\n'
        daemon.meanwhile = {
            "states": '#9: "tunnel-1":4500 ESTABLISHED_IKE_SA (established IKE SA); REKEY in 9s;\n',
            "traffic": ONE.format(serial=10, added=1795454440, inside=0),
        }
        running.initiate(FIRST)
        assert self.done(running, daemon) == []

    def test_the_child_of_another_conn_keeps_none_from_being_initiated(
        self, running: Libreswan, daemon: Daemon
    ) -> None:
        self.says("", running, daemon)
        daemon.traffic = ONE.replace("tunnel-1", "tunnel-2").format(serial=3, added=1795454440, inside=0)
        running.initiate(FIRST)
        assert self.done(running, daemon) == ["ipsec add tunnel-1", INITIATE.format(conn="tunnel-1")]

    def test_a_daemon_that_does_not_answer_is_not_told_to_initiate(self, running: Libreswan, daemon: Daemon) -> None:
        running.initiate(FIRST)
        assert self.done(running, daemon) == []
