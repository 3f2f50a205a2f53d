"""The stand-in of pulumi-oci over gRPC: what it refuses, what replaces, what its look-ups return.

Does not prove that the real plugin does the same: it is held to what the real one was seen to refuse and accept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.plugins.oci import plugin
from lab.clouds.plugins.servicer import start_plugin
from lab.clouds.plugins.values import UNKNOWN, Secret, Values, plain, to_struct

COMPARTMENT = "ocid1.compartment.oc1..lab"
MANAGEMENT = "IpsecConnectionTunnelManagement"


def named(**more: Any) -> Values:
    return {"compartmentId": COMPARTMENT, **more}


@pytest.mark.parametrize(
    ("kind", "changes", "replaces"),
    [
        ("Vcn", {"cidrBlocks": ["x"], "displayName": "x"}, []),
        ("Vcn", {"dnsLabel": "x"}, ["dnsLabel"]),
        ("Subnet", {"cidrBlock": "x", "routeTableId": "x"}, []),
        ("Subnet", {"vcnId": "x", "prohibitPublicIpOnVnic": True}, ["prohibitPublicIpOnVnic", "vcnId"]),
        ("RouteTable", {"routeRules": [{}]}, []),
        ("SecurityList", {"vcnId": "x"}, ["vcnId"]),
        ("DrgAttachment", {"networkDetails": {}, "drgRouteTableId": "x"}, []),
        ("DrgAttachment", {"drgId": "x"}, ["drgId"]),
        ("Cpe", {"ipAddress": "x"}, ["ipAddress"]),
        ("Cpe", {"cpeDeviceShapeId": "x"}, []),
        ("Ipsec", {"staticRoutes": ["x"], "cpeLocalIdentifier": "x"}, []),
        ("Ipsec", {"cpeId": "x", "drgId": "x"}, ["cpeId", "drgId"]),
        (MANAGEMENT, {"ipsecId": "x", "tunnelId": "x", "sharedSecret": "x", "ikeVersion": "V1"}, []),
    ],
)
def test_what_replaces(engine: Any, kind: str, changes: Values, replaces: list[str]) -> None:
    diffs, replacing = engine.diff(kind, {}, changes)
    assert (diffs, replacing) == (sorted(changes), replaces)


def test_another_order_of_rules_is_no_change(engine: Any) -> None:
    one, two = {"destination": "10.0.0.0/16"}, {"destination": "10.1.0.0/16"}
    assert engine.diff("RouteTable", {"routeRules": [one, two]}, {"routeRules": [two, one]}) == ([], [])
    assert engine.diff("Ipsec", {"staticRoutes": ["a", "b"]}, {"staticRoutes": ["b", "a"]}) == (["staticRoutes"], [])


TUNNEL = {"ipsecId": "i", "tunnelId": "t"}
ONE, TWO = "phaseOneDetails", "phaseTwoDetails"


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"routing": "RIP"}, "routing"),
        ({"ikeVersion": "V3"}, "ikeVersion"),
        ({"natTranslationEnabled": "yes"}, "natTranslationEnabled"),
        ({"oracleCanInitiate": "NEVER"}, "oracleCanInitiate"),
        ({"dpdConfigs": [{"dpdMode": "x"}]}, "dpdConfigs.dpdMode"),
        ({"phaseOneDetails": {"customDhGroup": "GROUP1"}}, "phaseOneDetails.customDhGroup"),
        ({"phaseOneDetails": {"customEncryptionAlgorithm": "DES"}}, "phaseOneDetails.customEncryptionAlgorithm"),
        ({"phaseOneDetails": {"customAuthenticationAlgorithm": "MD5"}}, f"{ONE}.customAuthenticationAlgorithm"),
        ({"phaseTwoDetails": {"dhGroup": "GROUP1"}}, "phaseTwoDetails.dhGroup"),
        ({"phaseTwoDetails": {"customEncryptionAlgorithm": "DES"}}, "phaseTwoDetails.customEncryptionAlgorithm"),
        ({"phaseTwoDetails": {"customAuthenticationAlgorithm": "MD5"}}, f"{TWO}.customAuthenticationAlgorithm"),
        ({"sharedSecret": ""}, "sharedSecret"),
        ({"dpdMode": "RESPOND_ONLY"}, "dpdMode"),
    ],
)  # fmt: skip
def test_a_tunnel_is_refused_in_preview(engine: Any, inputs: Values, name: str) -> None:
    assert [found for found, _ in engine.check(MANAGEMENT, TUNNEL | inputs)] == [name]


def test_a_refusal_lists_what_is_allowed(engine: Any) -> None:
    [(_, reason)] = engine.check(MANAGEMENT, TUNNEL | {"routing": "RIP"})
    assert reason == "expected routing to be one of ['BGP', 'POLICY', 'STATIC'], got RIP"


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        (MANAGEMENT, TUNNEL | {"routing": "static", "ikeVersion": "v2"}),
        (MANAGEMENT, TUNNEL | {"routing": "BGP"}),
        (MANAGEMENT, TUNNEL | {"sharedSecret": "nön ASCII and spaces"}),
        (MANAGEMENT, TUNNEL | {"routing": UNKNOWN, "phaseOneDetails": UNKNOWN}),
        (MANAGEMENT, TUNNEL | {"bgpSessionInfo": {"oracleInterfaceIp": "nowhere"}}),
        ("Vcn", {"compartmentId": "c", "cidrBlock": "x", "cidrBlocks": ["y"]}),
        ("Subnet", {"compartmentId": "c", "vcnId": "v", "cidrBlock": "300.0.0.0/99"}),
        ("Cpe", {"compartmentId": "c", "ipAddress": "x"}),
        ("Ipsec", {"compartmentId": "c", "cpeId": "x", "drgId": "y", "staticRoutes": []}),
        ("DrgAttachment", {"drgId": "d", "networkDetails": {"type": "MOON"}}),
    ],
)
def test_what_the_real_plugin_accepts_in_preview(engine: Any, kind: str, inputs: Values) -> None:
    assert engine.check(kind, inputs) == []


def test_unknown_and_missing_inputs_are_refused(engine: Any) -> None:
    failures = engine.check("Cpe", {"compartmentId": "c", "address": "x"})
    assert [name for name, _ in failures] == ["address", "ipAddress"]


def test_a_preview_calls_nothing_and_knows_nothing_computed(engine: Any) -> None:
    engine.calls()
    _, state = engine.create(MANAGEMENT, TUNNEL | {"routing": "STATIC"}, preview=True)
    assert (state["vpnIp"], state["routing"], state["ipsecId"]) == (UNKNOWN, "STATIC", "i")
    assert state["sharedSecret"] == Secret(UNKNOWN)
    assert engine.calls() == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, []),
        ({"region": None}, ["region"]),
        ({"privateKey": None}, ["privateKey"]),
        ({"privateKey": "-----BEGIN nonsense"}, ["privateKey"]),
        ({"auth": "Password"}, ["auth"]),
        ({"auth": "InstancePrincipal", "privateKey": None, "userOcid": None}, []),
        ({"tenancyOcid": None, "fingerprint": None}, ["tenancyOcid", "fingerprint"]),
        ({"privateKey": UNKNOWN}, []),
    ],
)
def test_the_providers_own_configuration(
    engine: Any, change: Values, names: list[str], provider_config: Values
) -> None:
    config = {key: value for key, value in (provider_config | change).items() if value is not None}
    answer = engine.stub.CheckConfig(pb.CheckRequest(news=to_struct(config)))
    assert [failure.property for failure in answer.failures] == names
    assert not any("nonsense" in failure.reason for failure in answer.failures)


def test_without_an_override_nothing_is_called(provider_config: Values) -> None:
    running = start_plugin(plugin({}))
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(pb.ConfigureRequest(args=to_struct(provider_config)))
        request = pb.InvokeRequest(tok="oci:Core/getVcn:getVcn", args=to_struct({"vcnId": "v"}))
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Invoke(request)
    running.stop()
    assert refusal.value.details() == "CLIENT_HOST_OVERRIDES must say where oci_core.VirtualNetworkClient is"


def test_a_refusal_of_the_cloud_reads_as_the_real_ones(engine: Any) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        engine.create("Cpe", named(ipAddress="x"))
    first, second = str(refusal.value.details()).splitlines()
    assert first.startswith("400-InvalidParameter, ipAddress: 'x' is not an IP address")
    assert second == f"Request Target: POST {engine.cloud.endpoint}/20160918/cpes"


def test_ignored_tags_are_not_seen(start_engine: Callable[..., Any]) -> None:
    engine = start_engine(
        Behaviour(tag_defaults={"Oracle-Tags": {"CreatedBy": "lab"}}),
        config={"ignoreDefinedTags": '["Oracle-Tags.CreatedBy"]'},
    )
    inputs = named(ipAddress="203.0.113.7", definedTags={"Own.a": "b"})
    identifier, state = engine.create("Cpe", inputs)
    assert plain(state)["definedTags"] == {"Own.a": "b"}
    assert engine.read("Cpe", identifier, inputs, plain(state))[1] == inputs


def test_look_ups_have_the_shapes_of_the_sdk(engine: Any) -> None:
    connection, state, tunnels = engine.connection()
    drg = state["drgId"]
    [vcn] = engine.invoke("getVcns", {"compartmentId": COMPARTMENT})["virtualNetworks"]
    assert engine.invoke("getVcn", {"vcnId": vcn["id"]})["vcnId"] == vcn["id"]
    tables = engine.invoke("getRouteTables", {"compartmentId": COMPARTMENT, "vcnId": vcn["id"]})
    assert [table["id"] for table in tables["routeTables"]] == [vcn["defaultRouteTableId"]]
    [lists] = engine.invoke("getSecurityLists", {"compartmentId": COMPARTMENT})["securityLists"]
    assert lists["ingressSecurityRules"][0]["tcpOptions"] == [{"min": 22, "max": 22}]
    assert lists["ingressSecurityRules"][1]["icmpOptions"] == [{"type": 3, "code": 4}]
    attachments = engine.invoke("getDrgAttachments", {"compartmentId": COMPARTMENT, "vcnId": vcn["id"]})
    assert attachments["drgAttachments"][0]["networkDetails"][0]["vcnRouteType"] == "VCN_CIDRS"
    [found] = engine.invoke("getDrgs", {"compartmentId": COMPARTMENT})["drgs"]
    assert found["redundancyStatus"] == "NOT_REDUNDANT_SINGLE_IPSEC"
    table = found["defaultDrgRouteTables"][0]["ipsecTunnel"]
    rules = engine.invoke("getDrgRouteTableRouteRules", {"drgRouteTableId": table})["drgRouteRules"]
    assert [rule["destination"] for rule in rules] == ["172.16.0.0/16"]
    [listed] = engine.invoke("getIpsecConnections", {"compartmentId": COMPARTMENT, "drgId": drg})["connections"]
    assert (listed["id"], listed["staticRoutes"]) == (connection, ["10.0.0.0/16"])
    tunnel = engine.invoke("getIpsecConnectionTunnel", {"ipsecId": connection, "tunnelId": tunnels[0]})
    assert (tunnel["id"], tunnel["phaseTwoDetails"][0]["dhGroup"]) == (tunnels[0], "GROUP5")
    assert "sharedSecret" not in tunnel
    shapes = engine.invoke("getCpeDeviceShapes", {})["cpeDeviceShapes"]
    assert "Libreswan" in {shape["cpeDeviceInfos"][0]["vendor"] for shape in shapes}


def test_a_look_up_of_what_is_not_there_fails(engine: Any) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        engine.invoke("getVcn", {"vcnId": "ocid1.vcn.oc1..gone"})
    assert str(refusal.value.details()).startswith("404-NotAuthorizedOrNotFound, ")
