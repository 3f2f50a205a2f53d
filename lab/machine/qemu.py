"""A virtual machine of the lab: QEMU without KVM, as a child of this process that ends with it."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.image.build import Image
from lab.machine.guest import Guest, GuestError

COMMANDS = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "setpriv": "util-linux"}
"""What a machine needs, and the Debian package of each."""

TRANSLATED_MIB = 768
"""Of translated code, more than a host needs. A full buffer is emptied, and all is translated anew: one of 128 MiB was
sixty times in eight minutes."""

FOR_THE_EMULATOR = "norandmaps mitigations=off"
"""QEMU keeps what it has translated by address: where each process has its own, libraries are translated for each of
them. And what a kernel does against the leaks of real processors takes an emulated one time, and protects nobody."""

STOP_SECONDS = 15.0

# The kernel ends a child with the *thread* that made it, so all machines are children of one that stays.
_LAUNCHER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="machines")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a machine is made of. `folder` keeps its disk and its console from start to start."""

    name: str
    folder: Path
    image: Image
    memory_mib: int
    cores: int = 1
    devices: Sequence[str] = ()
    """Further arguments of QEMU: network and firmware."""
    inherits: Sequence[int] = ()
    """Descriptors of open files of this process that QEMU has too, by the same numbers."""
    kernel_arguments: str = ""
    consoles: int = 1
    """Shells, on hvc0 and up: one for each place that a person may want to look at."""


def qemu_arguments(hardware: Hardware, sockets: Path, disk: Path, console: Path) -> list[str]:
    """QEMU's command line. KVM is not asked for: where tests run it may be there and hang.

    A kernel that ends itself boots anew, for the sake of EMULATORS_FAULT.
    """
    shells = [
        word
        for number in range(hardware.consoles)
        for word in (
            "-chardev", f"socket,id=shell{number},path={sockets / f'shell{number}'},server=on,wait=off",
            "-device", f"virtconsole,chardev=shell{number}",
        )
    ]  # fmt: skip
    kernel = f"root=/dev/vda rootfstype=ext4 console=ttyS0 panic=1 {FOR_THE_EMULATOR} {hardware.kernel_arguments}"
    return [
        "qemu-system-x86_64",
        "-name", hardware.name,
        "-machine", "q35", "-accel", f"tcg,tb-size={TRANSLATED_MIB}", "-cpu", "max,la57=off",
        "-smp", str(hardware.cores), "-m", str(hardware.memory_mib),
        "-nodefaults", "-no-user-config", "-display", "none",
        "-kernel", str(hardware.image.kernel), "-initrd", str(hardware.image.initrd),
        "-append", kernel.strip(),
        "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
        "-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random",
        "-serial", f"file:{console}",
        "-qmp", f"unix:{sockets / 'monitor'},server=on,wait=off",
        "-device", "virtio-serial-pci,max_ports=16",
        *shells,
        "-chardev", f"socket,id=agent,path={sockets / 'agent'},server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        *hardware.devices,
    ]  # fmt: skip


EMULATORS_FAULT = "int3: 0000 [#"
"""Before QEMU 8.1, one of several processors may run code that another has just patched, and once in hundreds of boots
the guest's kernel takes that for an `int3`, says so and ends itself (https://bugzilla.redhat.com/show_bug.cgi?id=2216496).
"""


@dataclass
class Machine:
    """A machine, on or off. Its disk is a layer over the image and lives as long as its folder."""

    hardware: Hardware
    sockets: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="lab-")))
    """A short path: a Unix socket's has at most 107 bytes."""
    _process: subprocess.Popen[bytes] | None = None
    _past: str = ""

    @property
    def guest(self) -> Guest:
        return Guest(self.sockets / "agent")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> int | None:
        return self._process.pid if self._process and self.running else None

    @property
    def console(self) -> str:
        """All that the serial console said, also before the last start."""
        present = self._console_file
        return self._past + (present.read_text(errors="replace") if present.exists() else "")

    @property
    def last_words(self) -> str:
        """The end of what the console said."""
        return "\n".join(self.console.splitlines()[-20:])

    @property
    def condition(self) -> str:
        """What QEMU says of it, and what the console said last."""
        try:
            said = str(self._monitor("query-status")["status"]) if self.running else "off"
        except (OSError, GuestError) as failure:
            said = f"not answering its monitor ({failure})"
        return f"{self.hardware.name} is {said}; the end of its console:\n{self.last_words}"

    def start(self) -> None:
        """Power on. Raises GuestError when QEMU ends at once."""
        # The disk of a host holds its keys.
        self.hardware.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = self.hardware.folder / "disk.qcow2"
        if not disk.exists():
            base = ["-F", "raw", "-b", str(self.hardware.image.disk)]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *base, str(disk)], check=True)
        self._past = self.console
        self._console_file.write_text("")
        arguments = qemu_arguments(self.hardware, self.sockets, disk, self._console_file)
        for left in ("agent", "monitor"):
            # A killed QEMU leaves its sockets, and they would pass for the new one's.
            (self.sockets / left).unlink(missing_ok=True)
        log = self.hardware.folder / "qemu.log"
        self._process = _LAUNCHER.submit(_launch, arguments, log, self.hardware.inherits).result()
        deadline = time.monotonic() + STOP_SECONDS
        while not (self.sockets / "agent").exists() or not (self.sockets / "monitor").exists():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise GuestError(f"{self.hardware.name} did not start: {log.read_text(errors='replace').strip()}")
            time.sleep(0.02)

    def wait(self, seconds: float) -> None:
        """Until the guest agent answers. Raises GuestError with the end of the console if it does not."""
        deadline = time.monotonic() + seconds
        while not self.guest.answers():
            if not self.running or time.monotonic() > deadline:
                raise GuestError(
                    f"{self.hardware.name} has not come up after {seconds:.0f} s; its console:\n{self.last_words}"
                )
            time.sleep(0.2)

    def power_off(self, seconds: float = STOP_SECONDS) -> None:
        """Press the power button, and pull the plug if that does not help in time. The disk stays."""
        with suppress(OSError, GuestError):
            self._monitor("system_powerdown")
            deadline = time.monotonic() + seconds
            while self.running and time.monotonic() < deadline:
                time.sleep(0.1)
        self.kill()

    def reset(self) -> None:
        """The reset button: the machine boots anew, its disk as it is."""
        self._monitor("system_reset")

    def kill(self) -> None:
        """Pull the plug."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def discard(self) -> None:
        """Ends it and throws disk, console and sockets away."""
        self.kill()
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.hardware.folder, ignore_errors=True)

    def memory_kib(self) -> int:
        """What the machine takes of this computer's memory now (proc(5), VmRSS); 0 when it is off."""
        status = Path(f"/proc/{self.process}/status")
        lines = status.read_text().splitlines() if self.process else []
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    @property
    def _console_file(self) -> Path:
        return self.hardware.folder / "console.log"

    def _monitor(self, command: str) -> Any:
        """One command of QEMU's machine protocol: what it returns. Raises OSError or GuestError."""
        returned = None
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5.0)
            sock.connect(str(self.sockets / "monitor"))
            with sock.makefile("rb") as lines:
                lines.readline()
                for execute in ("qmp_capabilities", command):
                    sock.sendall(json.dumps({"execute": execute}).encode() + b"\n")
                    answer = next((one for one in map(json.loads, lines) if "event" not in one), None)
                    if answer is None or "error" in answer:
                        said = answer["error"]["desc"] if answer else f"no answer from {self.hardware.name}"
                        raise GuestError(f"{execute}: {said}")
                    returned = answer["return"]
        return returned


def _launch(arguments: list[str], log: Path, inherits: Sequence[int]) -> subprocess.Popen[bytes]:
    # A session of its own, so that Ctrl-C in the terminal is for the lab and not for its machines; and an end
    # with this process, however that ends.
    with log.open("wb") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", signal.Signals.SIGKILL.name.removeprefix("SIG"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherits,
        )
