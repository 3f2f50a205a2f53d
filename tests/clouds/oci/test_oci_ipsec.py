"""IPSec connections and tunnels, through Oracle's SDK: states over time, and what is refused.

Does not prove how long Oracle takes, nor that Oracle refuses exactly this.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from oci.core import models

from lab.clouds.oci.behaviour import Behaviour

INSIDE = {"oracle_interface_ip": "169.254.21.1/30", "customer_interface_ip": "169.254.21.2/30"}


def session(**more: str) -> models.UpdateIPSecTunnelBgpSessionDetails:
    return models.UpdateIPSecTunnelBgpSessionDetails(**(INSIDE | more))


def updated(region: Any, connection: Any, tunnel: Any, **details: Any) -> Any:
    change = models.UpdateIPSecConnectionTunnelDetails(**details)
    return region.api.update_ip_sec_connection_tunnel(connection.id, tunnel.id, change).data


def secret(region: Any, connection: Any, tunnel: Any) -> str:
    found = region.api.get_ip_sec_connection_tunnel_shared_secret(connection.id, tunnel.id)
    return str(found.data.shared_secret)


def set_secret(region: Any, connection: Any, tunnel: Any, text: str) -> None:
    details = models.UpdateIPSecConnectionTunnelSharedSecretDetails(shared_secret=text)
    region.api.update_ip_sec_connection_tunnel_shared_secret(connection.id, tunnel.id, details)


@pytest.fixture
def settled(region: Any) -> tuple[Any, Any]:
    """A region and its connection, both tunnels AVAILABLE."""
    connection = region.connection()
    region.settle()
    return region, connection


def test_two_tunnels_with_headends_and_secrets_of_their_own(settled: tuple[Any, Any]) -> None:
    region, first = settled
    second = region.connection()
    region.settle()
    tunnels = [(c, t) for c in (first, second) for t in region.tunnels(c)]
    headends = [t.vpn_ip for _, t in tunnels]
    assert len(set(headends)) == 4
    ranges = [IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24")]
    assert sorted(sum(IPv4Address(h) in r for h in headends) for r in ranges) == [2, 2]
    secrets = {secret(region, c, t) for c, t in tunnels}
    assert len(secrets) == 4
    assert all(re.fullmatch("[A-Za-z0-9]{64}", text) for text in secrets)


def test_a_connection_takes_its_identity_from_the_cpe(settled: tuple[Any, Any]) -> None:
    _, connection = settled
    assert (connection.cpe_local_identifier, connection.cpe_local_identifier_type) == ("203.0.113.7", "IP_ADDRESS")


def test_the_listing_has_no_order(settled: tuple[Any, Any]) -> None:
    region, connection = settled
    orders = {tuple(t.id for t in region.api.list_ip_sec_connection_tunnels(connection.id).data) for _ in range(4)}
    assert len(orders) == 2


def test_address_and_state_come_late(start: Callable[..., Any]) -> None:
    region = start(Behaviour(address_seconds=2, settle_seconds=5))
    connection = region.connection()

    def seen() -> set[tuple[str, bool]]:
        return {(t.lifecycle_state, t.vpn_ip is not None) for t in region.tunnels(connection)}

    assert (connection.lifecycle_state, seen()) == ("PROVISIONING", {("PROVISIONING", False)})
    region.clock.advance(2)
    assert seen() == {("PROVISIONING", True)}
    region.clock.advance(3)
    assert seen() == {("AVAILABLE", True)}
    assert region.api.get_ip_sec_connection(connection.id).data.lifecycle_state == "AVAILABLE"


def test_an_update_of_one_tunnel_holds_the_connection_and_the_other(settled: tuple[Any, Any], refused: Any) -> None:
    region, connection = settled
    first, second = region.tunnels(connection)
    updated(region, connection, first, ike_version="V2")
    assert [t.lifecycle_state for t in region.tunnels(connection)] == ["PROVISIONING", "AVAILABLE"]
    for attempt in (
        lambda: updated(region, connection, first, ike_version="V1"),
        lambda: updated(region, connection, second, ike_version="V2"),
        lambda: set_secret(region, connection, second, "secret"),
        lambda: region.api.delete_ip_sec_connection(connection.id),
        lambda: region.api.update_ip_sec_connection(connection.id, models.UpdateIPSecConnectionDetails()),
    ):
        with refused(409, "IncorrectState") as said:
            attempt()
        assert said["message"] == f"{connection.id} is PROVISIONING, not AVAILABLE"
    region.clock.advance(3)
    assert updated(region, connection, second, ike_version="V2").ike_version == "V2"


def test_tunnels_can_be_independent(start: Callable[..., Any]) -> None:
    region = start(Behaviour(update_holds_connection=False))
    connection = region.connection()
    region.settle()
    first, second = region.tunnels(connection)
    updated(region, connection, first, ike_version="V2")
    assert updated(region, connection, second, ike_version="V2").ike_version == "V2"


def test_an_update_of_the_connection_holds_both_tunnels(settled: tuple[Any, Any]) -> None:
    region, connection = settled
    details = models.UpdateIPSecConnectionDetails(static_routes=["10.1.0.0/16"])
    after = region.api.update_ip_sec_connection(connection.id, details).data
    assert (after.lifecycle_state, after.static_routes) == ("PROVISIONING", ["10.1.0.0/16"])
    assert {t.lifecycle_state for t in region.tunnels(connection)} == {"PROVISIONING"}


def test_a_new_secret_holds_the_tunnel(settled: tuple[Any, Any]) -> None:
    region, connection = settled
    tunnel = region.tunnels(connection)[0]
    set_secret(region, connection, tunnel, "With spaces 1")
    assert secret(region, connection, tunnel) == "With spaces 1"
    assert region.tunnels(connection)[0].lifecycle_state == "PROVISIONING"


@pytest.mark.parametrize("text", ["", "under_score", "dot.", "ümlaut", "x" * 65])
def test_a_secret_is_refused_and_not_repeated(settled: tuple[Any, Any], refused: Any, text: str) -> None:
    region, connection = settled
    with refused(400, "InvalidParameter") as said:
        set_secret(region, connection, region.tunnels(connection)[0], text)
    assert said["message"] == "sharedSecret: must be 1 to 64 letters, digits and spaces"


def test_an_update_changes_what_it_names_and_nothing_else(settled: tuple[Any, Any]) -> None:
    region, connection = settled
    tunnel = region.tunnels(connection)[0]
    changed = updated(
        region,
        connection,
        tunnel,
        ike_version="V2",
        oracle_initiation="RESPONDER_ONLY",
        nat_translation_enabled="ENABLED",
        dpd_config=models.DpdConfig(dpd_timeout_in_sec=25),
        bgp_session_config=session(),
        phase_one_config=models.PhaseOneConfigDetails(
            is_custom_phase_one_config=True,
            encryption_algorithm="AES_256_CBC",
            authentication_algorithm="SHA2_384",
            diffie_helman_group="GROUP20",
            lifetime_in_seconds=28800,
        ),
        phase_two_config=models.PhaseTwoConfigDetails(
            is_custom_phase_two_config=True, encryption_algorithm="AES_256_GCM", pfs_dh_group="GROUP20"
        ),
    )
    one, two = changed.phase_one_details, changed.phase_two_details
    assert (changed.routing, changed.ike_version, changed.oracle_can_initiate) == ("STATIC", "V2", "RESPONDER_ONLY")
    assert (changed.nat_translation_enabled, changed.dpd_mode, changed.dpd_timeout_in_sec) == (
        "ENABLED", "INITIATE_AND_RESPOND", 25,
    )  # fmt: skip
    assert (one.custom_encryption_algorithm, one.custom_authentication_algorithm, one.custom_dh_group) == (
        "AES_256_CBC", "SHA2_384", "GROUP20",
    )  # fmt: skip
    assert (two.custom_encryption_algorithm, two.dh_group, two.is_pfs_enabled, two.lifetime) == (
        "AES_256_GCM", "GROUP20", True, 3600,
    )  # fmt: skip
    assert (changed.bgp_session_info.oracle_interface_ip, changed.bgp_session_info.customer_interface_ip) == (
        "169.254.21.1/30", "169.254.21.2/30",
    )  # fmt: skip
    region.settle()
    again = updated(region, connection, tunnel, display_name="tunnel-1")
    assert again.phase_one_details.custom_dh_group == "GROUP20"
    assert again.bgp_session_info.oracle_interface_ip == "169.254.21.1/30"


GCM = {"is_custom_phase_two_config": True, "encryption_algorithm": "AES_256_GCM"}


@pytest.mark.parametrize(
    ("details", "code", "message"),
    [
        (
            {"bgp_session_config": session(oracle_interface_ip="169.254.21.1/29")},
            "InvalidParameter",
            "bgpSessionConfig.oracleInterfaceIp: 169.254.21.1/29 is neither a /30 nor a /31",
        ),
        (
            {"bgp_session_config": session(oracle_interface_ip="169.254.10.1/30")},
            "InvalidParameter",
            "bgpSessionConfig.oracleInterfaceIp: 169.254.10.1/30 is in a range that Oracle keeps: "
            "169.254.10-19, .100-109, .192-201",
        ),
        (
            {"bgp_session_config": session(customer_interface_ip="169.254.109.2/30")},
            "InvalidParameter",
            "bgpSessionConfig.customerInterfaceIp: 169.254.109.2/30 is in a range that Oracle keeps: "
            "169.254.10-19, .100-109, .192-201",
        ),
        (
            {"bgp_session_config": session(customer_interface_ip="169.254.22.2/30")},
            "InvalidParameter",
            "bgpSessionConfig.customerInterfaceIp: 169.254.22.2/30 and Oracle's 169.254.21.1/30 are not two addresses"
            " of one network",
        ),
        (
            {"bgp_session_config": session(customer_interface_ip="169.254.21.3/30")},
            "InvalidParameter",
            "bgpSessionConfig.customerInterfaceIp: 169.254.21.3/30 is the network's own or its broadcast address",
        ),
        (
            {"bgp_session_config": models.UpdateIPSecTunnelBgpSessionDetails(oracle_interface_ip="169.254.21.1/30")},
            "MissingParameter",
            "bgpSessionConfig.customerInterfaceIp is required",
        ),
        (
            {"bgp_session_config": session(customer_bgp_asn="65000")},
            "InvalidParameter",
            "bgpSessionConfig.customerBgpAsn: must be null with routing STATIC",
        ),
        (
            {"routing": "BGP", "bgp_session_config": session()},
            "MissingParameter",
            "bgpSessionConfig.customerBgpAsn is required",
        ),
        (
            {"routing": "BGP", "bgp_session_config": session(customer_bgp_asn="31898")},
            "InvalidParameter",
            "bgpSessionConfig.customerBgpAsn: '31898' is not another AS number",
        ),
        (
            {"phase_one_config": models.PhaseOneConfigDetails(is_custom_phase_one_config=True)},
            "MissingParameter",
            "phaseOneConfig.encryptionAlgorithm is required",
        ),
        (
            {"phase_two_config": models.PhaseTwoConfigDetails(**GCM, authentication_algorithm="HMAC_SHA2_256_128")},
            "InvalidParameter",
            "phaseTwoConfig.authenticationAlgorithm: not allowed with AES_256_GCM",
        ),
        (
            {"phase_two_config": models.PhaseTwoConfigDetails(is_pfs_enabled=False, pfs_dh_group="GROUP14")},
            "InvalidParameter",
            "phaseTwoConfig.pfsDhGroup: not allowed without isPfsEnabled",
        ),
        (
            {"phase_two_config": models.PhaseTwoConfigDetails(lifetime_in_seconds=90000)},
            "InvalidParameter",
            "phaseTwoConfig.lifetimeInSeconds: 90000 is not 1 to 86400",
        ),
        (
            {"dpd_config": models.DpdConfig(dpd_timeout_in_sec=5)},
            "InvalidParameter",
            "dpdConfig.dpdTimeoutInSec: 5 is not 20 to 86400",
        ),
    ],
)  # fmt: skip
def test_an_update_is_refused(
    settled: tuple[Any, Any], refused: Any, details: dict[str, Any], code: str, message: str
) -> None:
    region, connection = settled
    with refused(400, code) as said:
        updated(region, connection, region.tunnels(connection)[0], **details)
    assert said["message"] == message


@pytest.mark.parametrize("third", ["9", "20", "99", "110", "191", "202"])
def test_inside_addresses_beside_the_banned_ranges_are_fine(settled: tuple[Any, Any], third: str) -> None:
    region, connection = settled
    ends = {"oracle_interface_ip": f"169.254.{third}.1/30", "customer_interface_ip": f"169.254.{third}.2/30"}
    tunnel = updated(region, connection, region.tunnels(connection)[0], bgp_session_config=session(**ends))
    assert tunnel.bgp_session_info.oracle_interface_ip == f"169.254.{third}.1/30"


def test_two_tunnels_of_a_drg_do_not_share_inside_addresses(settled: tuple[Any, Any], refused: Any) -> None:
    region, connection = settled
    first, second = region.tunnels(connection)
    updated(region, connection, first, bgp_session_config=session())
    region.settle()
    with refused(400, "InvalidParameter") as said:
        updated(region, connection, second, bgp_session_config=session())
    assert said["message"] == f"bgpSessionConfig.oracleInterfaceIp: 169.254.21.0/30 is taken by tunnel {first.id}"


@pytest.mark.parametrize(
    ("routes", "code", "message"),
    [
        ([f"10.{n}.0.0/16" for n in range(11)], "InvalidParameter", "staticRoutes: 11 routes given, at most 10"),
        ([], "MissingParameter", "staticRoutes is required"),
        (["10.0.0.1/16"], "InvalidParameter", "staticRoutes[0]: '10.0.0.1/16' is not a CIDR block"),
        (["224.0.0.0/4"], "InvalidParameter", "staticRoutes[0]: 224.0.0.0/4 is a multicast or class E block"),
    ],
)  # fmt: skip
def test_static_routes_are_refused(region: Any, refused: Any, routes: list[str], code: str, message: str) -> None:
    with refused(400, code) as said:
        region.connection(static_routes=routes)
    assert said["message"].startswith(message)


def test_a_cpe_in_use_stays(region: Any, refused: Any) -> None:
    cpe = region.cpe()
    connection = region.connection(cpe=cpe)
    with refused(409, "Conflict") as said:
        region.api.delete_cpe(cpe.id)
    assert said["message"] == f"CPE {cpe.id} is used by IPSec connection {connection.id}"
    region.settle()
    region.api.delete_ip_sec_connection(connection.id)
    region.settle()
    region.api.delete_cpe(cpe.id)
    with refused(404, "NotAuthorizedOrNotFound"):
        region.api.get_cpe(cpe.id)


@pytest.mark.parametrize("address", ["nonsense", "1.2.3", "10.0.0.0/24"])
def test_a_cpe_needs_an_address(region: Any, refused: Any, address: str) -> None:
    with refused(400, "InvalidParameter") as said:
        region.cpe(address)
    assert said["message"].startswith(f"ipAddress: '{address}' is not an IP address")


def test_the_device_list_names_libreswan_and_a_cpe_can_be_one(region: Any, start: Callable[..., Any]) -> None:
    shapes = {s.cpe_device_info.vendor: s.id for s in region.api.list_cpe_device_shapes().data}
    change = models.UpdateCpeDetails(cpe_device_shape_id=shapes["Libreswan"])
    assert region.api.update_cpe(region.cpe().id, change).data.cpe_device_shape_id == shapes["Libreswan"]
    detail = region.api.get_cpe_device_shape(shapes["Libreswan"]).data
    assert detail.cpe_device_info.vendor == "Libreswan"
    without = start(Behaviour(lists_libreswan=False)).api.list_cpe_device_shapes().data
    assert "Libreswan" not in {s.cpe_device_info.vendor for s in without}


def test_a_tunnel_is_found_under_its_own_connection_only(settled: tuple[Any, Any], refused: Any) -> None:
    region, connection = settled
    other = region.connection()
    with refused(404, "NotAuthorizedOrNotFound"):
        region.api.get_ip_sec_connection_tunnel(other.id, region.tunnels(connection)[0].id)


def test_tunnels_may_be_given_with_the_connection(region: Any) -> None:
    given = models.CreateIPSecConnectionTunnelDetails(
        ike_version="V2", shared_secret="abc123", bgp_session_config=None, routing="STATIC"
    )
    connection = region.connection(tunnel_configuration=[given])
    found = {(t.ike_version, secret(region, connection, t) == "abc123") for t in region.tunnels(connection)}
    assert found == {("V2", True), ("V1", False)}
