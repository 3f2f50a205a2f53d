"""What exists in the emulated region: resources, their states over time, etags, service limits."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.clock import Clock
from lab.clouds.oci.errors import limit_exceeded, no_etag_match, not_found, unknown_related

Body = dict[str, Any]
Judge = Callable[[Body, Body, Body, str], str | None]
"""(connection, tunnel, CPE, shared secret) -> None when the far end answers as declared, else why not."""


@dataclass(frozen=True)
class Lifecycle:
    starting: str
    ready: str
    ending: str
    ended: str


MADE = Lifecycle("PROVISIONING", "AVAILABLE", "TERMINATING", "TERMINATED")
ATTACHED = Lifecycle("ATTACHING", "ATTACHED", "DETACHING", "DETACHED")


@dataclass(frozen=True)
class Kind:
    """A type of resource: its word in OCIDs and limits, and its states (a CPE has none)."""

    ocid: str
    lifecycle: Lifecycle | None = MADE


VCN = Kind("vcn")
SUBNET = Kind("subnet")
ROUTE_TABLE = Kind("routetable")
SECURITY_LIST = Kind("securitylist")
DHCP_OPTIONS = Kind("dhcpoptions")
INTERNET_GATEWAY = Kind("internetgateway")
NETWORK_SECURITY_GROUP = Kind("networksecuritygroup")
DRG = Kind("drg")
DRG_ATTACHMENT = Kind("drgattachment", ATTACHED)
DRG_ROUTE_TABLE = Kind("drgroutetable")
DRG_ROUTE_DISTRIBUTION = Kind("drgroutedistribution")
CPE = Kind("cpe", None)
CONNECTION = Kind("ipsecconnection")
TUNNEL = Kind("ipsectunnel")
ALARM = Kind("alarm", Lifecycle("ACTIVE", "ACTIVE", "DELETING", "DELETED"))
# A topic that has gone is a 404 at once. A subscription is PENDING until its owner follows the link in a mail.
TOPIC = Kind("onstopic", Lifecycle("CREATING", "ACTIVE", "DELETING", "DELETING"))
SUBSCRIPTION = Kind("onssubscription", Lifecycle("PENDING", "PENDING", "DELETED", "DELETED"))


@dataclass
class Resource:
    kind: Kind
    body: Body
    """As the API shows it, less what is computed when it is read."""
    private: Body = field(default_factory=dict)
    """What no plain GET shows: rules with their own calls, a shared secret, when an address appears."""
    etag: str = ""
    coming: list[tuple[float, str | None]] = field(default_factory=list)
    """Changes of state to come: (when, state), None when it is gone."""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def state(self) -> str | None:
        return self.body.get("lifecycleState")

    @property
    def ready(self) -> bool:
        return self.kind.lifecycle is None or self.state == self.kind.lifecycle.ready

    @property
    def live(self) -> bool:
        """Still in the way of others: not yet ended."""
        return self.kind.lifecycle is None or self.state != self.kind.lifecycle.ended

    @property
    def ending(self) -> bool:
        return self.kind.lifecycle is not None and self.state in (
            self.kind.lifecycle.ending,
            self.kind.lifecycle.ended,
        )


class Store:
    """Every resource of the region. Callers hold `lock` while they look and change."""

    def __init__(self, behaviour: Behaviour, clock: Clock = time.monotonic) -> None:
        self.behaviour = behaviour
        self.clock = clock
        self.lock = threading.RLock()
        self.listings = 0
        self._resources: dict[str, Resource] = {}

    def new_id(self, kind: Kind) -> str:
        tail = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(60))
        return f"ocid1.{kind.ocid}.oc1.{self.behaviour.region}.{tail}"

    def add(self, kind: Kind, body: Body, *, settle: float = 0.0, private: Body | None = None) -> Resource:
        """A new resource that is ready after `settle` seconds. Raises 400 LimitExceeded."""
        limit = self.behaviour.limits.get(kind.ocid)
        if limit is not None and len(self.of(kind)) >= limit:
            raise limit_exceeded(f"the limit of {limit} {kind.ocid} in this region is reached")
        named = {"id": self.new_id(kind), "displayName": f"{kind.ocid}{now():%Y%m%d%H%M%S}", **body}
        named["timeCreated"] = timestamp()
        resource = Resource(kind, named, private or {}, etag=secrets.token_hex(16))
        self._resources[resource.id] = resource
        self.settle(resource, settle)
        return resource

    def settle(self, resource: Resource, seconds: float) -> None:
        """Not ready for so long, as after a create or an update."""
        lifecycle = resource.kind.lifecycle
        if lifecycle is None:
            return
        resource.body["lifecycleState"] = lifecycle.starting if seconds > 0 else lifecycle.ready
        resource.coming = [(self.clock() + seconds, lifecycle.ready)] if seconds > 0 else []

    def end(self, resource: Resource, seconds: float = 0.0) -> None:
        """Ends after so long, stays visible a little, and is gone."""
        lifecycle = resource.kind.lifecycle
        if lifecycle is None:
            del self._resources[resource.id]
            return
        resource.body["lifecycleState"] = lifecycle.ending
        ended = self.clock() + seconds
        resource.coming = [(ended, lifecycle.ended), (ended + self.behaviour.ended_visible_seconds, None)]
        resource.private["ended"] = ended

    def touch(self, resource: Resource) -> None:
        resource.etag = secrets.token_hex(16)

    def all(self) -> Iterator[Resource]:
        """Everything that a GET would still find."""
        moment = self.clock()
        for resource in list(self._resources.values()):
            while resource.coming and resource.coming[0][0] <= moment:
                _, state = resource.coming.pop(0)
                if state is None:
                    del self._resources[resource.id]
                    break
                resource.body["lifecycleState"] = state
            else:
                yield resource

    def of(self, kind: Kind, **equal: object) -> list[Resource]:
        """Live resources of a kind whose attributes equal these, oldest first."""
        return [
            resource
            for resource in self.all()
            if resource.kind is kind
            and resource.live
            and all(resource.body.get(key) == value for key, value in equal.items())
        ]

    def visible(self, kind: Kind) -> list[Resource]:
        """What a listing shows: the ended too, for a while."""
        return [resource for resource in self.all() if resource.kind is kind]

    def find(self, kind: Kind, ocid: object) -> Resource | None:
        return next((r for r in self.all() if r.kind is kind and r.id == ocid), None)

    def get(self, kind: Kind, ocid: str, if_match: str | None = None) -> Resource:
        """Raises 404, and 412 when it has changed since the etag was read."""
        resource = self.find(kind, ocid)
        if resource is None:
            raise not_found(ocid)
        if if_match is not None and if_match != resource.etag:
            raise no_etag_match(ocid)
        return resource

    def related(self, kind: Kind, ocid: object, attribute: str) -> Resource:
        """A resource that another one names in `attribute`. Raises 400 when it is not there or is going."""
        resource = self.find(kind, ocid)
        if resource is None or resource.ending:
            raise unknown_related(attribute, ocid)
        return resource


def now() -> datetime:
    return datetime.now(UTC)


def timestamp() -> str:
    """The time as Oracle writes it."""
    return now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
