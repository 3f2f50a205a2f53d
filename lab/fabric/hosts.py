"""EC2's hypervisor in the lab: an instance is a QEMU machine at the other end of the fabric's wire."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from lab.clouds.aws.hypervisor import Launch, NoCapacityError
from lab.image.build import host_image
from lab.image.packages import Flavour, Os
from lab.machine.guest import GuestError
from lab.machine.qemu import Hardware, Machine

MEMORY_MIB = 768
"""Less than any EC2 type that the program is used with: what runs here runs there."""


@dataclass
class Hosts:
    """One instance at a time: the fabric has one wire. Implements `Hypervisor`."""

    folder: Path
    wire: socket.socket
    """The instance's end of the fabric's wire."""
    flavour: Flavour = "ready"
    launch: Launch | None = None
    """Of the present instance, also while it is stopped."""
    machine: Machine | None = None
    consoles: dict[str, str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def boot(self, launch: Launch) -> None:
        with self._lock:
            if self.launch is not None:
                raise NoCapacityError(f"the lab runs one instance at a time, and {self.launch.instance_id} is there")
            image = next((name for name in get_args(Os) if name == launch.os), None)
            if image is None or launch.architecture != "x86_64":
                raise NoCapacityError(f"the lab boots {' and '.join(get_args(Os))} on x86_64 only, not {launch.os}")
            hardware = Hardware(
                name=launch.instance_id,
                folder=self.folder / launch.instance_id,
                image=host_image(image, self.flavour),
                memory_mib=MEMORY_MIB,
                cores=2,
                devices=[*firmware(launch), *network_card(launch.mac, self.wire)],
                inherits=[self.wire.fileno()],
            )
            machine = Machine(hardware)
            try:
                machine.start()
            except GuestError as failure:
                machine.discard()
                raise NoCapacityError(str(failure)) from None
            self.launch, self.machine = launch, machine

    def stop(self, instance_id: str) -> None:
        if machine := self._of(instance_id):
            machine.power_off()

    def start(self, instance_id: str) -> None:
        if machine := self._of(instance_id):
            machine.start()

    def reboot(self, instance_id: str) -> None:
        if machine := self._of(instance_id):
            machine.reset()

    def terminate(self, instance_id: str) -> None:
        with self._lock:
            if machine := self._of(instance_id):
                # EC2 keeps the console of a terminated instance for a while too.
                self.consoles[instance_id] = machine.console
                machine.discard()
                self.launch = self.machine = None

    def console(self, instance_id: str) -> str:
        machine = self._of(instance_id)
        return machine.console if machine else self.consoles.get(instance_id, "")

    def _of(self, instance_id: str) -> Machine | None:
        with self._lock:
            return self.machine if self.launch and self.launch.instance_id == instance_id else None


def firmware(launch: Launch) -> list[str]:
    """What makes cloud-init know EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html"""
    identity = f"ec2{launch.instance_id.removeprefix('i-'):0>29}"
    uuid = f"{identity[:8]}-{identity[8:12]}-{identity[12:16]}-{identity[16:20]}-{identity[20:32]}"
    return [
        "-smbios",
        f"type=1,manufacturer=Amazon EC2,product={launch.instance_type},uuid={uuid},serial={uuid}",
        "-smbios",
        f"type=3,asset={launch.instance_id}",
    ]


def network_card(mac: str, wire: socket.socket) -> list[str]:
    """A card at one end of a wire between two machines: one of two connected sockets.

    Not Unix sockets with a path: of these the kernel cannot tell QEMU when a full one takes more, and QEMU asks again
    and again, until it has no time for either machine.
    """
    return [
        "-netdev",
        f"dgram,id=wire,local.type=fd,local.str={wire.fileno()}",
        # Amazon's network takes frames of 9001 bytes within a VPC.
        "-device",
        f"virtio-net-pci,netdev=wire,mac={mac},host_mtu=9001",
    ]
