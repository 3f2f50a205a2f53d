"""Every guard, by the EC2 operation that it stands before."""

from __future__ import annotations

from lab.clouds.aws.guards import addresses, launches, networks, security
from lab.clouds.aws.guards.refusal import Guard, Request

GUARDS: dict[str, tuple[Guard, ...]] = {
    **networks.GUARDS,
    **addresses.GUARDS,
    **security.GUARDS,
    **launches.GUARDS,
}


def check(operation: str, request: Request) -> None:
    """Raises Refusal for the first guard of the operation that objects."""
    for guard in GUARDS.get(operation, ()):
        guard(request)
