"""What the keeper says to systemd, on the console and in its files."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeper import report


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in place of the machine's."""
    path = tmp_path / "console"
    monkeypatch.setattr(report, "Path", lambda name: path if name == "/dev/console" else Path(name))
    return path


def test_what_is_said_is_in_the_journal_and_on_the_console(console: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.say("tunnel-1: withdrawn")
    assert capsys.readouterr().out == "tunnel-1: withdrawn\n"
    assert console.read_text() == "aws-oci-libreswan: tunnel-1: withdrawn\n"


def test_a_machine_without_a_console_is_no_fault(console: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console.mkdir()
    report.say("tunnel-1: withdrawn")
    assert capsys.readouterr().out == "tunnel-1: withdrawn\n"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_systemd_is_told(systemd: socket.socket) -> None:
    report.tell_systemd("READY=1")
    assert systemd.recv(100) == b"READY=1"


def test_systemd_is_told_at_an_abstract_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{tmp_path}")
        listening.settimeout(5.0)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{tmp_path}")
        report.tell_systemd("WATCHDOG=1")
        assert listening.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify"])
def test_without_systemd_nothing_is_raised(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    report.tell_systemd("READY=1")


def test_a_status_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for number in (1, 2):
        report.write(path, {"number": number})
        assert json.loads(path.read_text()) == {"number": number}
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_status_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    report.write(tmp_path / "nowhere" / "status.json", {})
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for status in ({"at": 1.5, "tunnels": {"tunnel-1": {"inUse": True}}}, {}):
        report.write(path, status)
        assert report.read(path) == status


@pytest.mark.parametrize("written", [None, b"", b"{", b'{"at": ', b"\xff"])
def test_what_is_missing_or_no_status_is_nothing(tmp_path: Path, written: bytes | None) -> None:
    path = tmp_path / "status.json"
    if written is not None:
        path.write_bytes(written)
    assert report.read(path) == {}


def test_what_cannot_be_read_is_nothing(tmp_path: Path) -> None:
    assert report.read(tmp_path) == {}
