"""The shape of a guard: a look at a request and at moto's state, and a refusal as EC2 words it.

Codes are those of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance

from lab.clouds.aws.behaviour import Behaviour


class Refusal(ServiceException):
    """An error of the EC2 API: (code, message). Those that say it is not the caller's fault have status 500."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Request:
    """One EC2 call before moto sees it."""

    params: Mapping[str, Any]
    """The operation's members, named and typed as in the API model."""
    backend: EC2Backend
    """moto's state of the account in the request's region."""
    behaviour: Behaviour

    def text(self, name: str) -> str:
        """A text parameter; empty when it is not given."""
        return str(self.params.get(name) or "")


Guard = Callable[[Request], None]


def alive_instances(backend: EC2Backend) -> list[Instance]:
    return [instance for instance in backend.all_instances() if instance.state != "terminated"]


def interfaces_of_vpc(backend: EC2Backend, vpc_id: str) -> list[NetworkInterface]:
    return [interface for interface in backend.enis.values() if interface.vpc_id == vpc_id]


def has_dependencies(kind: str, identifier: str) -> Refusal:
    return Refusal("DependencyViolation", f"The {kind} '{identifier}' has dependencies and cannot be deleted.")


def different_networks(one: str, other: str) -> Refusal:
    return Refusal("InvalidParameterValue", f"{one} and {other} belong to different networks")
