"""A region of the emulator with its clock in the test's hand, reached through Oracle's own SDK; and an engine's side
of the stand-in plugin, before an emulator that runs by the real clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import oci
import pytest
from oci.core import models
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.clock import ManualClock
from lab.clouds.oci.credentials import network_client, throw_away_config
from lab.clouds.oci.server import OciCloud, start_oci
from lab.clouds.oci.store import Judge
from lab.clouds.plugins.oci import plugin
from lab.clouds.plugins.oci_client import SDK_CLIENTS
from lab.clouds.plugins.servicer import start_plugin
from lab.clouds.plugins.values import Secret, Values, from_struct, plain, to_struct

COMPARTMENT = "ocid1.compartment.oc1..lab"
LONG = 60.0
# Where a type is not in the module Core.
_MODULES = {"Alarm": "Monitoring", "NotificationTopic": "Ons", "Subscription": "Ons"}
QUICK = Behaviour(
    settle_seconds=0.4,
    brief_seconds=0.1,
    terminate_seconds=0.1,
    ended_visible_seconds=0.2,
    drg_release_seconds=0.4,
    address_seconds=0.1,
    status_seconds=0,
)


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


@dataclass
class Engine:
    """The engine's side of the protocol."""

    stub: Any
    cloud: OciCloud
    record: Path
    made: list[tuple[str, str, Values]] = field(default_factory=list)

    @staticmethod
    def urn(kind: str, name: str = "it") -> str:
        token = f"oci:{_MODULES.get(kind, 'Core')}/{kind[0].lower()}{kind[1:]}:{kind}"
        return f"urn:pulumi:lab::test::{token}::{name}"

    def check(self, kind: str, inputs: Values) -> list[tuple[str, str]]:
        answer = self.stub.Check(pb.CheckRequest(urn=self.urn(kind), news=to_struct(inputs)))
        return [(failure.property, failure.reason) for failure in answer.failures]

    def create(self, kind: str, inputs: Values, preview: bool = False, timeout: float = 0) -> tuple[str, Values]:
        request = pb.CreateRequest(urn=self.urn(kind), properties=to_struct(inputs), preview=preview, timeout=timeout)
        answer = self.stub.Create(request)
        state = from_struct(answer.properties)
        if not preview:
            self.made.append((kind, answer.id, plain(state)))
        return answer.id, state

    def update(self, kind: str, identifier: str, state: Values, old: Values, new: Values) -> Values:
        answer = self.stub.Update(
            pb.UpdateRequest(
                id=identifier,
                urn=self.urn(kind),
                olds=to_struct(state),
                old_inputs=to_struct(old),
                news=to_struct(new),
            )
        )
        properties: Values = plain(from_struct(answer.properties))
        return properties

    def read(self, kind: str, identifier: str, inputs: Values, state: Values) -> tuple[str, Values, Values]:
        request = pb.ReadRequest(
            id=identifier, urn=self.urn(kind), inputs=to_struct(inputs), properties=to_struct(state)
        )
        answer = self.stub.Read(request)
        return answer.id, plain(from_struct(answer.inputs)), plain(from_struct(answer.properties))

    def diff(self, kind: str, old: Values, new: Values) -> tuple[list[str], list[str]]:
        request = pb.DiffRequest(id="x", urn=self.urn(kind), old_inputs=to_struct(old), news=to_struct(new))
        answer = self.stub.Diff(request)
        return list(answer.diffs), list(answer.replaces)

    def delete(self, kind: str, identifier: str, state: Values) -> None:
        request = pb.DeleteRequest(id=identifier, urn=self.urn(kind), properties=to_struct(state), timeout=10)
        self.stub.Delete(request)

    def destroy(self) -> None:
        """Everything made here, last first."""
        while self.made:
            self.delete(*self.made.pop())

    def invoke(self, name: str, arguments: Values) -> Values:
        request = pb.InvokeRequest(tok=f"oci:Core/{name}:{name}", args=to_struct(arguments))
        result: Values = plain(from_struct(getattr(self.stub.Invoke(request), "return")))
        return result

    def calls(self) -> list[tuple[str, int]]:
        """(operation, status) of every call since the last time."""
        if not self.record.exists():
            return []
        lines = [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines()]
        self.record.unlink()
        return [(line["operation"], line["status"]) for line in lines]

    def connection(self) -> tuple[str, Values, list[str]]:
        """An IPSec connection with all it needs: (its id, its state, its tunnels by OCID)."""
        own = {"compartmentId": COMPARTMENT}
        vcn, _ = self.create("Vcn", own | {"cidrBlocks": ["172.16.0.0/16"]})
        drg, _ = self.create("Drg", own)
        network = {"type": "VCN", "id": vcn, "vcnRouteType": "VCN_CIDRS"}
        self.create("DrgAttachment", {"drgId": drg, "networkDetails": network})
        cpe, _ = self.create("Cpe", own | {"ipAddress": "203.0.113.7"})
        inputs = own | {"cpeId": cpe, "drgId": drg, "staticRoutes": ["10.0.0.0/16"]}
        made, state = self.create("Ipsec", inputs)
        return made, plain(state), sorted(tunnel["id"] for tunnel in self.tunnels(made))

    def tunnels(self, connection: str) -> list[Values]:
        found: list[Values] = self.invoke("getIpsecConnectionTunnels", {"ipsecId": connection})[
            "ipSecConnectionTunnels"
        ]
        return found

    def settle(self, connection: str) -> None:
        """Waits until connection and tunnels are AVAILABLE, as the program's own command does."""
        while True:
            listed = self.invoke("getIpsecConnections", {"compartmentId": COMPARTMENT})["connections"]
            if {item["state"] for item in [*self.tunnels(connection), *listed]} == {"AVAILABLE"}:
                return
            time.sleep(0.05)


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


@pytest.fixture
def provider_config() -> Values:
    found = throw_away_config()
    return {
        "tenancyOcid": found["tenancy"],
        "userOcid": found["user"],
        "fingerprint": found["fingerprint"],
        "privateKey": Secret(found["key_content"]),
        "region": found["region"],
    }


@pytest.fixture
def start_engine(tmp_path: Path, provider_config: Values) -> Iterator[Callable[..., Engine]]:
    """Starts the plugin before an emulator of a test's own behaviour."""
    ends: list[Callable[[], None]] = []

    def start(behaviour: Behaviour = QUICK, config: Values | None = None) -> Engine:
        record = tmp_path / "calls.jsonl"
        cloud = start_oci(record=record, behaviour=behaviour)
        environment = {
            "CLIENT_HOST_OVERRIDES": ";".join(f"{client}={cloud.endpoint}" for client in SDK_CLIENTS),
            "PWD": str(tmp_path),
        }
        running = start_plugin(plugin(environment))
        channel = grpc.insecure_channel(f"127.0.0.1:{running.port}")
        ends.extend([channel.close, running.stop, cloud.stop])
        engine = Engine(provider_pb2_grpc.ResourceProviderStub(channel), cloud, record)
        engine.stub.Configure(pb.ConfigureRequest(args=to_struct(provider_config | (config or {}))))
        return engine

    yield start
    for end in ends:
        end()


@pytest.fixture
def engine(start_engine: Callable[..., Engine]) -> Engine:
    return start_engine()
