"""The emulator as a server: what it records, refuses, lets a test inject, and how it describes itself.

Does not prove the signature of any request: the emulator only wants one to be there.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oci.core import models

from lab.clouds.oci.behaviour import Behaviour

COMPARTMENT = "ocid1.compartment.oc1..lab"


def test_every_call_is_recorded(start: Callable[..., Any], refused: Any, tmp_path: Path) -> None:
    record = tmp_path / "calls.jsonl"
    region = start(record=record)
    vcn = region.vcn()
    region.api.list_vcns(COMPARTMENT)
    with refused(404, "NotAuthorizedOrNotFound"):
        region.api.get_subnet("ocid1.subnet.oc1..gone")
    region.api.delete_vcn(vcn.id)
    assert [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()] == [
        {"caller": "ocid1.user.oc1..lab", "service": "core", "operation": "CreateVcn", "status": 200},
        {"caller": "ocid1.user.oc1..lab", "service": "core", "operation": "ListVcns", "status": 200},
        {"caller": "ocid1.user.oc1..lab", "service": "core", "operation": "GetSubnet", "status": 404},
        {"caller": "ocid1.user.oc1..lab", "service": "core", "operation": "DeleteVcn", "status": 204},
    ]


def test_an_unsigned_request_is_refused(region: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{region.cloud.endpoint}/20160918/vcns?compartmentId=x")
    assert refusal.value.code == 401
    assert json.load(refusal.value)["code"] == "NotAuthenticated"


def test_a_body_that_is_no_json_is_refused(region: Any) -> None:
    request = urllib.request.Request(
        f"{region.cloud.endpoint}/20160918/vcns", data=b"{", headers={"authorization": "Signature"}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    assert (refusal.value.code, json.load(refusal.value)["code"]) == (400, "CannotParseRequest")


def test_an_operation_that_is_not_there_says_so(region: Any, refused: Any) -> None:
    with refused(404, "NotAuthorizedOrNotFound") as said:
        region.api.list_nat_gateways(COMPARTMENT)
    assert said["message"].startswith("no such operation: GET /20160918/natGateways")


def test_an_etag_guards_an_update(region: Any, refused: Any) -> None:
    table = region.vcn().default_route_table_id
    details = models.UpdateRouteTableDetails(route_rules=[])
    etag = region.api.get_route_table(table).headers["etag"]
    assert region.api.get_route_table(table).headers["etag"] == etag
    after = region.api.update_route_table(table, details, if_match=etag).headers["etag"]
    assert after != etag
    with refused(412, "NoEtagMatch") as said:
        region.api.update_route_table(table, details, if_match=etag)
    assert said["message"] == f"{table} has changed since the etag in if-match was read"
    region.api.update_route_table(table, details, if_match=after)


def test_a_listing_filters(region: Any, refused: Any) -> None:
    one, two = region.vcn(display_name="one"), region.vcn("10.0.0.0/16", display_name="two")
    subnet = region.subnet(one)
    assert [v.id for v in region.api.list_vcns(COMPARTMENT, display_name="two").data] == [two.id]
    assert [s.id for s in region.api.list_subnets(COMPARTMENT, vcn_id=one.id).data] == [subnet.id]
    assert region.api.list_subnets(COMPARTMENT, vcn_id=two.id).data == []
    assert region.api.list_subnets("ocid1.compartment.oc1..other").data == []
    region.api.delete_vcn(two.id)
    assert [v.id for v in region.api.list_vcns(COMPARTMENT, lifecycle_state="AVAILABLE").data] == [one.id]
    answer = region.api.list_route_tables(COMPARTMENT)
    assert "opc-next-page" not in answer.headers
    assert answer.next_page is None
    with refused(400, "MissingParameter") as said:
        region.api.list_drg_route_tables("")
    assert said["message"] == "drgId is required"


def test_a_service_limit_is_refused(start: Callable[..., Any], refused: Any) -> None:
    region = start(Behaviour(limits={"cpe": 1}))
    region.cpe()
    with refused(400, "LimitExceeded") as said:
        region.cpe()
    assert said["message"] == "the limit of 1 cpe in this region is reached"


def test_a_fault_can_be_injected(region: Any, refused: Any) -> None:
    region.cloud.fail("GetVcn", 429, "TooManyRequests", times=2)
    vcn = region.vcn()
    for _ in range(2):
        with refused(429, "TooManyRequests") as said:
            region.api.get_vcn(vcn.id)
        assert said["message"] == "injected into GetVcn"
    assert region.api.get_vcn(vcn.id).data.id == vcn.id


def test_a_judge_that_breaks_is_no_verdict(start: Callable[..., Any], refused: Any) -> None:
    def judge(*_: Any) -> str | None:
        raise RuntimeError("no idea")

    region = start(judge=judge)
    connection = region.connection()
    region.settle()
    with refused(500, "InternalServerError") as said:
        region.tunnels(connection)
    assert said["message"] == "emulator: RuntimeError('no idea')"


def test_the_tenancys_tag_defaults_are_on_everything(start: Callable[..., Any]) -> None:
    region = start(Behaviour(tag_defaults={"Oracle-Tags": {"CreatedBy": "lab"}}))
    vcn = region.vcn(defined_tags={"Own": {"a": "b"}}, freeform_tags={"x": "y"})
    assert vcn.defined_tags == {"Oracle-Tags": {"CreatedBy": "lab"}, "Own": {"a": "b"}}
    assert vcn.freeform_tags == {"x": "y"}


def test_a_tag_may_be_required(start: Callable[..., Any], refused: Any) -> None:
    region = start(Behaviour(required_tags=("Own.cost",)))
    with refused(400, "InvalidParameter") as said:
        region.vcn(defined_tags={"Own": {"other": "x"}})
    assert said["message"] == "definedTags: Own.cost is required in this compartment"
    assert region.vcn(defined_tags={"Own": {"cost": "x"}}).defined_tags == {"Own": {"cost": "x"}}


def test_leftovers_count_what_is_still_ending(region: Any) -> None:
    cpe, vcn = region.cpe(), region.vcn()
    region.api.delete_vcn(vcn.id)
    assert list(region.cloud.leftovers()) == ["cpe", "dhcpoptions", "routetable", "securitylist", "vcn"]
    region.settle()
    assert region.cloud.leftovers() == {"cpe": [cpe.id]}


def test_a_description_changes_only_with_the_vcn(region: Any) -> None:
    vcn, drg = region.vcn(), region.drg()
    region.attachment(drg, vcn)
    subnet = region.subnet(vcn)
    rule = models.RouteRule(network_entity_id=drg.id, destination="10.9.0.0/16", destination_type="CIDR_BLOCK")
    table = region.route_table(vcn, rule)
    before = region.cloud.describe_vcn(vcn.id)
    assert list(before["subnets"]) == [subnet.id]
    assert set(before["routeTables"]) == {vcn.default_route_table_id, table.id}
    region.connection(drg)
    region.settle()
    region.api.get_route_table(table.id)
    assert region.cloud.describe_vcn(vcn.id) == before
    # What was read can be written back as it is: the way one rule is added to a list of others.
    rules = region.api.get_route_table(table.id).data.route_rules
    region.api.update_route_table(table.id, models.UpdateRouteTableDetails(route_rules=rules))
    found = region.api.get_security_list(vcn.default_security_list_id).data
    region.api.update_security_list(
        found.id,
        models.UpdateSecurityListDetails(
            ingress_security_rules=found.ingress_security_rules, egress_security_rules=found.egress_security_rules
        ),
    )
    assert region.cloud.describe_vcn(vcn.id) == before
    region.api.update_route_table(table.id, models.UpdateRouteTableDetails(route_rules=[]))
    assert region.cloud.describe_vcn(vcn.id) != before
