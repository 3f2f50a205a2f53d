"""What is in an OCI compartment by the tags of test environments, in the order in which it can be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from oci.exceptions import RequestException, ServiceError

from ci.leftover import Leftover, stack_of
from commands import oci_sign_in
from commands.oci_calls import every_page
from commands.oci_sign_in import VIRTUAL_NETWORK

REFUSALS = (ServiceError, RequestException)

# Client, kind, and the ends of the operations that list and delete it. An alarm first: it would tell somebody of what
# goes next.
_MONITORING = "oci_monitoring.MonitoringClient"
_TOPICS = "oci_ons.NotificationControlPlaneClient"
_SUBSCRIPTIONS = "oci_ons.NotificationDataPlaneClient"
_KINDS = (
    (_MONITORING, "alarm", "alarms", "alarm"),
    (_SUBSCRIPTIONS, "subscription", "subscriptions", "subscription"),
    (_TOPICS, "topic", "topics", "topic"),
    (VIRTUAL_NETWORK, "IPSec connection", "ip_sec_connections", "ip_sec_connection"),
    (VIRTUAL_NETWORK, "CPE", "cpes", "cpe"),
    (VIRTUAL_NETWORK, "subnet", "subnets", "subnet"),
    (VIRTUAL_NETWORK, "network security group", "network_security_groups", "network_security_group"),
    (VIRTUAL_NETWORK, "security list", "security_lists", "security_list"),
    (VIRTUAL_NETWORK, "route table", "route_tables", "route_table"),
    (VIRTUAL_NETWORK, "DRG attachment", "drg_attachments", "drg_attachment"),
    (VIRTUAL_NETWORK, "DRG", "drgs", "drg"),
    (VIRTUAL_NETWORK, "VCN", "vcns", "vcn"),
)
_ENDED = ("TERMINATED", "DETACHED", "DELETED")
_ENDING = ("TERMINATING", "DETACHING", "DELETING")


@dataclass(frozen=True)
class Oracle:
    """One compartment, seen with the sign-in of the stacks."""

    client: Callable[[str], Any]
    """A client of the SDK, by its name."""
    compartment: str
    project: str

    @classmethod
    def of(cls, settings: Mapping[str, str], environment: Mapping[str, str], compartment: str, project: str) -> Oracle:
        """Raises CommandError where the sign-in fails."""
        client = partial(oci_sign_in.client, settings=settings, environment=environment)
        client(VIRTUAL_NETWORK)
        return cls(cache(client), compartment, project)

    def leftovers(self) -> Iterator[Leftover]:
        """Everything with the tags of a test environment. What is terminated and still listed is not there."""
        for name, kind, plural, singular in _KINDS:
            client = self.client(name)
            delete = getattr(client, f"delete_{singular}")
            for item in every_page(getattr(client, f"list_{plural}"), compartment_id=self.compartment):
                stack = stack_of(item.freeform_tags or {}, self.project)
                # A CPE has no such state.
                state = getattr(item, "lifecycle_state", "")
                if stack and state not in _ENDED:
                    identifier = item.topic_id if kind == "topic" else item.id
                    yield Leftover(
                        kind, identifier, stack, None if state in _ENDING else partial(_call, delete, identifier)
                    )


def _call(delete: Any, identifier: str) -> None:
    delete(identifier)
