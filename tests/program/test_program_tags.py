"""Every taggable resource carries the tags of one source, within both clouds' limits.

Which types are taggable is read from the providers' own SDKs, so a new resource without tags fails here.
"""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from tests.program.pretend_clouds import GIVEN, NETWORK_COMPARTMENT, answer_with, record
from tests.program.recording import Recording, Resource

OWN = {"managed-by": "pulumi", "project": "aws-oci-libreswan", "stack": "dev"}
MOST_TAGS = {f"key-{n}": "v" * 256 for n in range(7)}


def takes(resource: Resource, argument: str) -> bool:
    """Whether the SDK's class of this resource has an argument."""
    package, module, name = re.fullmatch(r"(\w+):(\w+)/\w+:(\w+)", resource.type).groups()  # type: ignore[union-attr]
    cls = getattr(importlib.import_module(f"pulumi_{package}.{module.lower()}"), name)
    return argument in inspect.signature(cls._internal_init).parameters


def in_cloud(recording: Recording, cloud: str) -> list[Resource]:
    return [r for r in recording.resources if r.type.startswith(f"{cloud}:")]


@pytest.fixture(params=["dev", "given", "tagged", "watched"])
def recording(request: pytest.FixtureRequest) -> Recording:
    if request.param == "tagged":
        return record({"tags": MOST_TAGS, "definedTags": {"Operations.CostCenter": "42"}})
    chosen: Recording = request.getfixturevalue(request.param)
    return chosen


def test_every_aws_resource_that_takes_tags_has_them_and_a_name(recording: Recording) -> None:
    tagged = [r for r in in_cloud(recording, "aws") if takes(r, "tags")]
    assert len(tagged) >= 15
    for resource in tagged:
        tags = resource.inputs["tags"]
        assert {key: tags.get(key) for key in OWN} == OWN, resource.urn
        assert tags["Name"] == resource.name
        assert len(tags) <= 50
        assert all(len(key) <= 128 and len(value) <= 256 for key, value in tags.items())


def test_every_oci_resource_that_takes_tags_has_them(recording: Recording) -> None:
    tagged = [r for r in in_cloud(recording, "oci") if takes(r, "freeform_tags")]
    assert len(tagged) >= 2
    for resource in tagged:
        tags = resource.inputs["freeformTags"]
        assert {key: tags.get(key) for key in OWN} == OWN, resource.urn
        assert len(tags) <= 10
        assert all(len(key) <= 100 and len(value) <= 256 for key, value in tags.items())


def test_given_and_defined_tags_are_on_everything() -> None:
    recording = record({"tags": {"team": "network"}, "definedTags": {"Operations.CostCenter": "42"}, "alarms": True})
    for resource in recording.resources:
        if resource.type.startswith("aws:") and takes(resource, "tags"):
            assert resource.inputs["tags"]["team"] == "network", resource.urn
        if resource.type.startswith("oci:") and takes(resource, "freeform_tags"):
            assert resource.inputs["freeformTags"]["team"] == "network", resource.urn
            assert resource.inputs["definedTags"] == {"Operations.CostCenter": "42"}, resource.urn


def test_defined_tags_are_left_out_unless_set(dev: Recording) -> None:
    """An empty map would take away what the tenancy's tag defaults put there."""
    assert [r.urn for r in dev.resources if "definedTags" in r.inputs] == []


def test_the_disk_of_the_host_is_tagged_too(dev: Recording) -> None:
    instance = dev.one("aws:ec2/instance:Instance", "host-instance").inputs
    assert instance["rootBlockDevice"]["tags"] == {**OWN, "Name": "host-instance"}


def test_a_rule_in_a_given_network_says_whose_it_is(given: Recording) -> None:
    owner = "managed by pulumi: aws-oci-libreswan/dev"
    commands = [r for r in given.of_type("command:local:Command") if r.name.startswith(("oci-table-", "oci-list-"))]
    assert [c.inputs["environment"]["OWNER"] for c in commands] == [owner] * 5
    groups = given.of_type("oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule")
    assert [g.inputs["description"] for g in groups] == [owner] * 3


def test_names_that_aws_would_refuse_are_not_there(dev: Recording) -> None:
    """Amazon refuses security group names that begin with sg-; an automatic name begins with the logical one."""
    for group in dev.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert not group.name.startswith("sg-")


def test_dns_labels_of_a_vcn_differ() -> None:
    """10.1.11.0/24 and 10.11.1.0/24 have the same digits."""
    recording = record(
        {
            "vpcCidrs": ["192.168.0.0/16"],
            "hostSubnetCidr": "192.168.0.0/24",
            "clientSubnetCidrs": None,
            "vcnCidrs": ["10.1.0.0/16", "10.11.0.0/16"],
            "vcnSubnetCidrs": ["10.1.11.0/24", "10.11.1.0/24"],
        }
    )
    labels = [r.inputs["dnsLabel"] for r in recording.resources if "dnsLabel" in r.inputs]
    assert sorted(labels) == ["n0a010b0024", "n0a0b010024", "ocivcn"]


@pytest.mark.parametrize(("label", "labelled"), [("corp", True), ("", False)])
def test_a_subnet_has_a_dns_label_only_where_its_vcn_has(label: str, labelled: bool) -> None:
    vcn = {"compartmentId": NETWORK_COMPARTMENT, "cidrBlocks": ["172.16.0.0/16"], "dnsLabel": label}
    recording = record({**GIVEN, "vcnSubnetCidrs": ["172.16.0.0/24"]}, answer=answer_with(getVcn=vcn))
    [subnet] = recording.of_type("oci:Core/subnet:Subnet")
    assert ("dnsLabel" in subnet.inputs) == labelled


def test_ignored_tags_reach_the_providers() -> None:
    recording = record(
        {"ignoredAwsTagPrefixes": ["corp:"], "ignoredDefinedTags": ["Oracle-Tags.CreatedBy"]}, preview=True
    )
    assert recording.one("pulumi:providers:aws", "aws").inputs["ignoreTags"] == '{"keyPrefixes": ["corp:"]}'
    assert recording.one("pulumi:providers:oci", "oci").inputs["ignoreDefinedTags"] == '["Oracle-Tags.CreatedBy"]'


def test_given_networks_are_never_tagged(given: Recording) -> None:
    assert {r.type for r in given.resources} & {
        "aws:ec2/vpc:Vpc",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/networkAcl:NetworkAcl",
        "aws:ec2/tag:Tag",
        "oci:Core/vcn:Vcn",
        "oci:Core/routeTable:RouteTable",
        "oci:Core/securityList:SecurityList",
        "oci:Core/drg:Drg",
    } == set(), GIVEN
