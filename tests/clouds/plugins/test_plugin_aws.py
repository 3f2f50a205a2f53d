"""The AWS plugin over gRPC, against the AWS stand-in: a network and its host made, seen drifting, changed, unmade.

Does not prove that the real plugin makes the same calls in the same order: they are written after its source and docs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from lab.clouds.aws.server import AwsCloud
from lab.clouds.plugins import aws
from lab.clouds.plugins.table import Plugin
from lab.clouds.plugins.values import Secret, Values, plain

REGION = "eu-central-1"
ZONE = "eu-central-1a"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
TABLE = "aws:ec2/routeTable:RouteTable"
TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ROUTE = "aws:ec2/route:Route"
ACL = "aws:ec2/networkAcl:NetworkAcl"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
ACL_ASSOCIATION = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
EIP = "aws:ec2/eip:Eip"
EIP_ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
INSTANCE = "aws:ec2/instance:Instance"
CIDR = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
PARAMETER = "aws:ssm/parameter:Parameter"


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        action()
    return str(refused.value.details())


@dataclass
class Network:
    """A VPC with a public subnet: what most resources need."""

    engine: Any

    def __post_init__(self) -> None:
        create = self.engine.create
        self.vpc = create(VPC, {"cidrBlock": "10.0.0.0/16"}).id
        self.subnet = create(SUBNET, {"vpcId": self.vpc, "cidrBlock": "10.0.0.0/24", "availabilityZone": ZONE}).id
        self.gateway = create(GATEWAY, {"vpcId": self.vpc}).id
        self.table = create(TABLE, {"vpcId": self.vpc}).id
        self.group = create(GROUP, {"vpcId": self.vpc, "description": "host"}, "host").id
        self.interface = create(INTERFACE, {"subnetId": self.subnet, "securityGroups": [self.group]}).id

    def instance(self, **more: Any) -> Values:
        ami = self.engine.invoke(
            "aws:ssm/getParameter:getParameter", {"name": "/aws/service/debian/release/13/latest/amd64"}
        )
        return {
            "ami": ami["value"],
            "instanceType": "t3.small",
            "primaryNetworkInterface": {"networkInterfaceId": self.interface},
            **more,
        }


@pytest.fixture
def network(amazon: Any) -> Network:
    return Network(amazon)


@pytest.fixture
def ec2(cloud: AwsCloud) -> Any:
    return cloud.client("ec2", REGION)


def case(token: str, inputs: Callable[[Network], Values], changed: Callable[[Network], Values] | None = None) -> Any:
    return pytest.param(token, inputs, changed, id=token.rpartition(":")[2])


UPDATES = [
    case(
        VPC,
        lambda n: {"cidrBlock": "10.9.0.0/16", "tags": {"Name": "a", "b": "c"}},
        lambda n: {"cidrBlock": "10.9.0.0/16", "enableDnsHostnames": True, "tags": {"Name": "d"}},
    ),
    case(
        SUBNET,
        lambda n: {"vpcId": n.vpc, "cidrBlock": "10.0.7.0/24", "tags": {"a": "b"}},
        lambda n: {"vpcId": n.vpc, "cidrBlock": "10.0.7.0/24", "mapPublicIpOnLaunch": True},
    ),
    case(GATEWAY, lambda n: {"tags": {"a": "b"}}, lambda n: {"tags": {"a": "c"}}),
    case(TABLE, lambda n: {"vpcId": n.vpc}, lambda n: {"vpcId": n.vpc, "tags": {"a": "c"}}),
    case(
        TABLE_ASSOCIATION,
        lambda n: {"routeTableId": n.table, "subnetId": n.subnet},
        lambda n: {"routeTableId": n.engine.create(TABLE, {"vpcId": n.vpc}).id, "subnetId": n.subnet},
    ),
    case(
        ROUTE,
        lambda n: {"routeTableId": n.table, "destinationCidrBlock": "172.16.0.0/16", "gatewayId": n.gateway},
        lambda n: {"routeTableId": n.table, "destinationCidrBlock": "172.16.0.0/16", "networkInterfaceId": n.interface},
    ),
    case(ACL, lambda n: {"vpcId": n.vpc, "tags": {"a": "b"}}, lambda n: {"vpcId": n.vpc, "tags": {"a": "c"}}),
    case(
        GROUP,
        lambda n: {"vpcId": n.vpc, "name": "x", "tags": {"a": "b"}},
        lambda n: {"vpcId": n.vpc, "name": "x", "tags": {"a": "c"}},
    ),
    case(
        INGRESS,
        lambda n: {
            "securityGroupId": n.group,
            "ipProtocol": "udp",
            "cidrIpv4": "203.0.113.7/32",
            "fromPort": 500,
            "toPort": 500,
            "tags": {"a": "b"},
        },
        lambda n: {
            "securityGroupId": n.group,
            "ipProtocol": "udp",
            "cidrIpv4": "203.0.113.8/32",
            "fromPort": 4500,
            "toPort": 4500,
            "tags": {"a": "c"},
        },
    ),
    case(
        EGRESS,
        lambda n: {"securityGroupId": n.group, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"},
        lambda n: {"securityGroupId": n.group, "ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8"},
    ),
    case(
        INTERFACE,
        lambda n: {"subnetId": n.subnet, "privateIps": ["10.0.0.20"], "sourceDestCheck": False},
        lambda n: {
            "subnetId": n.subnet,
            "privateIps": ["10.0.0.20", "10.0.0.21"],
            "securityGroups": [n.group],
            "description": "now said",
            "tags": {"a": "b"},
        },
    ),
    case(EIP, lambda n: {"domain": "vpc", "tags": {"a": "b"}}, lambda n: {"domain": "vpc", "tags": {"a": "c"}}),
    case(
        ROLE,
        lambda n: {"assumeRolePolicy": TRUST, "name": "r", "description": "a", "tags": {"a": "b"}},
        lambda n: {
            "assumeRolePolicy": TRUST.replace("ec2.", "ssm."),
            "name": "r",
            "maxSessionDuration": 7200,
            "permissionsBoundary": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            "tags": {"c": "d"},
        },
    ),
    case(
        ROLE_POLICY,
        lambda n: {"role": role(n), "policy": policy("ssm:GetParameter"), "name": "p"},
        lambda n: {"role": "r", "policy": policy("kms:Decrypt"), "name": "p"},
    ),
    case(
        PROFILE,
        lambda n: {"name": "p", "role": role(n)},
        lambda n: {"name": "p", "role": role(n, "s"), "tags": {"a": "b"}},
    ),
    case(
        PARAMETER,
        lambda n: {"name": "/a", "type": "SecureString", "value": Secret("old"), "tags": {"a": "b"}},
        lambda n: {"name": "/a", "type": "SecureString", "value": Secret("new"), "description": "d", "tags": {"c": "d"}},
    ),
    case(CIDR, lambda n: {"vpcId": n.vpc, "cidrBlock": "10.1.0.0/16"}),
    case(
        ACL_RULE,
        lambda n: {
            "networkAclId": n.engine.create(ACL, {"vpcId": n.vpc}).id,
            "ruleNumber": 100,
            "protocol": "udp",
            "ruleAction": "allow",
            "cidrBlock": "0.0.0.0/0",
            "egress": True,
            "fromPort": 500,
            "toPort": 4500,
        },
    ),
    case(
        ACL_ASSOCIATION,
        lambda n: {"networkAclId": n.engine.create(ACL, {"vpcId": n.vpc}).id, "subnetId": n.subnet},
    ),
    case(
        EIP_ASSOCIATION,
        lambda n: {
            "allocationId": n.engine.create(EIP, {"domain": "vpc"}).id,
            "networkInterfaceId": n.interface,
            "allowReassociation": True,
        },
    ),
    case(ATTACHMENT, lambda n: {"role": role(n), "policyArn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}),
    case(
        INSTANCE,
        lambda n: n.instance(
            userDataBase64="b25l",
            metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1},
            rootBlockDevice={"encrypted": True, "volumeSize": 9, "tags": {"disk": "x"}},
            maintenanceOptions={"autoRecovery": "default"},
            tags={"a": "b"},
        ),
        lambda n: n.instance(
            instanceType="t3.micro",
            userDataBase64="dHdv",
            metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2},
            rootBlockDevice={"encrypted": True, "volumeSize": 10, "tags": {"disk": "y"}},
            maintenanceOptions={"autoRecovery": "default"},
            tags={"a": "c"},
        ),
    ),
]  # fmt: skip


def role(network: Network, name: str = "r") -> str:
    made: str = network.engine.create(ROLE, {"assumeRolePolicy": TRUST, "name": name}).id
    return made


def policy(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(("token", "inputs", "changed"), UPDATES)
def test_a_life(network: Network, token: str, inputs: Callable[..., Values], changed: Callable[..., Values]) -> None:
    """Made, read back unchanged, updated in place, read back, deleted, gone, deleted again."""
    engine = network.engine
    made = engine.create(token, inputs(network), "one")
    before = dict(made.inputs)
    for key in before.keys() - {"__defaults"}:
        assert key in made.outputs
    assert engine.refresh(made) is True
    assert made.inputs == before
    if changed is not None:
        news = changed(network)
        told = engine.diff(made, news)
        assert (list(told.replaces), bool(told.diffs)) == ([], True)
        engine.update(made, news)
        after = dict(made.inputs)
        assert engine.refresh(made) is True
        assert made.inputs == after
    engine.delete(made)
    engine.delete(made)
    assert engine.refresh(made) is False


def test_everything_goes(network: Network, cloud: AwsCloud) -> None:
    network.engine.create(INSTANCE, network.instance())
    network.engine.destroy()
    assert cloud.leftovers(REGION) == {}


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}, ["cidrBlock"]),
        (GATEWAY, {"vpcId": "vpc-1"}, {"vpcId": "vpc-2"}, []),
        (SUBNET, {"vpcId": "v", "availabilityZone": "a"}, {"vpcId": "v", "availabilityZone": "b"}, ["availabilityZone"]),
        (ROUTE,
         {"routeTableId": "r", "destinationCidrBlock": "10.0.0.0/8", "gatewayId": "igw-1"},
         {"routeTableId": "r", "destinationCidrBlock": "11.0.0.0/8", "gatewayId": "igw-2"},
         ["destinationCidrBlock"]),
        (TABLE_ASSOCIATION,
         {"routeTableId": "r", "subnetId": "s"}, {"routeTableId": "t", "subnetId": "u"}, ["subnetId"]),
        (EIP, {"domain": "vpc"}, {}, ["domain"]),
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


def test_replaced_user_data_needs_a_stop(network: Network, calls: Callable[[], list[str]]) -> None:
    made = network.engine.create(INSTANCE, network.instance(userDataBase64="b25l"))
    calls()
    network.engine.update(made, network.instance(userDataBase64="dHdv"))
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
