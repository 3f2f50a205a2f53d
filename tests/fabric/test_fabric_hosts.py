"""EC2's hypervisor with machines that only remember what was done to them.

Not proven here: that QEMU runs, and that cloud-init takes the firmware for EC2's (the lab does).
"""

from __future__ import annotations

import select
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clouds.aws.hypervisor import Launch, NoCapacityError
from lab.fabric import hosts
from lab.fabric.hosts import Hosts, firmware, network_card
from lab.image.build import Image
from lab.machine.qemu import Hardware

LAUNCH = Launch(
    instance_id="i-0123456789abcdef0",
    os="debian-13",
    architecture="x86_64",
    instance_type="t3.micro",
    interface_id="eni-1",
    mac="02:00:00:00:00:01",
    private_ip="10.0.0.9",
    metadata_port=8081,
)


@dataclass
class PretendMachine:
    hardware: Hardware
    done: list[str] = field(default_factory=list)
    console: str = "Debian GNU/Linux 13"

    def start(self) -> None:
        self.done.append("start")

    def power_off(self) -> None:
        self.done.append("power off")

    def reset(self) -> None:
        self.done.append("reset")

    def discard(self) -> None:
        self.done.append("discard")
        self.console = ""


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[PretendMachine]:
    """Every machine that was made."""
    made: list[PretendMachine] = []

    def make(hardware: Hardware) -> PretendMachine:
        made.append(PretendMachine(hardware))
        return made[-1]

    def image(os: str, flavour: str) -> Image:
        folder = Path("/images") / f"{os}-{flavour}"
        return Image(disk=folder / "disk", kernel=folder / "kernel", initrd=folder / "initrd")

    monkeypatch.setattr(hosts, "Machine", make)
    monkeypatch.setattr(hosts, "host_image", image)
    return made


@pytest.fixture
def ec2(tmp_path: Path, machines: list[PretendMachine]) -> Iterator[Hosts]:
    end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with end, other:
        yield Hosts(tmp_path, end, "official")


def test_an_instance_is_a_machine_of_its_image_on_the_wire(
    ec2: Hosts, machines: list[PretendMachine], tmp_path: Path
) -> None:
    ec2.boot(LAUNCH)
    [machine] = machines
    hardware = machine.hardware
    assert machine.done == ["start"]
    assert (hardware.name, hardware.folder) == (LAUNCH.instance_id, tmp_path / LAUNCH.instance_id)
    assert hardware.image.disk == Path("/images/debian-13-official/disk")
    assert hardware.devices == [*firmware(LAUNCH), *network_card(LAUNCH.mac, ec2.wire)]
    assert "virtio-net-pci,netdev=wire,mac=02:00:00:00:00:01,host_mtu=9001" in hardware.devices
    assert f"dgram,id=wire,local.type=fd,local.str={ec2.wire.fileno()}" in hardware.devices
    assert hardware.inherits == [ec2.wire.fileno()]


def test_a_full_wire_says_when_it_takes_more(ec2: Hosts) -> None:
    """Which the kernel tells of connected sockets alone: of others it says at once that they take more."""
    here = ec2.wire
    with socket.fromfd(here.fileno(), here.family, here.type) as end:
        end.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                end.send(b"a frame")
        assert select.select([], [end], [], 0.0) == ([], [], [])


def test_its_life(ec2: Hosts, machines: list[PretendMachine]) -> None:
    ec2.boot(LAUNCH)
    ec2.stop(LAUNCH.instance_id)
    ec2.start(LAUNCH.instance_id)
    ec2.reboot(LAUNCH.instance_id)
    assert ec2.console(LAUNCH.instance_id) == "Debian GNU/Linux 13"
    ec2.terminate(LAUNCH.instance_id)
    assert machines[0].done == ["start", "power off", "start", "reset", "discard"]
    assert ec2.launch is None and ec2.machine is None


def test_the_console_of_a_terminated_instance_is_kept(ec2: Hosts) -> None:
    ec2.boot(LAUNCH)
    for _ in range(2):
        ec2.terminate(LAUNCH.instance_id)
        assert ec2.console(LAUNCH.instance_id) == "Debian GNU/Linux 13"
    assert ec2.console("i-unknown") == ""


def test_an_unknown_instance_disturbs_none(ec2: Hosts, machines: list[PretendMachine]) -> None:
    ec2.terminate("i-unknown")
    ec2.boot(LAUNCH)
    for act in (ec2.terminate, ec2.stop, ec2.start, ec2.reboot):
        act("i-unknown")
    assert machines[0].done == ["start"]
    assert ec2.console("i-unknown") == ""
    assert ec2.launch == LAUNCH


def test_there_is_one_instance_at_a_time_even_while_it_is_stopped(ec2: Hosts, machines: list[PretendMachine]) -> None:
    second = replace(LAUNCH, instance_id="i-2")
    ec2.boot(LAUNCH)
    ec2.stop(LAUNCH.instance_id)
    with pytest.raises(NoCapacityError, match="one instance at a time, and i-0123456789abcdef0 is there"):
        ec2.boot(second)
    ec2.terminate(second.instance_id)
    assert len(machines) == 1 and "discard" not in machines[0].done
    ec2.terminate(LAUNCH.instance_id)
    ec2.boot(second)
    assert ec2.launch == second


@pytest.mark.parametrize(
    "launch",
    [replace(LAUNCH, architecture="arm64"), replace(LAUNCH, os="ubuntu-24.04"), replace(LAUNCH, os="")],
    ids=["arm64", "ubuntu", "nameless"],
)
def test_what_has_no_image_leaves_nothing(ec2: Hosts, machines: list[PretendMachine], launch: Launch) -> None:
    with pytest.raises(NoCapacityError, match="debian-12 and debian-13 on x86_64 only"):
        ec2.boot(launch)
    assert machines == [] and ec2.launch is None
    ec2.boot(LAUNCH)


@given(st.sampled_from([8, 17]).flatmap(lambda size: st.text("0123456789abcdef", min_size=size, max_size=size)))
def test_the_firmware_says_ec2_whatever_the_instances_id_is(digits: str) -> None:
    [_, system, _, chassis] = firmware(replace(LAUNCH, instance_id=f"i-{digits}"))
    said = dict(part.split("=", 1) for part in system.split(","))
    assert said["manufacturer"] == "Amazon EC2" and said["product"] == "t3.micro"
    assert said["uuid"] == said["serial"]
    # Well-formed, as it is written: QEMU takes no other.
    assert str(uuid.UUID(said["uuid"])) == said["uuid"]
    assert said["uuid"].startswith("ec2") and said["uuid"].replace("-", "").endswith(digits)
    assert chassis == f"type=3,asset=i-{digits}"
