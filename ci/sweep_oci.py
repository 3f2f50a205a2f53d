"""What is in an OCI compartment by the tags of test environments, in the order in which it can be deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from oci.exceptions import RequestException, ServiceError

from ci.leftover import Leftover, stack_of
from commands import oci_sign_in
from commands.oci_calls import every_page

REFUSALS = (ServiceError, RequestException)

# Kind, and the ends of the operations that list and delete it.
_KINDS = (
    ("IPSec connection", "ip_sec_connections", "ip_sec_connection"),
    ("CPE", "cpes", "cpe"),
    ("subnet", "subnets", "subnet"),
    ("network security group", "network_security_groups", "network_security_group"),
    ("security list", "security_lists", "security_list"),
    ("route table", "route_tables", "route_table"),
    ("DRG attachment", "drg_attachments", "drg_attachment"),
    ("DRG", "drgs", "drg"),
    ("VCN", "vcns", "vcn"),
)


@dataclass(frozen=True)
class Oracle:
    """One compartment, seen with the sign-in of the stacks."""

    client: Any
    compartment: str
    project: str

    @classmethod
    def of(cls, settings: Mapping[str, str], environment: Mapping[str, str], compartment: str, project: str) -> Oracle:
        """Raises CommandError where the sign-in fails."""
        return cls(oci_sign_in.virtual_network_client(settings, environment), compartment, project)

    def leftovers(self) -> Iterator[Leftover]:
        """Everything with the tags of a test environment. What is terminated and still listed is not there."""
        for kind, plural, singular in _KINDS:
            listing = getattr(self.client, f"list_{plural}")
            delete = getattr(self.client, f"delete_{singular}")
            for item in every_page(listing, compartment_id=self.compartment):
                stack = stack_of(item.freeform_tags or {}, self.project)
                # A CPE has no such state.
                state = getattr(item, "lifecycle_state", "")
                if stack and state not in ("TERMINATED", "DETACHED"):
                    going = state in ("TERMINATING", "DETACHING")
                    yield Leftover(kind, item.id, stack, None if going else partial(_call, delete, item.id))


def _call(delete: Any, identifier: str) -> None:
    delete(identifier)
