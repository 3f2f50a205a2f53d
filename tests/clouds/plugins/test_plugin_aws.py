"""The AWS plugin over gRPC, against the AWS stand-in: what a declared resource means there, and what replaces it.

Does not prove that the real plugin makes the same calls in the same order: they are written after its source and docs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import status_pb2

from lab.clouds.aws.server import AwsCloud
from lab.clouds.plugins import aws, aws_client
from lab.clouds.plugins.table import Plugin
from lab.clouds.plugins.values import Secret, Values, from_struct, plain
from tests.clouds.plugins.amazon import (
    ACL,
    ACL_ASSOCIATION,
    ACL_RULE,
    EIP,
    GATEWAY,
    GROUP,
    INGRESS,
    INSTANCE,
    INTERFACE,
    PARAMETER,
    PROFILE,
    REGION,
    ROLE,
    ROUTE,
    SUBNET,
    TABLE,
    TABLE_ASSOCIATION,
    TRUST,
    VPC,
    Network,
    refusal,
    role,
)
from tests.clouds.plugins.conftest import Made
from tests.clouds.refusals import trailing_metadata


@pytest.fixture
def network(amazon: Any) -> Network:
    return Network(amazon)


@pytest.fixture
def ec2(cloud: AwsCloud) -> Any:
    return cloud.client("ec2", REGION)


def test_everything_goes(network: Network, cloud: AwsCloud) -> None:
    network.engine.create(INSTANCE, network.instance())
    network.engine.destroy()
    assert cloud.leftovers(REGION) == {}


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}, ["cidrBlock"]),
        (GATEWAY, {"vpcId": "vpc-1"}, {"vpcId": "vpc-2"}, []),
        (SUBNET,
         {"vpcId": "v", "availabilityZone": "a"}, {"vpcId": "v", "availabilityZone": "b"}, ["availabilityZone"]),
        (ROUTE,
         {"routeTableId": "r", "destinationCidrBlock": "10.0.0.0/8", "gatewayId": "igw-1"},
         {"routeTableId": "r", "destinationCidrBlock": "11.0.0.0/8", "gatewayId": "igw-2"},
         ["destinationCidrBlock"]),
        (TABLE_ASSOCIATION,
         {"routeTableId": "r", "subnetId": "s"}, {"routeTableId": "t", "subnetId": "u"}, ["subnetId"]),
        (EIP, {"domain": "vpc"}, {}, []),
        (INGRESS,
         {"securityGroupId": "g", "ipProtocol": "udp", "cidrIpv4": "10.0.0.0/8"},
         {"securityGroupId": "g", "ipProtocol": "tcp", "referencedSecurityGroupId": "h"},
         ["cidrIpv4", "referencedSecurityGroupId"]),
        (INTERFACE,
         {"subnetId": "s", "securityGroups": ["a"]}, {"subnetId": "t", "securityGroups": ["b"]}, ["subnetId"]),
        (ACL_RULE,
         {"networkAclId": "a", "protocol": "6", "ruleAction": "allow", "ruleNumber": 1, "toPort": 1},
         {"networkAclId": "a", "protocol": "6", "ruleAction": "deny", "ruleNumber": 1, "toPort": 2},
         ["ruleAction", "toPort"]),
        (PARAMETER,
         {"type": "String", "value": "a", "name": "/a", "dataType": "text"},
         {"type": "String", "value": "b", "name": "/b", "dataType": "text"},
         ["name"]),
        (ROLE, {"assumeRolePolicy": "{}", "path": "/"}, {"assumeRolePolicy": "{\"a\": 1}", "path": "/x/"}, ["path"]),
        (PROFILE, {"role": "a"}, {"role": "b"}, []),
    ],
)  # fmt: skip
def test_what_replaces(amazon: Any, token: str, old: Values, new: Values, replaces: list[str]) -> None:
    made = type("Known", (), {"token": token, "name": "it", "id": "x", "inputs": old, "outputs": old})
    assert [one for one in amazon.diff(made, new).replaces if one != "name" or "name" in new] == replaces


BASE: Values = {"ami": "ami-1", "instanceType": "t3.small", "primaryNetworkInterface": {"networkInterfaceId": "eni-1"}}


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({"ami": "ami-2"}, ["ami"]),
        ({"instanceType": "t3.micro"}, []),
        ({"keyName": "k"}, ["keyName"]),
        ({"primaryNetworkInterface": {"networkInterfaceId": "eni-2"}}, ["primaryNetworkInterface"]),
        ({"userDataBase64": "dHdv"}, []),
        ({"userDataBase64": "dHdv", "userDataReplaceOnChange": True}, ["userDataBase64"]),
        ({"userDataReplaceOnChange": True}, []),
        ({"rootBlockDevice": {"volumeSize": 9}}, []),
        ({"rootBlockDevice": {"encrypted": True, "volumeSize": 8}}, ["rootBlockDevice"]),
        ({"metadataOptions": {"httpTokens": "optional"}}, []),
        ({"iamInstanceProfile": "p"}, []),
    ],
)
def test_what_replaces_an_instance(amazon: Any, change: Values, replaces: list[str]) -> None:
    old = BASE | {"userDataBase64": "b25l", "rootBlockDevice": {"encrypted": False, "volumeSize": 8}}
    made = type("Known", (), {"token": INSTANCE, "name": "it", "id": "x", "inputs": old, "outputs": old})
    told = amazon.diff(made, old | change)
    assert (list(told.replaces), bool(told.diffs)) == (replaces, True)


def test_instance_as_asked(network: Network, ec2: Any) -> None:
    network.engine.create(PROFILE, {"name": "p", "role": role(network)})
    text = "#!/bin/sh\n" + "x" * 16_000
    inputs = network.instance(
        userDataBase64=base64.b64encode(text.encode()).decode(),
        iamInstanceProfile="p",
        metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1, "httpEndpoint": "enabled"},
        rootBlockDevice={"encrypted": True, "volumeType": "gp3", "volumeSize": 9, "tags": {"disk": "x"}},
        tags={"Name": "host"},
    )
    made = network.engine.create(INSTANCE, inputs, "host")
    [reservation] = ec2.describe_instances(InstanceIds=[made.id])["Reservations"]
    [instance] = reservation["Instances"]
    assert instance["State"]["Name"] == made["instanceState"] == "running"
    assert [one["NetworkInterfaceId"] for one in instance["NetworkInterfaces"]] == [network.interface]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert instance["IamInstanceProfile"]["Arn"].endswith(":instance-profile/p")
    assert instance["Tags"] == [{"Key": "Name", "Value": "host"}]
    told = ec2.describe_instance_attribute(InstanceId=made.id, Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(told).decode() == text
    [volume] = ec2.describe_volumes(VolumeIds=[made["rootBlockDevice"]["volumeId"]])["Volumes"]
    assert (volume["Encrypted"], volume["VolumeType"], volume["Size"]) == (True, "gp3", 9)
    assert volume["Tags"] == [{"Key": "disk", "Value": "x"}]
    assert made["primaryNetworkInterface"] == {"networkInterfaceId": network.interface, "deleteOnTermination": False}


def test_an_interface_is_free_once_its_instance_is_deleted(network: Network) -> None:
    made = network.engine.create(INSTANCE, network.instance())
    network.engine.delete(made)
    assert network.engine.create(INSTANCE, network.instance())["privateIp"].startswith("10.0.0.")


def test_a_second_instance_on_an_interface_is_refused(network: Network) -> None:
    network.engine.create(INSTANCE, network.instance())
    told = refusal(lambda: network.engine.create(INSTANCE, network.instance(), "two"))
    assert told.startswith("operation error RunInstances, https response error StatusCode: 400, api error ")
    assert "InvalidNetworkInterface.InUse" in told


def test_another_type_needs_a_stop(network: Network, calls: Callable[[], list[str]]) -> None:
    made = network.engine.create(INSTANCE, network.instance())
    calls()
    network.engine.update(made, network.instance(instanceType="t3.micro"))
    assert calls() == ["StopInstances", "ModifyInstanceAttribute", "StartInstances"]


def test_group_lets_nothing_out_by_itself(network: Network, ec2: Any) -> None:
    [group] = ec2.describe_security_groups(GroupIds=[network.group])["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])
    assert group["GroupName"].startswith("host-")
    rule = {"securityGroupId": network.group, "ipProtocol": "50", "cidrIpv4": "203.0.113.7/32"}
    network.engine.create(INGRESS, rule)
    [group] = ec2.describe_security_groups(GroupIds=[network.group])["SecurityGroups"]
    assert [one["IpProtocol"] for one in group["IpPermissions"]] == ["50"]


def test_acl_association_goes_back_to_the_default_acl(network: Network, ec2: Any) -> None:
    def current() -> str:
        wanted = [{"Name": "association.subnet-id", "Values": [network.subnet]}]
        [acl] = ec2.describe_network_acls(Filters=wanted)["NetworkAcls"]
        found: str = acl["NetworkAclId"]
        return found

    default = current()
    own = network.engine.create(ACL, {"vpcId": network.vpc})
    association = network.engine.create(ACL_ASSOCIATION, {"networkAclId": own.id, "subnetId": network.subnet})
    assert current() == own.id
    network.engine.delete(association)
    assert current() == default
    network.engine.create(ACL_ASSOCIATION, {"networkAclId": own.id, "subnetId": network.subnet})
    network.engine.delete(own)
    assert current() == default


@pytest.mark.parametrize(
    ("holder", "association", "key", "operation"),
    [
        (ACL, ACL_ASSOCIATION, "networkAclId", "ReplaceNetworkAclAssociation"),
        (TABLE, TABLE_ASSOCIATION, "routeTableId", "DisassociateRouteTable"),
    ],
    ids=["acl", "route table"],
)
@pytest.mark.parametrize("deleted", ["holder", "association"])
def test_an_association_whose_subnet_goes_meanwhile_has_ended(
    network: Network, ec2: Any, monkeypatch: pytest.MonkeyPatch, holder: str, association: str, key: str,
    operation: str, deleted: str,
) -> None:  # fmt: skip
    """
    An engine was killed while it associated them: its state does not know that the one is in use by the other, so
    `destroy` deletes both at once.
    """
    engine = network.engine
    subnet = engine.create(SUBNET, {"vpcId": network.vpc, "cidrBlock": "10.0.1.0/24"}, "meanwhile").id
    made = {"holder": engine.create(holder, {"vpcId": network.vpc}, "held")}
    made["association"] = engine.create(association, {key: made["holder"].id, "subnetId": subnet}, "held")
    make = aws_client._client.__wrapped__
    gone: list[str] = []

    def go(**_: object) -> None:
        ec2.delete_subnet(SubnetId=subnet)
        gone.append(subnet)

    def client_that_is_late(*arguments: Any) -> Any:
        made_client = make(*arguments)
        made_client.meta.events.register_first(f"before-call.ec2.{operation}", go)
        return made_client

    with monkeypatch.context() as patch:
        patch.setattr(aws_client, "_client", client_that_is_late)
        engine.delete(made[deleted])
    assert gone == [subnet]


def test_acl_rule_of_icmp(network: Network, ec2: Any) -> None:
    acl = network.engine.create(ACL, {"vpcId": network.vpc})
    inputs = {
        "networkAclId": acl.id,
        "ruleNumber": 110,
        "protocol": "icmp",
        "ruleAction": "allow",
        "cidrBlock": "0.0.0.0/0",
        "icmpType": 3,
        "icmpCode": 4,
    }
    made = network.engine.create(ACL_RULE, inputs)
    [found] = ec2.describe_network_acls(NetworkAclIds=[acl.id])["NetworkAcls"]
    [entry] = [one for one in found["Entries"] if one["RuleNumber"] == 110]
    assert (entry["Protocol"], entry["IcmpTypeCode"], entry["Egress"]) == ("1", {"Type": 3, "Code": 4}, False)
    assert network.engine.refresh(made) and made.inputs == inputs
    assert "NetworkAclEntryAlreadyExists" in refusal(lambda: network.engine.create(ACL_RULE, inputs, "two"))


def test_route_is_declared_once(network: Network) -> None:
    inputs = {"routeTableId": network.table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": network.gateway}
    network.engine.create(ROUTE, inputs)
    assert refusal(lambda: network.engine.create(ROUTE, inputs, "two")) == (
        f"a route in Route Table ({network.table}) with destination (0.0.0.0/0) already exists"
    )


def test_drift_is_seen(network: Network, ec2: Any) -> None:
    engine = network.engine
    [interface] = [made for made in engine.made if made.token == INTERFACE]
    [vpc] = [made for made in engine.made if made.token == VPC]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface.id, SourceDestCheck={"Value": False})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface.id, Description={"Value": "by hand"})
    ec2.modify_vpc_attribute(VpcId=vpc.id, EnableDnsSupport={"Value": False})
    assert engine.refresh(interface) and engine.refresh(vpc)
    assert (interface["sourceDestCheck"], interface["description"]) == (False, "by hand")
    assert vpc["enableDnsSupport"] is False


def test_tags_of_the_provider(cloud: AwsCloud, amazon: Any, ec2: Any) -> None:
    amazon.configure(
        {
            "region": REGION,
            "defaultTags": json.dumps({"tags": {"owner": "me", "stage": "lab"}}),
            "ignoreTags": json.dumps({"keys": ["seen"], "keyPrefixes": ["kubernetes.io/"]}),
        }
    )
    made = amazon.create(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"stage": "own"}})
    assert made["tags"] == made["tagsAll"] == {"owner": "me", "stage": "own"}
    [vpc] = ec2.describe_vpcs(VpcIds=[made.id])["Vpcs"]
    assert sorted(vpc["Tags"], key=lambda tag: tag["Key"]) == [
        {"Key": "owner", "Value": "me"},
        {"Key": "stage", "Value": "own"},
    ]
    before = dict(made.inputs)
    by_others = [{"Key": "seen", "Value": "1"}, {"Key": "kubernetes.io/x", "Value": "1"}]
    ec2.create_tags(Resources=[made.id], Tags=by_others)
    assert amazon.refresh(made) and made.inputs == before
    ec2.create_tags(Resources=[made.id], Tags=[{"Key": "foreign", "Value": "1"}])
    assert amazon.refresh(made) and made.inputs["tags"] == {"owner": "me", "stage": "own", "foreign": "1"}


def test_region_of_a_resource_wins(cloud: AwsCloud, amazon: Any) -> None:
    made = amazon.create(VPC, {"cidrBlock": "10.0.0.0/16", "region": "us-east-1"})
    assert made["region"] == "us-east-1"
    assert made["arn"] == f"arn:aws:ec2:us-east-1:123456789012:vpc/{made.id}"
    assert cloud.leftovers(REGION) == {}
    assert cloud.leftovers("us-east-1")["vpcs"] == [made.id]
    amazon.destroy()
    assert cloud.leftovers("us-east-1") == {}


def test_parameter_is_secret_and_not_overwritten(amazon: Any, cloud: AwsCloud) -> None:
    inputs = {"name": "/a", "type": "SecureString", "value": Secret("hush")}
    made = amazon.create(PARAMETER, inputs)
    assert (made.outputs["value"], made["version"]) == (Secret("hush"), 1)
    # By the schema, too, whatever the program says.
    assert amazon.create(PARAMETER, {"name": "/b", "type": "String", "value": "open"}).outputs["value"] == Secret(
        "open"
    )
    assert "ParameterAlreadyExists" in refusal(lambda: amazon.create(PARAMETER, inputs, "two"))
    ssm = cloud.client("ssm", REGION)
    amazon.update(made, {**inputs, "tags": {"a": "b"}})
    assert ssm.get_parameter(Name="/a", WithDecryption=True)["Parameter"]["Version"] == 1
    amazon.update(made, {**inputs, "value": Secret("louder"), "tags": {"a": "b"}})
    found = ssm.get_parameter(Name="/a", WithDecryption=True)["Parameter"]
    assert (found["Version"], found["Value"], plain(made.outputs["version"])) == (2, "louder", 2)


def test_without_an_endpoint_nothing_is_called(serve: Callable[[Plugin], Any]) -> None:
    engine = serve(aws.plugin({}))
    engine.configure({"region": REGION})
    assert refusal(lambda: engine.create(VPC, {"cidrBlock": "10.0.0.0/16"})) == (
        "AWS_ENDPOINT_URL is not set: the stand-in speaks to a local server only"
    )


def test_what_stays_in_use_cannot_be_deleted(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.clouds.plugins.aws_client.PATIENCE", 0.3)
    [group] = [made for made in network.engine.made if made.token == GROUP]
    told = refusal(lambda: network.engine.delete(group))
    assert told.startswith("operation error DeleteSecurityGroup, ") and "DependencyViolation" in told


@pytest.mark.parametrize("forced", [False, True])
def test_a_role_with_a_policy_of_somebody_elses_goes_by_force_only(amazon: Any, cloud: AwsCloud, forced: bool) -> None:
    made = amazon.create(ROLE, {"assumeRolePolicy": TRUST, "name": "r", "forceDetachPolicies": forced})
    iam = cloud.client("iam", REGION)
    allowed = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="r", PolicyName="theirs", PolicyDocument=document)
    if not forced:
        assert "DeleteConflict" in refusal(lambda: amazon.delete(made))
        iam.delete_role_policy(RoleName="r", PolicyName="theirs")
    amazon.delete(made)
    assert iam.list_roles()["Roles"] == []


def test_a_gateway_that_could_not_be_attached_is_kept_and_attached_later(network: Network, ec2: Any) -> None:
    """It has been made by then: a state without it would leave it there for ever."""
    with pytest.raises(grpc.RpcError) as refused:
        network.engine.create(GATEWAY, {"vpcId": network.vpc})
    assert "already has an internet gateway attached" in str(refused.value.details())
    [packed] = [value for key, value in trailing_metadata(refused.value) if key == "grpc-status-details-bin"]
    failed = pb.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(failed)
    ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc)
    half = Made(GATEWAY, "late", failed.id, from_struct(failed.inputs), from_struct(failed.properties))
    network.engine.update(half, {"vpcId": network.vpc})
    assert half["vpcId"] == network.vpc
    network.engine.delete(half)
