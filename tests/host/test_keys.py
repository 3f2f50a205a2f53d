"""Pre-shared keys from a Parameter Store that the test plays, into a file and a Libreswan that it plays too."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeper import keys as subject
from keeper import libreswan, report
from keeper.keys import Keys, known, next_to_renew, secrets

from tests.host.hosts import HOST

ONE, OTHER, ROTATED = "KeyOfTunnelOne0123456789", "KeyOfTunnelTwo0123456789", "RotatedKey0123456789"
FIRST, SECOND = "tunnel-1", "tunnel-2"
FILE = f'203.0.113.7 198.51.100.11 : PSK "{ONE}"\n203.0.113.7 198.51.100.22 : PSK "{OTHER}"\n'
UP = '#{serial}: "{conn}", type=ESP, add_time=1795454439, inBytes=0\n'

values = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789._-+/", min_size=1, max_size=64)


class RefusedError(Exception):
    pass


class World:
    """Parameter Store and Libreswan, as the test wants them."""

    def __init__(self, daemon: Path) -> None:
        self.daemon = daemon
        """There while the daemon runs: it may do so and not answer."""
        self.parameters: dict[str | None, tuple[str, int] | str] = {}
        """A value with its version, or why it is refused."""
        self.up: Sequence[str] | None = None
        """The conns with a child SA; None where the daemon does not answer."""
        self.calls: list[str] = []

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803 as boto3 calls it
        assert WithDecryption
        found = self.parameters[Name]
        if isinstance(found, str):
            raise RefusedError(found)
        return {"Parameter": {"Value": found[0], "Version": found[1], "Name": Name}}

    def whack(self, *arguments: str) -> str | None:
        if arguments != ("--trafficstatus",):
            self.calls.append(" ".join(arguments))
        if self.up is None:
            return None
        return "".join(UP.format(serial=number, conn=conn) for number, conn in enumerate(self.up, 1))

    def run(self, command: Sequence[str]) -> str | None:
        self.calls.append(" ".join(command))
        return None if self.up is None else ""

    def has(self, first: tuple[str, int] | str, second: tuple[str, int] | str) -> None:
        self.parameters = dict(zip((tunnel.parameter for tunnel in HOST.tunnels), (first, second), strict=True))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    # A folder of its own: another test lists what is beside the file of secrets.
    (tmp_path / "pluto").mkdir()
    made = World(tmp_path / "pluto" / "pluto.ctl")
    made.has((ONE, 1), (OTHER, 1))
    monkeypatch.setattr(libreswan, "CONTROL", made.daemon)
    monkeypatch.setattr(libreswan, "whack", made.whack)
    monkeypatch.setattr(libreswan, "run", made.run)
    monkeypatch.setattr(subject, "SECRETS", tmp_path / "oci-ipsec.secrets")
    monkeypatch.setattr(report, "KEYS", tmp_path / "keys.json")
    # Not to the console of the machine that tests run on.
    monkeypatch.setattr(report, "say", lambda text: print(text))
    return made


def file() -> str:
    return subject.SECRETS.read_text()


def waiting() -> list[str]:
    """The conns that wait for their turn, as a restarted program would read them."""
    conns: list[str] = report.read(report.KEYS)["waiting"]
    return conns


def begins_anew(conn: str) -> list[str]:
    """What Libreswan is told for it."""
    return [f"ipsec add {conn}", f"--initiate --asynchronous --name {conn}"]


def after_first_fetch(world: World) -> Keys:
    """Both keys are known, and in use."""
    keys = Keys(HOST, world)
    keys.look()
    keys.renew()
    world.daemon.touch()
    world.up = [FIRST, SECOND]
    world.calls.clear()
    return keys


@given(st.dictionaries(st.sampled_from([FIRST, SECOND]), values))
def test_what_is_written_is_read_back(keys: dict[str, str]) -> None:
    assert known(HOST, secrets(HOST, keys)) == keys


def test_one_line_a_tunnel() -> None:
    assert secrets(HOST, {SECOND: OTHER, FIRST: ONE}) == FILE
    assert secrets(HOST, {}) == ""


def test_lines_of_others_are_no_key_of_ours() -> None:
    foreign = (
        f'# 203.0.113.7 198.51.100.22 : PSK "old"\n\n: RSA "x"\n203.0.113.7 192.0.2.9 : PSK "x"\n{FILE}include y\n'
    )
    assert known(HOST, foreign) == {FIRST: ONE, SECOND: OTHER}
    assert known(HOST, foreign.replace(FILE, "")) == {}


@pytest.mark.parametrize(
    ("waiting", "up", "conn"),
    [
        ([], [], None),
        ([], [FIRST, SECOND], None),
        ([FIRST], [], FIRST),
        ([FIRST], [SECOND], FIRST),
        ([FIRST], [FIRST], None),
        ([FIRST], [FIRST, SECOND], FIRST),
        ([FIRST, SECOND], [FIRST, SECOND], FIRST),
        ([SECOND, FIRST], [FIRST, SECOND], SECOND),
        ([FIRST, SECOND], [FIRST], SECOND),
        ([FIRST, SECOND], [SECOND], FIRST),
        ([FIRST, SECOND], [], FIRST),
    ],
)
def test_whose_turn_it_is(waiting: list[str], up: list[str], conn: str | None) -> None:
    assert next_to_renew(waiting, dict.fromkeys(up)) == conn


class TestFirstFetch:
    def test_both_keys_are_written(self, world: World) -> None:
        keys = Keys(HOST, world)
        assert not keys.complete
        keys.look()
        assert keys.complete
        assert not keys.refused
        assert file() == FILE

    def test_only_root_reads_them_whatever_the_umask(self, world: World) -> None:
        before = os.umask(0)
        try:
            Keys(HOST, world).look()
        finally:
            os.umask(before)
        assert stat.S_IMODE(subject.SECRETS.stat().st_mode) == 0o600

    def test_nothing_is_left_beside_them(self, world: World) -> None:
        Keys(HOST, world).look()
        assert {path.name for path in subject.SECRETS.parent.iterdir()} == {"oci-ipsec.secrets", "keys.json", "pluto"}

    def test_a_write_that_fails_leaves_what_was_there(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = after_first_fetch(world)
        world.has((ROTATED, 2), (OTHER, 1))

        def full(*_: Any) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(subject, "secrets", full)
        with pytest.raises(OSError, match="No space left"):
            keys.look()
        assert file() == FILE

    def test_a_daemon_that_starts_after_it_reads_them_by_itself(self, world: World) -> None:
        keys = Keys(HOST, world)
        keys.look()
        assert waiting() == []
        keys.renew()
        world.daemon.touch()
        world.up = []
        keys.look()
        keys.renew()
        assert world.calls == ["--rereadsecrets", "--rereadsecrets"]

    def test_a_daemon_that_was_there_first_begins_with_them(self, world: World) -> None:
        world.daemon.touch()
        world.up = []
        keys = Keys(HOST, world)
        keys.look()
        assert waiting() == [FIRST, SECOND]
        keys.renew()
        keys.renew()
        assert world.calls == [
            "--rereadsecrets",
            "--rereadsecrets",
            *begins_anew(FIRST),
            *begins_anew(SECOND),
        ]


@pytest.mark.parametrize("refused", [FIRST, SECOND])
def test_a_parameter_that_is_refused_keeps_no_other_from_its_tunnel(world: World, refused: str) -> None:
    is_first = refused == FIRST
    world.has("AccessDenied" if is_first else (ONE, 1), (OTHER, 1) if is_first else "AccessDenied")
    keys = Keys(HOST, world)
    keys.look()
    assert (keys.complete, keys.refused) == (False, True)
    assert file() == FILE.splitlines(keepends=True)[1 if is_first else 0]


def test_a_key_that_is_known_stays_while_its_parameter_is_refused(world: World) -> None:
    keys = after_first_fetch(world)
    world.has("AccessDenied", "AccessDenied")
    keys.look()
    assert keys.complete
    assert file() == FILE


def test_the_same_value_writes_nothing(world: World) -> None:
    keys = after_first_fetch(world)
    before = subject.SECRETS.stat()
    world.has((ONE, 2), (OTHER, 1))
    keys.look()
    keys.renew()
    assert subject.SECRETS.stat().st_ino == before.st_ino
    assert world.calls == []


def test_after_a_restart_what_is_in_the_file_is_known(world: World) -> None:
    after_first_fetch(world)
    keys = Keys(HOST, world)
    assert keys.complete
    before = subject.SECRETS.stat()
    keys.look()
    keys.renew()
    assert subject.SECRETS.stat().st_ino == before.st_ino
    assert world.calls == []


class TestRotation:
    @pytest.fixture
    def keys(self, world: World) -> Keys:
        made = after_first_fetch(world)
        world.has((ROTATED, 2), (OTHER, 1))
        return made

    def test_it_is_written_and_read(self, world: World, keys: Keys) -> None:
        keys.look()
        assert file() == FILE.replace(ONE, ROTATED)
        assert waiting() == [FIRST]
        assert world.calls == ["--rereadsecrets"]

    def test_its_tunnel_begins_anew_and_no_other(self, world: World, keys: Keys) -> None:
        keys.look()
        keys.renew()
        keys.renew()
        assert world.calls[1:] == begins_anew(FIRST)
        assert waiting() == []

    def test_the_only_one_that_is_up_waits_for_the_other(self, world: World, keys: Keys) -> None:
        world.up = [FIRST]
        keys.look()
        for _ in range(1000):
            keys.renew()
        assert world.calls == ["--rereadsecrets"]
        world.up = [FIRST, SECOND]
        keys.renew()
        assert world.calls[1:] == begins_anew(FIRST)

    def test_a_conn_of_somebody_else_is_no_other_tunnel_that_is_up(self, world: World, keys: Keys) -> None:
        world.up = [FIRST, "office"]
        keys.look()
        for _ in range(1000):
            keys.renew()
        assert world.calls == ["--rereadsecrets"]

    def test_it_waits_on_after_a_restart_of_this_program(self, world: World, keys: Keys) -> None:
        world.up = [FIRST]
        keys.look()
        keys.renew()
        world.calls.clear()
        restarted = Keys(HOST, world)
        restarted.look()
        restarted.renew()
        assert world.calls == []
        world.up = [FIRST, SECOND]
        restarted.renew()
        assert world.calls == begins_anew(FIRST)

    def test_what_has_had_its_turn_has_none_after_a_restart(self, world: World, keys: Keys) -> None:
        keys.look()
        keys.renew()
        world.calls.clear()
        restarted = Keys(HOST, world)
        restarted.look()
        restarted.renew()
        assert world.calls == []

    def test_while_the_daemon_does_not_answer_it_waits(self, world: World, keys: Keys) -> None:
        """Whether it is stuck, or starts anew, and has read the old key or the new one, is not known."""
        world.up = None
        keys.look()
        for _ in range(1000):
            keys.renew()
        assert waiting() == [FIRST]
        assert world.calls == ["--rereadsecrets"]
        world.up = [FIRST, SECOND]
        keys.renew()
        assert world.calls[1:] == begins_anew(FIRST)

    def test_where_no_daemon_runs_none_waits(self, world: World, keys: Keys) -> None:
        world.daemon.unlink()
        world.up = None
        keys.look()
        assert file() == FILE.replace(ONE, ROTATED)
        assert waiting() == []
        world.daemon.touch()
        world.up = [FIRST, SECOND]
        keys.renew()
        restarted = Keys(HOST, world)
        restarted.look()
        restarted.renew()
        assert world.calls == ["--rereadsecrets"]

    def test_that_it_waits_is_reported_before_its_key_is_written(
        self, world: World, keys: Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever ends this program in between, the tunnel has its turn."""

        class EndedError(Exception):
            pass

        def ended(*_: Any) -> str:
            raise EndedError

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(subject, "secrets", ended)
            with pytest.raises(EndedError):
                keys.look()
        assert file() == FILE
        assert waiting() == [FIRST]
        restarted = Keys(HOST, world)
        restarted.look()
        assert file() == FILE.replace(ONE, ROTATED)
        assert waiting() == [FIRST]
        restarted.renew()
        restarted.renew()
        assert world.calls[1:] == begins_anew(FIRST)

    def test_both_are_never_taken_down_at_once(self, world: World, keys: Keys) -> None:
        world.has((ROTATED, 2), (ROTATED, 2))
        keys.look()
        keys.renew()
        world.up = [SECOND]
        world.calls.clear()
        for _ in range(1000):
            keys.renew()
        assert world.calls == []
        world.up = [FIRST, SECOND]
        keys.renew()
        assert world.calls[-1] == "--initiate --asynchronous --name tunnel-2"

    def test_one_that_is_down_need_not_wait(self, world: World, keys: Keys) -> None:
        world.up = [SECOND]
        keys.look()
        keys.renew()
        assert world.calls[-1] == "--initiate --asynchronous --name tunnel-1"

    def test_one_that_is_down_is_begun_with_once_for_each_key(self, world: World, keys: Keys) -> None:
        world.up = []
        keys.look()
        for _ in range(1000):
            keys.renew()
        assert world.calls.count("--initiate --asynchronous --name tunnel-1") == 1

    def test_a_second_rotation_before_its_turn_is_one_turn(self, world: World, keys: Keys) -> None:
        world.up = [FIRST]
        keys.look()
        world.has((ROTATED + "2", 3), (OTHER, 1))
        keys.look()
        world.up = [FIRST, SECOND]
        for _ in range(3):
            keys.renew()
        assert world.calls.count("--initiate --asynchronous --name tunnel-1") == 1
        assert ROTATED + "2" in file()


def test_a_fault_is_said_once_and_said_again_when_it_is_over(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    name = HOST.tunnels[0].parameter
    keys = Keys(HOST, world)
    world.has("AccessDenied", (OTHER, 1))
    keys.look()
    keys.look()
    world.has("ThrottlingException", (OTHER, 1))
    keys.look()
    world.has((ONE, 1), (OTHER, 1))
    keys.look()
    keys.look()
    assert capsys.readouterr().out.splitlines() == [
        f"step pre-shared keys: {name}: AccessDenied; trying again",
        "tunnel-2: pre-shared key, version 1",
        f"step pre-shared keys: {name}: ThrottlingException; trying again",
        f"step pre-shared keys: {name}: ok",
        "tunnel-1: pre-shared key, version 1",
    ]


@pytest.mark.parametrize(("runs", "waiting"), [(True, [SECOND]), (False, [])])
def test_what_vpn_status_and_a_restarted_program_are_told(world: World, runs: bool, waiting: list[str]) -> None:
    if runs:
        world.daemon.touch()
    world.has("AccessDenied", (OTHER, 7))
    Keys(HOST, world).look()
    assert json.loads(report.KEYS.read_text()) == {
        "versions": {SECOND: 7},
        "faults": {FIRST: "AccessDenied"},
        "waiting": waiting,
    }


def test_no_key_is_ever_said(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    keys = Keys(HOST, world)
    world.has("AccessDenied", (OTHER, 1))
    keys.look()
    world.has((ONE, 1), (OTHER, 1))
    keys.look()
    world.daemon.touch()
    world.up = [FIRST, SECOND]
    world.has((ROTATED, 2), (OTHER, 1))
    keys.look()
    keys.renew()
    keys.renew()
    said = "".join(capfd.readouterr()) + report.KEYS.read_text() + "".join(world.calls)
    assert "tunnel-1: brought up with its new key" in said
    assert not any(key in said for key in (ONE, OTHER, ROTATED))
