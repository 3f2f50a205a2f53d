"""VCNs and what lies in them, through Oracle's SDK: defaults, refusals, what must go before what.

Does not prove that Oracle's real API agrees: it is held against Oracle's documents, not against the cloud.
"""

from __future__ import annotations

from typing import Any

import pytest
from oci.core import models

COMPARTMENT = "ocid1.compartment.oc1..lab"
ALL_OUT = models.EgressSecurityRule(protocol="all", destination="0.0.0.0/0")


def to(entity: str, destination: str = "10.0.0.0/16", **more: Any) -> models.RouteRule:
    return models.RouteRule(network_entity_id=entity, destination=destination, destination_type="CIDR_BLOCK", **more)


def test_a_new_vcn_has_its_defaults(region: Any) -> None:
    vcn = region.vcn("172.16.0.0/16", "172.17.0.0/16", dns_label="lab", display_name="main")
    assert (vcn.lifecycle_state, vcn.cidr_block, vcn.vcn_domain_name) == (
        "AVAILABLE", "172.16.0.0/16", "lab.oraclevcn.com",
    )  # fmt: skip
    table = region.api.get_route_table(vcn.default_route_table_id).data
    security_list = region.api.get_security_list(vcn.default_security_list_id).data
    dhcp = region.api.get_dhcp_options(vcn.default_dhcp_options_id).data
    assert (table.display_name, table.route_rules) == ("Default Route Table for main", [])
    assert [(r.protocol, r.source) for r in security_list.ingress_security_rules] == [
        ("6", "0.0.0.0/0"), ("1", "0.0.0.0/0"), ("1", "172.16.0.0/16"),
    ]  # fmt: skip
    assert dhcp.vcn_id == vcn.id


def test_a_subnet_takes_the_vcns_defaults(region: Any) -> None:
    vcn = region.vcn(dns_label="lab")
    subnet = region.subnet(vcn, dns_label="app")
    assert subnet.route_table_id == vcn.default_route_table_id
    assert subnet.security_list_ids == [vcn.default_security_list_id]
    assert (subnet.virtual_router_ip, subnet.subnet_domain_name) == ("172.16.1.1", "app.lab.oraclevcn.com")


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"cidr_blocks": ["10.0.0.0/8"]}, "InvalidParameter", "cidrBlocks: 10.0.0.0/8 is not between /16 and /30"),
        ({"cidr_blocks": ["10.0.0.1/16"]}, "InvalidParameter", "cidrBlocks: '10.0.0.1/16' is not an IPv4 CIDR block"),
        ({"cidr_blocks": ["10.0.0.0/16", "10.0.4.0/24"]}, "InvalidParameter", "10.0.4.0/24 overlaps 10.0.0.0/16"),
        ({"cidr_blocks": [f"10.{n}.0.0/16" for n in range(6)]}, "InvalidParameter", "6 blocks given, at most 5"),
        ({"cidr_blocks": []}, "MissingParameter", "cidrBlocks is required"),
        ({"cidr_block": "10.0.0.0/16"}, "InvalidParameter", "cidrBlock: must not be given with cidrBlocks"),
        ({"dns_label": "a-b"}, "InvalidParameter", "dnsLabel: 'a-b' is not a letter followed by at most 14 letters"),
        ({"dns_label": "a" * 16}, "InvalidParameter", "is not a letter followed by at most 14 letters and digits"),
        ({"freeform_tags": {str(n): "" for n in range(11)}}, "InvalidParameter", "11 tags given, at most 10 allowed"),
        ({"freeform_tags": {"k": "v" * 257}}, "InvalidParameter", "keys are 1 to 100 characters, values at most 256"),
    ],
)  # fmt: skip
def test_a_vcn_is_refused(region: Any, refused: Any, more: Any, code: str, message: str) -> None:
    details = {"compartment_id": COMPARTMENT, "cidr_blocks": ["10.0.0.0/16"]} | more
    with refused(400, code) as said:
        region.api.create_vcn(models.CreateVcnDetails(**details))
    assert message in said["message"]


@pytest.mark.parametrize(
    ("block", "more", "message"),
    [
        ("10.9.0.0/24", {}, "cidrBlock: 10.9.0.0/24 is not within the VCN's 172.16.0.0/16"),
        ("172.16.1.128/25", {}, "cidrBlock: 172.16.1.128/25 overlaps 172.16.1.0/24 of "),
        ("172.16.2.0/24", {"dns_label": "app"}, "dnsLabel: 'app' is taken by another subnet"),
        ("172.16.2.0/24", {"security_list_ids": ["x"] * 6}, "securityListIds: 6 lists given, at most 5 allowed"),
    ],
)  # fmt: skip
def test_a_subnet_is_refused(region: Any, refused: Any, block: str, more: Any, message: str) -> None:
    vcn = region.vcn(dns_label="lab")
    region.subnet(vcn, dns_label="app")
    with refused(400, "InvalidParameter") as said:
        region.subnet(vcn, block, **more)
    assert message in said["message"]


def test_a_subnet_has_no_dns_label_without_its_vcns(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    with refused(400, "InvalidParameter") as said:
        region.subnet(vcn, dns_label="app")
    assert said["message"] == f"dnsLabel: VCN {vcn.id} has none, so its subnets cannot"


def test_a_subnet_takes_only_what_is_of_its_vcn(region: Any, refused: Any) -> None:
    vcn, other = region.vcn(), region.vcn("10.0.0.0/16")
    with refused(400, "InvalidParameter") as said:
        region.subnet(vcn, route_table_id=other.default_route_table_id)
    assert said["message"] == f"routeTableId: {other.default_route_table_id} belongs to another VCN than {vcn.id}"
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        region.subnet(vcn, route_table_id="ocid1.routetable.oc1..gone")


def test_a_subnet_can_go_to_another_table_and_back_to_the_default(region: Any) -> None:
    vcn = region.vcn()
    subnet, table = region.subnet(vcn), region.route_table(vcn)
    for wanted in (table.id, vcn.default_route_table_id):
        details = models.UpdateSubnetDetails(route_table_id=wanted)
        assert region.api.update_subnet(subnet.id, details).data.route_table_id == wanted


@pytest.mark.parametrize("inhabitant", ["subnet", "route_table"])
def test_a_vcn_in_use_stays(region: Any, refused: Any, inhabitant: str) -> None:
    vcn = region.vcn()
    found = getattr(region, inhabitant)(vcn)
    with refused(409, "Conflict") as said:
        region.api.delete_vcn(vcn.id)
    assert said["message"] == f"VCN {vcn.id} still has {found.id}"


def test_an_empty_vcn_goes_with_its_defaults(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    region.api.delete_vcn(vcn.id)
    assert region.api.get_vcn(vcn.id).data.lifecycle_state == "TERMINATING"
    region.clock.advance(1)
    assert region.api.get_vcn(vcn.id).data.lifecycle_state == "TERMINATED"
    assert region.cloud.leftovers() == {}
    region.clock.advance(1)
    with refused(404, "NotAuthorizedOrNotFound") as said:
        region.api.get_vcn(vcn.id)
    assert vcn.id in said["message"]


def test_tables_and_lists_of_a_subnet_stay_while_it_is_there(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    table = region.route_table(vcn)
    security_list = region.api.create_security_list(
        models.CreateSecurityListDetails(
            compartment_id=COMPARTMENT, vcn_id=vcn.id, ingress_security_rules=[], egress_security_rules=[ALL_OUT]
        )
    ).data
    subnet = region.subnet(vcn, route_table_id=table.id, security_list_ids=[security_list.id])
    for delete, what in ((region.api.delete_route_table, table), (region.api.delete_security_list, security_list)):
        with refused(409, "Conflict") as said:
            delete(what.id)
        assert f"is used by subnet {subnet.id}" in said["message"]
    region.api.delete_subnet(subnet.id)
    region.settle()
    region.api.delete_route_table(table.id)
    region.api.delete_security_list(security_list.id)
    region.settle()
    region.api.delete_vcn(vcn.id)
    region.settle()
    assert region.cloud.leftovers() == {}


def test_a_vcns_default_table_stays(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    with refused(409, "Conflict") as said:
        region.api.delete_route_table(vcn.default_route_table_id)
    assert said["message"] == f"{vcn.default_route_table_id} is the default of VCN {vcn.id} and goes with it"


def test_cidr_blocks_come_and_go(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    region.api.add_vcn_cidr(vcn.id, models.AddVcnCidrDetails(cidr_block="172.17.0.0/16"))
    assert region.api.get_vcn(vcn.id).data.cidr_blocks == ["172.16.0.0/16", "172.17.0.0/16"]
    subnet = region.subnet(vcn, "172.17.1.0/24")
    with refused(409, "Conflict") as said:
        region.api.remove_vcn_cidr(vcn.id, models.RemoveVcnCidrDetails(cidr_block="172.17.0.0/16"))
    assert said["message"] == f"subnet {subnet.id} with 172.17.1.0/24 is outside 172.16.0.0/16"
    change = models.ModifyVcnCidrDetails(original_cidr_block="172.16.0.0/16", new_cidr_block="172.18.0.0/16")
    region.api.modify_vcn_cidr(vcn.id, change)
    assert region.api.get_vcn(vcn.id).data.cidr_blocks == ["172.18.0.0/16", "172.17.0.0/16"]


def test_a_rule_needs_a_target_of_its_vcn(region: Any, refused: Any) -> None:
    vcn, drg = region.vcn(), region.drg()
    with refused(400, "InvalidParameter") as said:
        region.route_table(vcn, to(drg.id))
    assert said["message"] == f"routeRules[0].networkEntityId: DRG {drg.id} is not attached to VCN {vcn.id}"
    region.attachment(drg, vcn)
    table = region.route_table(vcn, to(drg.id, description="mine"))
    [rule] = table.route_rules
    assert (rule.destination, rule.route_type, rule.description) == ("10.0.0.0/16", "STATIC", "mine")


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        ({"destination": "10.0.0.1/16"}, "InvalidParameter", "routeRules[1].destination: '10.0.0.1/16' is not a CIDR"),
        ({"destination": "10.0.0.0/16"}, "InvalidParameter", "routeRules[1].destination: 10.0.0.0/16 has a rule alre"),
        ({"entity": "ocid1.x"}, "RelatedResourceNotAuthorizedOrNotFound", "routeRules[1].networkEntityId: ocid1.x is"),
    ],
)  # fmt: skip
def test_a_route_rule_is_refused(region: Any, refused: Any, rule: dict[str, str], code: str, message: str) -> None:
    vcn, drg = region.vcn(), region.drg()
    region.attachment(drg, vcn)
    with refused(400, code) as said:
        region.route_table(vcn, to(drg.id), to(**({"entity": drg.id, "destination": "10.9.0.0/16"} | rule)))
    assert message in said["message"]


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        ({"source": "any"}, "InvalidParameter", "ingressSecurityRules[0].source: 'any' is not a CIDR block"),
        ({"protocol": "udp"}, "InvalidParameter", "protocol: 'udp' is neither 'all' nor a protocol number"),
        ({"icmp_options": models.IcmpOptions(type=3)}, "InvalidParameter", "icmpOptions: not allowed with protocol 6"),
        (
            {"tcp_options": models.TcpOptions(destination_port_range=models.PortRange(min=90, max=80))},
            "InvalidParameter",
            "tcpOptions.destinationPortRange: 90-80 is not a range of ports",
        ),
    ],
)  # fmt: skip
def test_a_security_rule_is_refused(region: Any, refused: Any, rule: Any, code: str, message: str) -> None:
    vcn = region.vcn()
    given = models.IngressSecurityRule(**({"protocol": "6", "source": "0.0.0.0/0"} | rule))
    with refused(400, code) as said:
        region.api.update_security_list(
            vcn.default_security_list_id, models.UpdateSecurityListDetails(ingress_security_rules=[given])
        )
    assert message in said["message"]


def test_an_update_of_one_half_of_a_list_keeps_the_other(region: Any) -> None:
    vcn = region.vcn()
    before = region.api.get_security_list(vcn.default_security_list_id).data
    after = region.api.update_security_list(before.id, models.UpdateSecurityListDetails(ingress_security_rules=[])).data
    assert after.ingress_security_rules == []
    assert after.egress_security_rules == before.egress_security_rules


def test_rules_of_a_group_have_lives_of_their_own(region: Any, refused: Any) -> None:
    vcn = region.vcn()
    group = region.api.create_network_security_group(
        models.CreateNetworkSecurityGroupDetails(compartment_id=COMPARTMENT, vcn_id=vcn.id)
    ).data
    rule = {"direction": "INGRESS", "protocol": "all", "source": "10.0.0.0/16", "description": "mine"}
    added = region.api.add_network_security_group_security_rules(
        group.id,
        models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[models.AddSecurityRuleDetails(**rule)]),
    ).data.security_rules
    [listed] = region.api.list_network_security_group_security_rules(group.id).data
    assert (listed.id, listed.source, listed.source_type, listed.is_valid, listed.is_stateless) == (
        added[0].id, "10.0.0.0/16", "CIDR_BLOCK", True, False,
    )  # fmt: skip
    change = models.UpdateSecurityRuleDetails(id=listed.id, **(rule | {"source": "10.1.0.0/16"}))
    region.api.update_network_security_group_security_rules(
        group.id, models.UpdateNetworkSecurityGroupSecurityRulesDetails(security_rules=[change])
    )
    [updated] = region.api.list_network_security_group_security_rules(group.id).data
    assert (updated.id, updated.source) == (listed.id, "10.1.0.0/16")
    gone = models.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[listed.id])
    region.api.remove_network_security_group_security_rules(group.id, gone)
    assert region.api.list_network_security_group_security_rules(group.id).data == []
    with refused(400, "InvalidParameter") as said:
        region.api.remove_network_security_group_security_rules(group.id, gone)
    assert said["message"] == f"securityRuleIds: {listed.id} is no rule of {group.id}"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"destination": "10.0.0.0/8"}, "securityRules[0].destination: not allowed with direction INGRESS"),
        ({"source": "nowhere"}, "securityRules[0].source: 'nowhere' is not a CIDR block"),
    ],
)
def test_a_groups_rule_is_refused(region: Any, refused: Any, rule: dict[str, str], message: str) -> None:
    group = region.api.create_network_security_group(
        models.CreateNetworkSecurityGroupDetails(compartment_id=COMPARTMENT, vcn_id=region.vcn().id)
    ).data
    given = {"direction": "INGRESS", "protocol": "all", "source": "10.0.0.0/16"} | rule
    with refused(400, "InvalidParameter") as said:
        region.api.add_network_security_group_security_rules(
            group.id,
            models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[models.AddSecurityRuleDetails(**given)]),
        )
    assert message in said["message"]
