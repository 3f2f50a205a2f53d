"""What the fabric's own look says of the headends, from files, processes and SAs of this machine's making.

Not proven here: that both daemons put their process and their SAs there (the lab does).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab.fabric.fabric import GUEST

SA = """\
src 10.0.0.4 dst 192.0.2.95
	proto esp spi 0xc8917d5a reqid 1 mode tunnel
	replay-window 0 flag af-unspec
	{cipher} 0x00 128
	if_id 0x1
"""
CIPHERS = {"aead": "aead rfc4106(gcm(aes))", "cbc": "enc cbc(aes)"}
# As the kernel has it while a daemon negotiates.
COMING = "src 192.0.2.95 dst 203.0.113.1\n\tproto esp spi 0x00000000 reqid 1 mode tunnel\n\treplay-window 0\n"
LOG = "13[IKE] received AUTHENTICATION_FAILED notify error\n13[NET] sending packet\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder in the place of /run, in which both daemons are this process; and `ip` beside it."""
    for name in ("charon.pid", "pluto/pluto.pid"):
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).write_text(f"{os.getpid()}\n")
    (tmp_path / "run" / "headends").mkdir()
    return tmp_path / "run"


def status(run: Path, first: str, second: str) -> list[str]:
    """The lines, where the kernel has these SAs at each headend."""
    for number, text in ((1, first), (2, second)):
        (run / f"headend-{number}").write_text(text)
    ip = run.parent / "ip"
    ip.write_text(f'#!/bin/sh\ntest "$1 $3 $4 $5 $6" = "-n xfrm state list nokeys" && exec cat "{run}/$2"\n')
    ip.chmod(0o755)
    environment = {"PATH": f"{run.parent}:{os.environ['PATH']}", "RUN": str(run)}
    script = (GUEST / "status").read_text()
    done = subprocess.run(["sh", "-eu"], input=script, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("cipher", CIPHERS.values(), ids=CIPHERS)
def test_a_daemon_with_a_child_sa_is_up(run: Path, cipher: str) -> None:
    assert status(run, SA.format(cipher=cipher), "") == ["1 up", "2 down"]
    assert status(run, "", SA.format(cipher=cipher)) == ["1 down", "2 up"]


def test_what_is_being_negotiated_is_not_up(run: Path) -> None:
    assert status(run, COMING, COMING) == ["1 down", "2 down"]


@pytest.mark.parametrize("left", ["", "0\n", "no number\n"], ids=["an empty file", "no process", "nonsense"])
def test_without_its_daemon_an_sa_says_nothing(run: Path, left: str) -> None:
    sa = SA.format(cipher=CIPHERS["aead"])
    ended = subprocess.Popen(["true"])
    ended.wait()
    (run / "charon.pid").write_text(left.replace("0", str(ended.pid)))
    (run / "pluto" / "pluto.pid").unlink()
    assert status(run, sa, sa) == ["1 down", "2 down"]


def test_what_is_down_says_why(run: Path) -> None:
    (run / "headends" / "1.log").write_text(LOG)
    (run / "headends" / "2.log").write_text('"tunnel" #1: no suitable connection for peer\n')
    assert status(run, "", "") == [
        "1 down 13[IKE] received AUTHENTICATION_FAILED notify error",
        '2 down "tunnel" #1: no suitable connection for peer',
    ]
