"""The stand-in of pulumi-oci over gRPC, as the engine calls it, against the emulator: what it makes and unmakes.

Does not prove that the real plugin does the same: what it is held to are the requests seen of the real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.plugins.values import Secret, Values, plain
from tests.clouds.refusals import trailing_metadata

COMPARTMENT = "ocid1.compartment.oc1..lab"
MANAGEMENT = "IpsecConnectionTunnelManagement"


def named(**more: Any) -> Values:
    return {"compartmentId": COMPARTMENT, **more}


def test_a_connection_comes_and_goes(engine: Any) -> None:
    connection, state, tunnels = engine.connection()
    assert (state["state"], state["cpeLocalIdentifier"], state["transportType"]) == (
        "AVAILABLE", "203.0.113.7", "INTERNET",
    )  # fmt: skip
    for number, tunnel in enumerate(tunnels, 1):
        engine.settle(connection)
        inputs = {
            "ipsecId": connection,
            "tunnelId": tunnel,
            "displayName": f"tunnel-{number}",
            "routing": "STATIC",
            "ikeVersion": "V2",
            "oracleCanInitiate": "RESPONDER_ONLY",
            "natTranslationEnabled": "ENABLED",
            "dpdConfigs": [{"dpdMode": "INITIATE_AND_RESPOND", "dpdTimeoutInSec": 20}],
            "bgpSessionInfo": {
                "oracleInterfaceIp": f"169.254.2{number}.1/30",
                "customerInterfaceIp": f"169.254.2{number}.2/30",
            },
            "phaseOneDetails": {
                "isCustomPhaseOneConfig": True,
                "customEncryptionAlgorithm": "AES_256_CBC",
                "customAuthenticationAlgorithm": "SHA2_384",
                "customDhGroup": "GROUP20",
                "lifetime": 28800,
            },
            "phaseTwoDetails": {
                "isCustomPhaseTwoConfig": True,
                "customEncryptionAlgorithm": "AES_256_GCM",
                "dhGroup": "GROUP20",
                "isPfsEnabled": True,
                "lifetime": 3600,
            },
        }
        assert engine.check(MANAGEMENT, inputs) == []
        identifier, managed = engine.create(MANAGEMENT, inputs)
        assert identifier == tunnel
        assert isinstance(managed["sharedSecret"], Secret)
        assert (managed["state"], managed["dpdMode"], managed["ikeVersion"]) == (
            "AVAILABLE", "INITIATE_AND_RESPOND", "V2",
        )  # fmt: skip
        assert managed["phaseOneDetails"]["customDhGroup"] == "GROUP20"
        assert managed["vpnIp"].startswith(("192.0.2.", "198.51.100."))
        read, refreshed, _ = engine.read(MANAGEMENT, identifier, inputs, plain(managed))
        assert (read, refreshed) == (tunnel, inputs)
        assert engine.diff(MANAGEMENT, inputs, refreshed) == ([], [])
    engine.destroy()
    assert engine.cloud.leftovers() == {}


def test_the_requests_are_those_of_the_real_plugin(engine: Any) -> None:
    connection, _, tunnels = engine.connection()
    engine.settle(connection)
    engine.calls()
    secret = Secret("a" * 32)
    engine.create(MANAGEMENT, {"ipsecId": connection, "tunnelId": tunnels[0], "sharedSecret": secret})
    calls = [operation for operation, status in engine.calls() if status == 200]
    read = ["GetIPSecConnectionTunnel", "GetIPSecConnectionTunnelSharedSecret"]
    # How often both are read depends on how long the tunnel takes.
    once = [call for call in calls if call not in read]
    assert once == ["UpdateIPSecConnectionTunnelSharedSecret", "UpdateIPSecConnectionTunnel"]
    middle = calls[1 : calls.index("UpdateIPSecConnectionTunnel")]
    last = calls[calls.index("UpdateIPSecConnectionTunnel") + 1 :]
    for reads in (middle, last):
        assert reads == read * (len(reads) // 2)
        assert reads != []


def test_a_shared_secret_is_sent_only_when_it_changes(engine: Any) -> None:
    connection, _, tunnels = engine.connection()
    engine.settle(connection)
    inputs = {"ipsecId": connection, "tunnelId": tunnels[0], "sharedSecret": "a" * 32}
    _, state = engine.create(MANAGEMENT, inputs)
    assert plain(state)["sharedSecret"] == "a" * 32
    engine.settle(connection)
    engine.calls()
    state = engine.update(MANAGEMENT, tunnels[0], plain(state), inputs, inputs | {"displayName": "one"})
    assert "UpdateIPSecConnectionTunnelSharedSecret" not in [operation for operation, _ in engine.calls()]
    engine.settle(connection)
    rotated = inputs | {"displayName": "one", "sharedSecret": "b" * 32}
    engine.update(MANAGEMENT, tunnels[0], state, inputs, rotated)
    assert ("UpdateIPSecConnectionTunnelSharedSecret", 200) in engine.calls()


def test_a_new_connection_under_a_kept_secret_keeps_oracles_own(engine: Any) -> None:
    """The real plugin's trap: nothing replaces a management, and its secret has not changed."""
    first, _, old = engine.connection()
    engine.settle(first)
    inputs = {"ipsecId": first, "tunnelId": old[0], "sharedSecret": "a" * 32}
    _, state = engine.create(MANAGEMENT, inputs)
    second, _, new = engine.connection()
    moved = inputs | {"ipsecId": second, "tunnelId": new[0]}
    assert engine.diff(MANAGEMENT, inputs, moved) == (["ipsecId", "tunnelId"], [])
    engine.settle(second)
    after = engine.update(MANAGEMENT, old[0], plain(state), inputs, moved)
    assert after["sharedSecret"] != "a" * 32


def test_the_secrets_update_is_not_retried_the_tunnels_is(start_engine: Callable[..., Any]) -> None:
    engine = start_engine(Behaviour(settle_seconds=1, brief_seconds=0, address_seconds=0))
    connection, _, tunnels = engine.connection()
    engine.settle(connection)
    engine.create(MANAGEMENT, {"ipsecId": connection, "tunnelId": tunnels[0], "displayName": "one"})
    engine.cloud.fail("UpdateIPSecConnectionTunnelSharedSecret", 409, "IncorrectState")
    engine.settle(connection)
    with pytest.raises(grpc.RpcError) as refusal:
        engine.create(MANAGEMENT, {"ipsecId": connection, "tunnelId": tunnels[1], "sharedSecret": "a" * 32})
    assert "409-IncorrectState" in str(refusal.value.details())
    engine.calls()
    engine.cloud.fail("UpdateIPSecConnectionTunnel", 409, "IncorrectState")
    engine.create(MANAGEMENT, {"ipsecId": connection, "tunnelId": tunnels[1], "displayName": "two"})
    found = engine.calls()
    assert found.index(("UpdateIPSecConnectionTunnel", 409)) < found.index(("UpdateIPSecConnectionTunnel", 200))


@pytest.mark.parametrize(("seconds", "gives_up"), [(0, True), (30, False)])
def test_the_retries_file_stretches_409(
    start_engine: Callable[..., Any], tmp_path: Path, seconds: int, gives_up: bool
) -> None:
    (tmp_path / "retries.json").write_text(json.dumps({"409": {"retry_max_duration": seconds}}), encoding="utf-8")
    engine = start_engine(config={"retriesConfigFile": "retries.json"})
    engine.cloud.fail("CreateCpe", 409, "IncorrectState", times=2)
    if gives_up:
        with pytest.raises(grpc.RpcError) as refusal:
            engine.create("Cpe", named(ipAddress="203.0.113.7"))
        assert "409-IncorrectState, injected into CreateCpe" in str(refusal.value.details())
    else:
        assert engine.create("Cpe", named(ipAddress="203.0.113.7"))[0].startswith("ocid1.cpe.")


def test_a_retries_file_that_is_not_there_is_said(start_engine: Callable[..., Any]) -> None:
    engine = start_engine(config={"retriesConfigFile": "gone.json"})
    engine.cloud.fail("CreateCpe", 409, "IncorrectState")
    with pytest.raises(grpc.RpcError) as refusal:
        engine.create("Cpe", named(ipAddress="203.0.113.7"))
    assert refusal.value.details() == "retriesConfigFile gone.json cannot be read: FileNotFoundError"


def test_a_connection_is_waited_for_its_tunnels_are_not(start_engine: Callable[..., Any]) -> None:
    engine = start_engine(Behaviour(settle_seconds=0.3, address_seconds=30, brief_seconds=0))
    connection, _, _ = engine.connection()
    found = engine.invoke("getIpsecConnectionTunnels", {"ipsecId": connection})["ipSecConnectionTunnels"]
    assert [tunnel.get("vpnIp") for tunnel in found] == [None, None]
    engine.calls()


def test_network_resources_round_trip(engine: Any) -> None:
    vcn, state = engine.create("Vcn", named(cidrBlocks=["172.16.0.0/16"], dnsLabel="lab", displayName="main"))
    assert {"defaultRouteTableId", "defaultSecurityListId", "defaultDhcpOptionsId"} <= state.keys()
    drg, drg_state = engine.create("Drg", named())
    [tables] = drg_state["defaultDrgRouteTables"]
    assert sorted(tables) == ["ipsecTunnel", "remotePeeringConnection", "vcn", "virtualCircuit"]
    assert drg_state["redundancyStatus"] == "NOT_REDUNDANT_NO_CONNECTION"
    engine.create("DrgAttachment", {"drgId": drg, "networkDetails": {"type": "VCN", "id": vcn}})
    to_aws = {"destination": "10.0.0.0/16", "destinationType": "CIDR_BLOCK", "networkEntityId": drg}
    rules: list[tuple[str, Values]] = [
        ("RouteTable", named(vcnId=vcn, routeRules=[to_aws])),
        (
            "SecurityList",
            named(
                vcnId=vcn,
                freeformTags={"owner": "lab"},
                definedTags={"Space.key": "value"},
                ingressSecurityRules=[
                    {"protocol": "6", "source": "10.0.0.0/16", "tcpOptions": {"min": 22, "max": 22}},
                    {
                        "protocol": "1",
                        "source": "10.0.0.0/16",
                        "icmpOptions": {"type": 3, "code": 4},
                        "stateless": True,
                    },
                    {
                        "protocol": "17",
                        "source": "10.0.0.0/16",
                        "udpOptions": {"min": 53, "max": 53, "sourcePortRange": {"min": 1024, "max": 65535}},
                    },
                ],
                egressSecurityRules=[{"protocol": "all", "destination": "0.0.0.0/0"}],
            ),
        ),
    ]
    ids = {}
    for kind, inputs in rules:
        ids[kind], made = engine.create(kind, inputs)
        assert engine.read(kind, ids[kind], inputs, plain(made))[1] == inputs
    subnet = named(
        vcnId=vcn,
        cidrBlock="172.16.1.0/24",
        routeTableId=ids["RouteTable"],
        securityListIds=[ids["SecurityList"]],
        prohibitPublicIpOnVnic=True,
    )
    identifier, made = engine.create("Subnet", subnet)
    assert engine.read("Subnet", identifier, subnet, plain(made))[1] == subnet
    engine.destroy()
    assert engine.cloud.leftovers() == {}


def test_a_rule_of_a_group_comes_changes_and_goes(engine: Any) -> None:
    vcn, _ = engine.create("Vcn", named(cidrBlocks=["172.16.0.0/16"]))
    group, _ = engine.create("NetworkSecurityGroup", named(vcnId=vcn))
    ports = {"destinationPortRange": {"min": 443, "max": 443}}
    inputs = {
        "networkSecurityGroupId": group,
        "direction": "INGRESS",
        "protocol": "6",
        "source": "10.0.0.0/16",
        "sourceType": "CIDR_BLOCK",
        "tcpOptions": ports,
    }
    kind = "NetworkSecurityGroupSecurityRule"
    identifier, state = engine.create(kind, inputs)
    assert engine.read(kind, identifier, inputs, plain(state))[1] == inputs
    changed = engine.update(kind, identifier, plain(state), inputs, inputs | {"source": "10.1.0.0/16"})
    assert changed["source"] == "10.1.0.0/16"
    assert engine.diff(kind, inputs, inputs | {"networkSecurityGroupId": "other"})[1] == ["networkSecurityGroupId"]
    engine.destroy()
    assert engine.cloud.leftovers() == {}


def test_what_is_gone_is_gone(engine: Any) -> None:
    identifier, state = engine.create("Cpe", named(ipAddress="203.0.113.7"))
    engine.delete("Cpe", identifier, plain(state))
    assert engine.read("Cpe", identifier, {}, plain(state)) == ("", {}, {})
    engine.delete("Cpe", identifier, plain(state))


def test_blocks_of_a_vcn_change_one_at_a_time(engine: Any) -> None:
    inputs = named(cidrBlocks=["172.16.0.0/16"])
    vcn, made = engine.create("Vcn", inputs)
    state = plain(made)
    steps = (
        (["172.16.0.0/16", "172.17.0.0/16"], "AddVcnCidr"),
        (["172.18.0.0/16", "172.17.0.0/16"], "ModifyVcnCidr"),
        (["172.17.0.0/16"], "RemoveVcnCidr"),
    )
    for blocks, operation in steps:
        engine.calls()
        state = engine.update("Vcn", vcn, state, inputs, named(cidrBlocks=blocks))
        assert state["cidrBlocks"] == blocks
        assert [name for name, _ in engine.calls()] == [operation, "UpdateVcn"]
    with pytest.raises(grpc.RpcError) as refusal:
        engine.update("Vcn", vcn, state, inputs, named(cidrBlocks=["10.0.0.0/16", "10.1.0.0/16"]))
    assert refusal.value.details() == (
        "only one add/remove or modification is allowed at once, new cidr_block must be added at the end of list"
    )


def test_what_never_gets_ready_is_kept_as_failed(start_engine: Callable[..., Any]) -> None:
    engine = start_engine(Behaviour(brief_seconds=60))
    with pytest.raises(grpc.RpcError) as refusal:
        engine.create("Drg", named(), timeout=0.5)
    [drg] = engine.cloud.leftovers()["drg"]
    assert refusal.value.details() == (
        f"timeout while waiting for state to become 'AVAILABLE' (last state: 'PROVISIONING', timeout: 0.5s): drgs/{drg}"
    )
    [detail] = [value for key, value in trailing_metadata(refusal.value) if key == "grpc-status-details-bin"]
    assert drg.encode() in detail


def test_a_cancelled_wait_ends(start_engine: Callable[..., Any]) -> None:
    engine = start_engine(Behaviour(brief_seconds=60))
    threading.Timer(0.3, lambda: engine.stub.Cancel(Empty())).start()
    with pytest.raises(grpc.RpcError) as refusal:
        engine.create("Drg", named(), timeout=30)
    assert refusal.value.details() == "cancelled"
