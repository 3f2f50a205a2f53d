"""DRGs, through Oracle's SDK: one a VCN, what must go before what, and which routes each table gets.

Does not prove which of two equal routes Oracle's real DRG prefers, nor whether a DOWN tunnel keeps its route there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from oci.core import models

from lab.clouds.oci.behaviour import Behaviour

COMPARTMENT = "ocid1.compartment.oc1..lab"


def destinations(region: Any, table: str) -> list[tuple[str, str, bool]]:
    """(destination, provenance, in force), sorted, as the listing has no order."""
    rules = region.api.list_drg_route_rules(table).data
    return sorted((r.destination, r.route_provenance, not r.is_conflict) for r in rules)


@pytest.fixture
def joined(region: Any) -> Any:
    """A region with a VCN on a DRG that also has a connection; `it` names them."""
    region.it = {"vcn": region.vcn(), "drg": region.drg(), "cpe": region.cpe()}
    region.it["attachment"] = region.attachment(region.it["drg"], region.it["vcn"])
    region.it["connection"] = region.connection(region.it["drg"], region.it["cpe"])
    region.settle()
    return region


def test_a_drg_takes_a_moment(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    drg = region.api.create_drg(models.CreateDrgDetails(compartment_id=COMPARTMENT)).data
    assert drg.lifecycle_state == "PROVISIONING"
    with refused(409, "IncorrectState") as said:
        region.attachment(drg, vcn)
    assert said["message"] == f"DRG {drg.id} is PROVISIONING"
    region.settle()
    assert region.api.get_drg(drg.id).data.lifecycle_state == "AVAILABLE"


def test_a_vcn_has_one_drg(region: Any, refused: Any) -> None:
    vcn, first, second = region.vcn(), region.drg(), region.drg()
    attachment = region.attachment(first, vcn)
    with refused(409, "Conflict") as said:
        region.attachment(second, vcn)
    assert said["message"] == f"VCN {vcn.id} is already attached to DRG {first.id} by {attachment.id}"


def test_an_attachment_stays_while_a_rule_needs_it(region: Any, refused: Any) -> None:
    vcn, drg = region.vcn(), region.drg()
    attachment = region.attachment(drg, vcn)
    rule = models.RouteRule(network_entity_id=drg.id, destination="10.0.0.0/16", destination_type="CIDR_BLOCK")
    table = region.route_table(vcn, rule)
    with refused(409, "Conflict") as said:
        region.api.delete_drg_attachment(attachment.id)
    assert said["message"] == f"route table {table.id} still has a rule for 10.0.0.0/16 to {drg.id}"
    region.api.update_route_table(table.id, models.UpdateRouteTableDetails(route_rules=[]))
    region.api.delete_drg_attachment(attachment.id)
    assert region.api.get_drg_attachment(attachment.id).data.lifecycle_state == "DETACHING"


def test_a_drg_in_use_stays(joined: Any, refused: Any) -> None:
    with refused(409, "Conflict") as said:
        joined.api.delete_drg(joined.it["drg"].id)
    assert said["message"].startswith(f"DRG {joined.it['drg'].id} still has ocid1.drgattachment.")


def test_a_drg_is_let_go_some_time_after_its_connection(start: Callable[..., Any], refused: Any) -> None:
    region = start(Behaviour(terminate_seconds=1, drg_release_seconds=5))
    drg = region.drg()
    connection = region.connection(drg)
    region.settle()
    region.api.delete_ip_sec_connection(connection.id)
    region.clock.advance(1.5)
    assert region.api.get_ip_sec_connection(connection.id).data.lifecycle_state == "TERMINATED"
    with refused(409, "IncorrectState") as said:
        region.api.delete_drg(drg.id)
    assert said["message"] == f"DRG {drg.id} is still being released by its last IPSec connection"
    region.clock.advance(5)
    region.api.delete_drg(drg.id)
    region.settle()
    assert list(region.cloud.leftovers()) == ["cpe"]


def test_by_default_each_side_learns_the_other(joined: Any) -> None:
    tables = joined.api.get_drg(joined.it["drg"].id).data.default_drg_route_tables
    assert destinations(joined, tables.ipsec_tunnel) == [("172.16.0.0/16", "VCN", True)]
    assert destinations(joined, tables.vcn) == [
        ("10.0.0.0/16", "IPSEC_TUNNEL", False),
        ("10.0.0.0/16", "IPSEC_TUNNEL", True),
        ("172.16.0.0/16", "VCN", True),
    ]


def test_with_ecmp_both_tunnels_routes_are_in_force(joined: Any) -> None:
    table = joined.it["drg"].default_drg_route_tables.vcn
    joined.api.update_drg_route_table(table, models.UpdateDrgRouteTableDetails(is_ecmp_enabled=True))
    assert destinations(joined, table) == [
        ("10.0.0.0/16", "IPSEC_TUNNEL", True),
        ("10.0.0.0/16", "IPSEC_TUNNEL", True),
        ("172.16.0.0/16", "VCN", True),
    ]


def test_oracle_makes_and_ends_the_tunnels_attachments(joined: Any, refused: Any) -> None:
    drg, connection = joined.it["drg"], joined.it["connection"]

    def of(kind: str) -> list[Any]:
        found = joined.api.list_drg_attachments(COMPARTMENT, drg_id=drg.id, attachment_type=kind)
        return list(found.data)

    attachments = of("IPSEC_TUNNEL")
    assert sorted(a.network_details.id for a in attachments) == [t.id for t in joined.tunnels(connection)]
    assert {a.network_details.ipsec_connection_id for a in attachments} == {connection.id}
    assert {a.drg_route_table_id for a in attachments} == {drg.default_drg_route_tables.ipsec_tunnel}
    assert [a.id for a in of("VCN")] == [joined.it["attachment"].id]
    everything = joined.api.get_all_drg_attachments(drg.id).data
    assert {a.id for a in everything} == {a.id for a in of("ALL")}
    with refused(409, "Conflict") as said:
        joined.api.delete_drg_attachment(attachments[0].id)
    assert said["message"] == f"{attachments[0].id} belongs to an IPSec tunnel and goes with it"
    joined.api.delete_ip_sec_connection(connection.id)
    joined.settle()
    assert of("IPSEC_TUNNEL") == []


def test_a_custom_table_that_imports_nothing_joins_nothing(joined: Any) -> None:
    drg, attachment = joined.it["drg"], joined.it["attachment"]
    table = joined.api.create_drg_route_table(models.CreateDrgRouteTableDetails(drg_id=drg.id)).data
    joined.api.update_drg_attachment(attachment.id, models.UpdateDrgAttachmentDetails(drg_route_table_id=table.id))
    assert destinations(joined, table.id) == []


def test_a_custom_distribution_lets_in_what_it_names(joined: Any) -> None:
    drg, attachment = joined.it["drg"], joined.it["attachment"]
    distribution = joined.api.create_drg_route_distribution(
        models.CreateDrgRouteDistributionDetails(drg_id=drg.id, distribution_type="IMPORT")
    ).data
    table = joined.api.create_drg_route_table(
        models.CreateDrgRouteTableDetails(drg_id=drg.id, import_drg_route_distribution_id=distribution.id)
    ).data
    criterion = models.DrgAttachmentIdDrgRouteDistributionMatchCriteria(drg_attachment_id=attachment.id)
    statement = models.AddDrgRouteDistributionStatementDetails(match_criteria=[criterion], action="ACCEPT", priority=7)
    [added] = joined.api.add_drg_route_distribution_statements(
        distribution.id, models.AddDrgRouteDistributionStatementsDetails(statements=[statement])
    ).data
    assert destinations(joined, table.id) == [("172.16.0.0/16", "VCN", True)]
    joined.api.remove_drg_route_distribution_statements(
        distribution.id, models.RemoveDrgRouteDistributionStatementsDetails(statement_ids=[added.id])
    )
    assert destinations(joined, table.id) == []


def test_a_static_rule_comes_before_an_imported_one(joined: Any) -> None:
    table = joined.it["drg"].default_drg_route_tables.ipsec_tunnel
    rule = models.AddDrgRouteRuleDetails(
        destination="172.16.0.0/16",
        destination_type="CIDR_BLOCK",
        next_hop_drg_attachment_id=joined.it["attachment"].id,
    )
    [added] = joined.api.add_drg_route_rules(table, models.AddDrgRouteRulesDetails(route_rules=[rule])).data
    assert destinations(joined, table) == [("172.16.0.0/16", "STATIC", True), ("172.16.0.0/16", "VCN", False)]
    joined.api.remove_drg_route_rules(table, models.RemoveDrgRouteRulesDetails(route_rule_ids=[added.id]))
    assert destinations(joined, table) == [("172.16.0.0/16", "VCN", True)]


def test_unless_told_an_attachment_imports_its_subnets(region: Any) -> None:
    vcn, drg = region.vcn(), region.drg()
    network = models.VcnDrgAttachmentNetworkCreateDetails(id=vcn.id)
    region.api.create_drg_attachment(models.CreateDrgAttachmentDetails(drg_id=drg.id, network_details=network))
    region.settle()
    table = drg.default_drg_route_tables.ipsec_tunnel
    assert destinations(region, table) == []
    region.subnet(vcn, "172.16.5.0/24")
    assert destinations(region, table) == [("172.16.5.0/24", "VCN", True)]


def test_redundancy_counts_connections(joined: Any) -> None:
    assert joined.api.get_drg_redundancy_status(joined.it["drg"].id).data.status == "NOT_REDUNDANT_SINGLE_IPSEC"
    assert joined.api.get_drg_redundancy_status(joined.drg().id).data.status == "NOT_REDUNDANT_NO_CONNECTION"


def test_default_tables_stay(joined: Any, refused: Any) -> None:
    drg = joined.it["drg"]
    with refused(409, "Conflict") as said:
        joined.api.delete_drg_route_table(drg.default_drg_route_tables.vcn)
    assert said["message"] == f"{drg.default_drg_route_tables.vcn} is a default DRG route table of {drg.id}"
