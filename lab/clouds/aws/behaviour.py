"""What a test may set about the AWS stand-in, and what it remembers beside moto's own state."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import cycle

from lab.clouds.aws.hypervisor import Hypervisor

# RFC 5737, section 3: an address block that no network routes, so that a mistake reaches nobody.
PUBLIC_BLOCK = IPv4Network("203.0.113.0/24")


def _elastic_addresses() -> Iterator[str]:
    return cycle(str(address) for address in PUBLIC_BLOCK.hosts())


@dataclass(kw_only=True)
class Behaviour:
    """Knobs and memory of one running stand-in."""

    detach_seconds: float = 1.0
    """How long an instance shuts down, its interfaces still attached, after TerminateInstances."""
    hypervisor: Hypervisor | None = None
    """What runs the instances; None where nothing boots."""
    role_seconds: float = 0.0
    """How long a change of a role's rights is unknown to the regional endpoint."""
    endpoint_away: bool = False
    """True while the regional endpoint serves nobody."""
    console: dict[str, str] = field(default_factory=dict)
    """Text of an instance's serial console, by instance id: what GetConsoleOutput serves where nothing boots."""
    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    """(instance type, zone) pairs that are not offered, whatever moto's data says."""
    host_answers: dict[str, Callable[[str], str]] = field(default_factory=dict)
    """What a host with a registered SSM agent prints for a shell script, by instance id."""
    quotas: dict[tuple[str, str], float] = field(default_factory=dict)
    """What Service Quotas says, by service and code of the quota. Said only: nothing is refused for it."""
    shutting_down: dict[str, float] = field(default_factory=dict)
    """Moment (monotonic seconds) at which an instance is terminated, by instance id."""
    elastic_addresses: Iterator[str] = field(default_factory=_elastic_addresses)
    """In turn, so that a released address does not come back at once."""

    def terminate_later(self, instance_id: str) -> None:
        self.shutting_down[instance_id] = time.monotonic() + self.detach_seconds

    def due(self, known: Container[str]) -> list[str]:
        """Those of the known instances (a region's) whose shutdown is over; they are forgotten here."""
        now = time.monotonic()
        over = [name for name, moment in self.shutting_down.items() if moment <= now and name in known]
        for instance_id in over:
            del self.shutting_down[instance_id]
        return over
