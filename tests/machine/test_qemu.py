"""Machines whose `qemu-system-x86_64` is a few lines of shell: their command line, and how they begin and end.

Not proven here: that QEMU takes the command line and boots (the lab does).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.image.build import Image
from lab.machine import qemu
from lab.machine.guest import GuestError
from lab.machine.qemu import Hardware, Machine, qemu_arguments

IMAGE = Image(disk=Path("/image/disk.raw"), kernel=Path("/image/kernel"), initrd=Path("/image/initrd"))

ENDS_AT_ONCE = "echo 'qemu-system-x86_64: Could not open /image/kernel' >&2; exit 1"
# Makes what a machine waits for, and stays.
STAYS = "for word; do case $word in *path=*/agent,*) folder=${word#*path=}; folder=${folder%%/agent,*};; esac; done\n"
STAYS += 'echo "$$" > "$folder/started"; touch "$folder/agent" "$folder/monitor"; exec sleep 300'


def hardware(folder: Path) -> Hardware:
    return Hardware(name="test", folder=folder, image=IMAGE, memory_mib=64)


def pretend_qemu(folder: Path, script: str) -> Path:
    """A folder for PATH with a QEMU that is this script."""
    folder.mkdir(exist_ok=True)
    program = folder / "qemu-system-x86_64"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return folder


def say_qemu(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    programs = pretend_qemu(folder, script)
    if str(programs) not in os.environ["PATH"]:
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Off, and with a disk already, so that no qemu-img is needed."""
    made = Machine(hardware(tmp_path / "test"))
    made.hardware.folder.mkdir()
    (made.hardware.folder / "disk.qcow2").touch()
    yield made
    made.discard()


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has too."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def eventually_gone(process: int) -> bool:
    deadline = time.monotonic() + 10
    while not gone(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return gone(process)


def test_the_command_line() -> None:
    one = Hardware(
        name="i-1",
        folder=Path("/f"),
        image=IMAGE,
        memory_mib=768,
        cores=2,
        consoles=2,
        devices=["-netdev", "user,id=n"],
        kernel_arguments="quiet",
    )
    assert qemu_arguments(one, Path("/s"), Path("/f/disk.qcow2"), Path("/f/console.log")) == [
        "qemu-system-x86_64",
        "-name", "i-1",
        "-machine", "q35", "-accel", "tcg,tb-size=768", "-cpu", "max,la57=off",
        "-smp", "2", "-m", "768",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-kernel", "/image/kernel", "-initrd", "/image/initrd",
        "-append", "root=/dev/vda rootfstype=ext4 console=ttyS0 panic=1 norandmaps mitigations=off quiet",
        "-drive", "file=/f/disk.qcow2,format=qcow2,if=virtio,cache=unsafe",
        "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random",
        "-serial", "file:/f/console.log",
        "-qmp", "unix:/s/monitor,server=on,wait=off",
        "-device", "virtio-serial-pci,max_ports=16",
        "-chardev", "socket,id=shell0,path=/s/shell0,server=on,wait=off", "-device", "virtconsole,chardev=shell0",
        "-chardev", "socket,id=shell1,path=/s/shell1,server=on,wait=off", "-device", "virtconsole,chardev=shell1",
        "-chardev", "socket,id=agent,path=/s/agent,server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        "-netdev", "user,id=n",
    ]  # fmt: skip


def test_kvm_is_not_asked_for_and_no_window_is_opened() -> None:
    words = qemu_arguments(hardware(Path("/f")), Path("/s"), Path("/d"), Path("/c"))
    assert "kvm" not in " ".join(words)
    assert words[words.index("-display") + 1] == "none"
    assert words[words.index("-append") + 1].endswith("console=ttyS0 panic=1 norandmaps mitigations=off")


def test_sockets_have_a_short_path(machine: Machine) -> None:
    # sockaddr_un, of which an instance's name takes its part.
    assert len(str(machine.sockets / "shell15")) < 60


def test_a_machine_that_ends_at_once_is_told_with_its_words(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", ENDS_AT_ONCE)
    with pytest.raises(GuestError) as failure:
        machine.start()
    assert str(failure.value) == "test did not start: qemu-system-x86_64: Could not open /image/kernel"
    assert not machine.running and machine.process is None and machine.memory_kib() == 0


def test_what_a_killed_machine_left_does_not_pass_for_a_new_one(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    machine.start()
    machine.kill()
    assert (machine.sockets / "agent").exists()
    say_qemu(monkeypatch, tmp_path / "bin", f"sleep 0.3; {ENDS_AT_ONCE}")
    with pytest.raises(GuestError, match="did not start"):
        machine.start()


def test_a_machine_runs_until_the_plug_is_pulled(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    machine.start()
    process = machine.process
    assert machine.running and process is not None
    assert int((machine.sockets / "started").read_text()) == process
    assert machine.memory_kib() > 0
    # Ctrl-C in the terminal is for the lab alone.
    assert os.getsid(process) == process
    machine.kill()
    assert not machine.running and gone(process)


def test_the_power_button_is_pressed_before_the_plug_is_pulled(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    machine.start()
    (machine.sockets / "monitor").unlink()
    asked: list[str] = []
    process = machine.process
    assert process is not None

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b'{"QMP": {}}\n')
            for line in lines:
                asked.append(json.loads(line)["execute"])
                connection.sendall(b'{"event": "POWERDOWN"}\n{"return": {}}\n')
                if asked[-1] == "system_powerdown":
                    os.kill(process, signal.SIGTERM)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.sockets / "monitor"))
        server.listen()
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        began = time.monotonic()
        machine.power_off()
        thread.join(5)
    assert asked == ["qmp_capabilities", "system_powerdown"]
    assert not machine.running and time.monotonic() - began < 10
    assert (machine.hardware.folder / "disk.qcow2").exists()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (b'{"QMP": {}}\n{"error": {"desc": "no such command"}}\n', "qmp_capabilities: no such command"),
        (b'{"QMP": {}}\n', "qmp_capabilities: no answer from test"),
    ],
)
def test_a_monitor_that_does_not_obey_is_told(machine: Machine, answers: bytes, message: str) -> None:
    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(answers)
            connection.recv(4096)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.sockets / "monitor"))
        server.listen()
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        with pytest.raises(GuestError) as failure:
            machine.reset()
        thread.join(5)
    assert str(failure.value) == message


def test_the_console_is_kept_from_start_to_start(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    for number in (1, 2, 3):
        machine.start()
        (machine.hardware.folder / "console.log").write_text(f"boot {number}\n")
        machine.kill()
    assert machine.console == "boot 1\nboot 2\nboot 3\n"


def test_a_machine_that_never_answers_is_told_with_its_console(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    machine.start()
    (machine.hardware.folder / "console.log").write_text("\n".join([*["early"] * 30, "Kernel panic"]))
    with pytest.raises(GuestError, match=r"test has not come up after 0 s; its console:\n(early\n){19}Kernel panic$"):
        machine.wait(0.0)


def test_what_qemu_says_of_a_machine(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.condition == "test is off; the end of its console:\n"
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    machine.start()
    (machine.hardware.folder / "console.log").write_text("a last word\n")
    # The pretended one has a file where QEMU has a socket.
    assert re.fullmatch(
        r"test is not answering its monitor \(.+\); the end of its console:\na last word", machine.condition
    )
    (machine.sockets / "monitor").unlink()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b'{"QMP": {}}\n')
            for line in lines:
                asked = json.loads(line)["execute"] == "query-status"
                connection.sendall(b'{"return": {"status": "paused"}}\n' if asked else b'{"return": {}}\n')

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.sockets / "monitor"))
        server.listen()
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        assert machine.condition == "test is paused; the end of its console:\na last word"
        thread.join(5)


def test_qemu_has_the_files_that_it_is_to_inherit_and_no_others(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        listing = tmp_path / "files"
        say_qemu(monkeypatch, tmp_path / "bin", f"ls /proc/$$/fd >{listing}\n{STAYS}")
        machine.hardware = replace(machine.hardware, inherits=[theirs.fileno()])
        machine.start()
        files = listing.read_text().split()
        assert str(theirs.fileno()) in files and str(ours.fileno()) not in files


def test_nothing_is_left_of_a_discarded_machine(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    machine.start()
    process = machine.process
    machine.discard()
    assert process is not None and gone(process)
    assert not machine.sockets.exists() and not machine.hardware.folder.exists()
    machine.discard()


def test_the_thread_that_starts_a_machine_may_end(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_qemu(monkeypatch, tmp_path / "bin", STAYS)
    thread = threading.Thread(target=machine.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert machine.running


OWNER = """
import sys, time
from pathlib import Path
from lab.machine.qemu import Machine
from tests.machine.test_qemu import hardware

machine = Machine(hardware(Path(sys.argv[1])), Path(sys.argv[2]))
machine.start()
print(machine.process, flush=True)
time.sleep(300)
"""


def test_no_machine_outlives_its_process_however_that_ends(tmp_path: Path) -> None:
    folder, sockets = tmp_path / "test", tmp_path / "sockets"
    for one in (folder, sockets):
        one.mkdir()
    (folder / "disk.qcow2").touch()
    path = f"{pretend_qemu(tmp_path / 'bin', STAYS)}:{os.environ['PATH']}"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), str(sockets)],
        cwd=Path(qemu.__file__).parents[2],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert owner.stdout is not None
        process = int(owner.stdout.readline())
        assert not gone(process)
    finally:
        owner.kill()
        owner.communicate()
    ended = eventually_gone(process)
    if not ended:
        os.kill(process, signal.SIGKILL)
    assert ended
