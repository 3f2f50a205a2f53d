"""The AWS plugin's look-ups over gRPC, against the AWS stand-in.

Does not prove that every field of the real results is there: those that the program reads are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from lab.clouds.aws.server import AwsCloud
from lab.clouds.plugins.values import Values

REGION = "eu-central-1"
DEBIAN = "/aws/service/debian/release/13/latest/amd64"
AMI = "aws:ec2/getAmi:getAmi"


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        action()
    return str(refused.value.details())


def one(name: str, *values: str) -> Values:
    return {"name": name, "values": list(values)}


@pytest.fixture
def ids(amazon: Any, cloud: AwsCloud) -> Iterator[dict[str, str]]:
    """A VPC with a subnet that has a table of its own and one that has not."""
    create = amazon.create
    found = {"vpc": create("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "given"}}).id}
    more = {"vpcId": found["vpc"], "cidrBlock": "10.1.0.0/16"}
    create("aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation", more)
    for number in (1, 2):
        subnet = {"vpcId": found["vpc"], "cidrBlock": f"10.0.{number}.0/24", "availabilityZone": "eu-central-1b"}
        found[f"subnet-{number}"] = create("aws:ec2/subnet:Subnet", subnet).id
    found["gateway"] = create("aws:ec2/internetGateway:InternetGateway", {"vpcId": found["vpc"]}).id
    found["table"] = create("aws:ec2/routeTable:RouteTable", {"vpcId": found["vpc"]}).id
    own = {"routeTableId": found["table"]}
    create("aws:ec2/routeTableAssociation:RouteTableAssociation", {**own, "subnetId": found["subnet-1"]})
    route = {**own, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": found["gateway"]}
    create("aws:ec2/route:Route", route)
    interface = {"subnetId": found["subnet-1"], "tags": {"stack": "dev"}}
    found["interface"] = create("aws:ec2/networkInterface:NetworkInterface", interface).id
    yield found


def test_where_it_is(amazon: Any) -> None:
    found = amazon.invoke("aws:index/getRegion:getRegion")
    assert (found["region"], found["endpoint"]) == (REGION, "ec2.eu-central-1.amazonaws.com")
    assert amazon.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "123456789012"
    amazon.configure({"region": "cn-north-1"})
    assert amazon.invoke("aws:index/getRegion:getRegion")["endpoint"] == "ec2.cn-north-1.amazonaws.com.cn"
    amazon.configure({})
    assert refusal(lambda: amazon.invoke("aws:index/getRegion:getRegion")) == (
        "missing region: set aws:region, AWS_REGION or AWS_DEFAULT_REGION"
    )


def test_zones_that_offer_a_type(amazon: Any) -> None:
    token = "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings"
    asked = {"locationType": "availability-zone", "filters": [one("instance-type", "t3.small")]}
    found = amazon.invoke(token, asked)
    assert sorted(found["locations"]) == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    assert set(found["instanceTypes"]) == {"t3.small"}
    assert amazon.invoke(token, asked | {"filters": [one("instance-type", "no.such")]})["locations"] == []


def test_parameter(amazon: Any) -> None:
    found = amazon.invoke("aws:ssm/getParameter:getParameter", {"name": DEBIAN})
    assert found["insecureValue"] == found["value"] and found["value"].startswith("ami-")
    assert refusal(lambda: amazon.invoke("aws:ssm/getParameter:getParameter", {"name": "/no"})) == (
        "reading SSM Parameter (/no): couldn't find resource"
    )


def test_newest_image(amazon: Any) -> None:
    asked = {
        "owners": ["136693071363"],
        "mostRecent": True,
        "filters": [one("name", "debian-13-amd64-*"), one("architecture", "x86_64"), one("state", "available")],
    }
    found = amazon.invoke(AMI, asked)
    assert found["id"] == amazon.invoke("aws:ssm/getParameter:getParameter", {"name": DEBIAN})["value"]
    assert (found["architecture"], found["rootDeviceName"]) == ("x86_64", "/dev/xvda")
    by_id = {"filters": [one("image-id", found["id"])], "allowUnsafeFilter": True, "includeDeprecated": True}
    assert amazon.invoke(AMI, by_id)["name"] == found["name"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"owners": ["136693071363"], "filters": [one("name", "no-such")]},
            "Your query returned no results. Please change your search criteria and try again.",
        ),
        (
            {"filters": [one("image-id", "ami-00000000000000000")], "allowUnsafeFilter": True},
            "Your query returned no results. Please change your search criteria and try again.",
        ),
        (
            {"owners": ["136693071363"], "filters": [one("name", "debian-*")]},
            "Your query returned more than one result. Please try a more specific search criteria, or set "
            "`most_recent` attribute to true.",
        ),
        (
            {"mostRecent": True, "filters": [one("name", "debian-*")]},
            'Most Recent Image Not Filtered: "most_recent" is set to "true" and results are not filtered by owner '
            "or image ID. With this configuration, a third party may introduce a new image which will be returned "
            "by this data source",
        ),
    ],
)
def test_image_refused(amazon: Any, asked: Values, reason: str) -> None:
    assert refusal(lambda: amazon.invoke(AMI, asked)) == reason


def test_vpc(amazon: Any, ids: dict[str, str]) -> None:
    found = amazon.invoke("aws:ec2/getVpc:getVpc", {"id": ids["vpc"]})
    assert [one["cidrBlock"] for one in found["cidrBlockAssociations"]] == ["10.0.0.0/16", "10.1.0.0/16"]
    assert (found["enableDnsSupport"], found["tags"]) == (True, {"Name": "given"})
    assert amazon.invoke("aws:ec2/getVpc:getVpc", {"tags": {"Name": "given"}})["id"] == ids["vpc"]


def test_subnet_and_its_routes(amazon: Any, ids: dict[str, str]) -> None:
    found = amazon.invoke("aws:ec2/getSubnet:getSubnet", {"id": ids["subnet-1"]})
    assert (found["vpcId"], found["cidrBlock"], found["availabilityZone"]) == (
        ids["vpc"], "10.0.1.0/24", "eu-central-1b",
    )  # fmt: skip
    for asked in ({"subnetId": ids["subnet-1"]}, {"routeTableId": ids["table"]}):
        table = amazon.invoke("aws:ec2/getRouteTable:getRouteTable", asked)
        assert table["id"] == ids["table"]
        [route] = table["routes"]
        assert (route["cidrBlock"], route["gatewayId"], route["networkInterfaceId"]) == (
            "0.0.0.0/0", ids["gateway"], "",
        )  # fmt: skip
    main = {"filters": [one("vpc-id", ids["vpc"]), one("association.main", "true")]}
    table = amazon.invoke("aws:ec2/getRouteTable:getRouteTable", main)
    assert (table["routes"], table["associations"][0]["main"]) == ([], True)


def test_gateway_interfaces_and_acls(amazon: Any, ids: dict[str, str]) -> None:
    attached = {"filters": [one("attachment.vpc-id", ids["vpc"])]}
    found = amazon.invoke("aws:ec2/getInternetGateway:getInternetGateway", attached)
    assert (found["internetGatewayId"], found["attachments"]) == (
        ids["gateway"], [{"state": "available", "vpcId": ids["vpc"]}],
    )  # fmt: skip
    token = "aws:ec2/getNetworkInterfaces:getNetworkInterfaces"
    asked = {"filters": [one("vpc-id", ids["vpc"]), one("tag:stack", "dev")]}
    assert amazon.invoke(token, asked)["ids"] == [ids["interface"]]
    assert amazon.invoke(token, {"filters": [one("tag:stack", "prod")]})["ids"] == []
    acls = amazon.invoke("aws:ec2/getNetworkAcls:getNetworkAcls", {"vpcId": ids["vpc"]})["ids"]
    assert len(acls) == 1 and acls[0].startswith("acl-")


def test_instance_profile(amazon: Any) -> None:
    amazon.create("aws:iam/instanceProfile:InstanceProfile", {"name": "p"})
    found = amazon.invoke("aws:iam/getInstanceProfile:getInstanceProfile", {"name": "p"})
    assert (found["name"], found["roleName"]) == ("p", "")


@pytest.mark.parametrize(
    ("token", "asked", "reason"),
    [
        ("aws:ec2/getVpc:getVpc", {"id": "vpc-0"}, "no matching EC2 VPC found"),
        ("aws:ec2/getSubnet:getSubnet", {"id": "subnet-0"}, "no matching EC2 Subnet found"),
        ("aws:ec2/getRouteTable:getRouteTable", {"routeTableId": "rtb-0"}, "no matching Route Table found"),
        (
            "aws:ec2/getRouteTable:getRouteTable",
            {},
            "one of route_table_id, vpc_id, subnet_id, gateway_id, filters, or tags must be assigned",
        ),
        (
            "aws:ec2/getInternetGateway:getInternetGateway",
            {"internetGatewayId": "igw-0"},
            "no matching EC2 Internet Gateway found",
        ),
        (
            "aws:iam/getInstanceProfile:getInstanceProfile",
            {"name": "no"},
            "reading IAM Instance Profile (no): couldn't find resource",
        ),
    ],
)
def test_nothing_there(amazon: Any, token: str, asked: Values, reason: str) -> None:
    assert refusal(lambda: amazon.invoke(token, asked)) == reason


def test_more_than_one(amazon: Any, ids: dict[str, str]) -> None:
    assert refusal(lambda: amazon.invoke("aws:ec2/getSubnet:getSubnet", {"vpcId": ids["vpc"]})) == (
        "multiple EC2 Subnets matched; use additional constraints to reduce matches to a single EC2 Subnet"
    )
