"""The policies by name, with what a team may configure of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policy import disks, host_role, ingress, metadata_service, protection, tags, tunnel_crypto, user_data
from policy.subject import Resource

NAME = "aws-oci-libreswan"


@dataclass(frozen=True, kw_only=True)
class Policy:
    name: str
    description: str
    """What is refused; each fault adds what to change."""
    validator: Callable[..., Iterator[str]]
    """Takes a resource, and what is configured by keyword."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What can be configured, by its name in the configuration file, with what holds unless it is."""

    def faults(self, resource: Resource, configured: Mapping[str, Any] | None = None) -> Iterator[str]:
        """Every fault of a resource. Raises NotKnownError, perhaps after some, where the cloud decides the rest."""
        values = {key: (configured or {}).get(key, default) for key, default in self.defaults.items()}
        return self.validator(resource, **{_snake(key): value for key, value in values.items()})

    @property
    def schema(self) -> dict[str, dict[str, Any]]:
        """JSON schema of what can be configured."""
        return {key: {**_kind(default), "default": default} for key, default in self.defaults.items()}


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def _kind(default: bool | Sequence[str]) -> dict[str, Any]:
    if isinstance(default, bool):
        return {"type": "boolean"}
    return {"type": "array", "items": {"type": "string"}}


POLICIES = (
    Policy(
        name="metadata-service-v2",
        description="An instance's metadata service answers IMDSv2 only, and one hop away at most.",
        validator=metadata_service.faults,
    ),
    Policy(
        name="no-ingress-from-anywhere",
        description="Nothing is let in from 0.0.0.0/0 or ::/0 but what the pack's configuration names.",
        validator=ingress.faults,
        defaults={
            # Routers on the way say by it that a packet is too large (RFC 1191), and any of them may.
            "securityRules": ["icmp 3/4"],
            # An ACL forgets who asked: answers of package mirrors and of Amazon's services come to these ports.
            "networkAcls": ["icmp 3/4", "tcp 1024-65535"],
        },
    ),
    Policy(
        name="encrypted-disks",
        description="Every disk is encrypted, and its declaration says so.",
        validator=disks.faults,
    ),
    Policy(
        name="host-role-reads-its-own-parameters",
        description="A role may do named things to named resources, and read no parameters but its stack's own.",
        validator=host_role.faults,
        defaults={
            # Sessions; components/libreswan_host.py says where Amazon lists them.
            "anyResource": [
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
        },
    ),
    Policy(
        name="tags-say-whose-it-is",
        description="Whatever takes tags carries project, stack and managed-by, in both clouds.",
        validator=tags.faults,
    ),
    Policy(
        name="no-secret-in-user-data",
        description="User-data holds no pre-shared key and no private key.",
        validator=user_data.faults,
        defaults={"allowPreSharedKeys": False},
    ),
    Policy(
        name="no-weak-tunnel-crypto",
        description="A tunnel's encryption is chosen, and none of the weak kinds that Oracle offers.",
        validator=tunnel_crypto.faults,
    ),
    Policy(
        name="protected-unless-disposable",
        description="Elastic IP, CPE and IPSec connection are protected where the stack is not disposable.",
        validator=protection.faults,
        # Pulumi.dev.yaml is the example that is thrown away, and a pull request's stack goes with it.
        defaults={"disposableStacks": ["dev", "pr-*"]},
    ),
)
