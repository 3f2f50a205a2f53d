"""A region of the emulator with its clock in the test's hand, reached through Oracle's own SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import oci
import pytest
from oci.core import models

from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.clock import ManualClock
from lab.clouds.oci.credentials import network_client
from lab.clouds.oci.server import OciCloud, start_oci
from lab.clouds.oci.store import Judge

COMPARTMENT = "ocid1.compartment.oc1..lab"
LONG = 60.0


@dataclass
class Region:
    """The emulator, a client of it, its clock, and short ways to what most tests need first."""

    cloud: OciCloud
    clock: ManualClock
    api: Any = field(init=False)

    def __post_init__(self) -> None:
        self.api = network_client(self.cloud.endpoint)

    def vcn(self, *blocks: str, **more: Any) -> Any:
        blocks = blocks or ("172.16.0.0/16",)
        return self.api.create_vcn(
            models.CreateVcnDetails(compartment_id=COMPARTMENT, cidr_blocks=list(blocks), **more)
        ).data

    def subnet(self, vcn: Any, block: str = "172.16.1.0/24", **more: Any) -> Any:
        return self.api.create_subnet(
            models.CreateSubnetDetails(compartment_id=COMPARTMENT, vcn_id=vcn.id, cidr_block=block, **more)
        ).data

    def route_table(self, vcn: Any, *rules: models.RouteRule, **more: Any) -> Any:
        return self.api.create_route_table(
            models.CreateRouteTableDetails(compartment_id=COMPARTMENT, vcn_id=vcn.id, route_rules=list(rules), **more)
        ).data

    def drg(self) -> Any:
        made = self.api.create_drg(models.CreateDrgDetails(compartment_id=COMPARTMENT)).data
        self.settle()
        return self.api.get_drg(made.id).data

    def attachment(self, drg: Any, vcn: Any, **more: Any) -> Any:
        network = models.VcnDrgAttachmentNetworkCreateDetails(id=vcn.id, vcn_route_type="VCN_CIDRS")
        details = models.CreateDrgAttachmentDetails(drg_id=drg.id, network_details=network, **more)
        made = self.api.create_drg_attachment(details).data
        self.settle()
        return self.api.get_drg_attachment(made.id).data

    def cpe(self, address: str = "203.0.113.7") -> Any:
        return self.api.create_cpe(models.CreateCpeDetails(compartment_id=COMPARTMENT, ip_address=address)).data

    def connection(self, drg: Any | None = None, cpe: Any | None = None, **more: Any) -> Any:
        drg, cpe = drg or self.drg(), cpe or self.cpe()
        given = {"static_routes": ["10.0.0.0/16"]} | more
        return self.api.create_ip_sec_connection(
            models.CreateIPSecConnectionDetails(compartment_id=COMPARTMENT, drg_id=drg.id, cpe_id=cpe.id, **given)
        ).data

    def tunnels(self, connection: Any) -> list[Any]:
        """Both tunnels, by OCID."""
        return sorted(self.api.list_ip_sec_connection_tunnels(connection.id).data, key=lambda t: t.id)

    def settle(self) -> None:
        """Lets all that is under way come to its end."""
        self.clock.advance(LONG)


@contextmanager
def _refused(status: int, code: str) -> Iterator[dict[str, str]]:
    said: dict[str, str] = {}
    with pytest.raises(oci.exceptions.ServiceError) as refusal:
        yield said
    assert (refusal.value.status, refusal.value.code) == (status, code), refusal.value.message
    said["message"] = refusal.value.message


@pytest.fixture(scope="session")
def refused() -> Callable[[int, str], Any]:
    """A context in which the call must be refused so; what it yields then holds the message."""
    return _refused


@pytest.fixture
def start() -> Iterator[Callable[..., Region]]:
    """Starts regions of a test's own behaviour."""
    clouds: list[OciCloud] = []

    def start_region(behaviour: Behaviour | None = None, judge: Judge | None = None, **more: Any) -> Region:
        clock = ManualClock()
        clouds.append(start_oci(behaviour=behaviour or Behaviour(), judge=judge, clock=clock, **more))
        return Region(clouds[-1], clock)

    yield start_region
    for cloud in clouds:
        cloud.stop()


@pytest.fixture
def region(start: Callable[..., Region]) -> Region:
    return start()
