"""A hypervisor that runs nothing and remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.clouds.aws.hypervisor import Launch, NoCapacityError


@dataclass
class RecordingHypervisor:
    launches: dict[str, Launch] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Operation and instance id, in order."""
    capacity: int = 1_000
    """How many more machines can be had."""
    meanwhile: Callable[[str, str], None] = lambda operation, instance_id: None
    """Runs inside each call, as long as the machine is not yet what the call makes it."""

    def boot(self, launch: Launch) -> None:
        self._note("boot", launch.instance_id)
        if self.capacity == 0:
            raise NoCapacityError
        self.capacity -= 1
        self.launches[launch.instance_id] = launch

    def stop(self, instance_id: str) -> None:
        self._note("stop", instance_id)

    def start(self, instance_id: str) -> None:
        self._note("start", instance_id)

    def reboot(self, instance_id: str) -> None:
        self._note("reboot", instance_id)

    def terminate(self, instance_id: str) -> None:
        self._note("terminate", instance_id)

    def console(self, instance_id: str) -> str:
        return f"[    0.000000] Booting {instance_id}\n"

    def of(self, instance_id: str) -> list[str]:
        return [operation for operation, named in self.calls if named == instance_id]

    def _note(self, operation: str, instance_id: str) -> None:
        self.meanwhile(operation, instance_id)
        self.calls.append((operation, instance_id))
