"""What the AWS stand-in asks of whatever runs its instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a machine needs to know of the instance that it is to be."""

    instance_id: str
    os: str
    """Key of `images.PUBLISHERS`, from the image's id."""
    architecture: str
    instance_type: str
    interface_id: str
    mac: str
    private_ip: str
    metadata_port: int
    """Where this instance's metadata service listens on 127.0.0.1."""


class NoCapacityError(Exception):
    """No machine can be had now; EC2's InsufficientInstanceCapacity."""


class Hypervisor(Protocol):
    """Runs machines. Called by one thread at a time; a call returns when what it says is done."""

    def boot(self, launch: Launch) -> None:
        """A new disk, and power on. Raises NoCapacityError, and then nothing is left of it."""

    def stop(self, instance_id: str) -> None:
        """Power off; the disk stays."""

    def start(self, instance_id: str) -> None:
        """Power on again."""

    def reboot(self, instance_id: str) -> None: ...

    def terminate(self, instance_id: str) -> None:
        """End it, and its disk. Harmless when called twice or for an unknown instance."""

    def console(self, instance_id: str) -> str:
        """The serial console so far; empty for an unknown instance."""
