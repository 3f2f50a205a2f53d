"""What is in AWS by the tags of test environments, in the order in which it can be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ci.leftover import Leftover, stack_of
from commands import aws_sign_in

REFUSALS = (BotoCoreError, ClientError)

# Kind, operation that lists it, key of the list and of its id. A list within a list is EC2's for instances.
_EC2 = (
    ("instance", "describe_instances", "Instances", "InstanceId"),
    ("volume", "describe_volumes", "Volumes", "VolumeId"),
    ("elastic IP", "describe_addresses", "Addresses", "AllocationId"),
    ("network interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("internet gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("subnet", "describe_subnets", "Subnets", "SubnetId"),
    ("route table", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("network ACL", "describe_network_acls", "NetworkAcls", "NetworkAclId"),
    ("security group", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("VPC", "describe_vpcs", "Vpcs", "VpcId"),
)
_GOING = ("shutting-down", "terminated", "deleting", "deleted")


@dataclass(frozen=True)
class Amazon:
    """One region of one account, and IAM, seen with the sign-in of the stacks."""

    ec2: Any
    ssm: Any
    iam: Any
    project: str

    @classmethod
    def of(cls, settings: Mapping[str, object], region: str, project: str) -> Amazon:
        """Raises CommandError where the sign-in fails."""
        session = aws_sign_in.session(settings, region)
        ec2, ssm, iam = (aws_sign_in.client(service, session) for service in ("ec2", "ssm", "iam"))
        return cls(ec2, ssm, iam, project)

    def leftovers(self) -> Iterator[Leftover]:
        """Everything with the tags of a test environment. What is terminated and still listed is not there."""
        for kind, operation, items, identifier in _EC2:
            for item in self._listed(operation, items):
                stack = stack_of(_tags(item), self.project)
                state = _state(item)
                if stack and state not in ("terminated", "deleted"):
                    delete = None if state in _GOING else self._ec2_delete(kind, item)
                    yield Leftover(kind, item[identifier], stack, delete)
        yield from self._parameters()
        yield from self._profiles()
        yield from self._roles()

    def _listed(self, operation: str, items: str) -> Iterator[dict[str, Any]]:
        filters = [{"Name": "tag:project", "Values": [self.project]}, {"Name": "tag:managed-by", "Values": ["pulumi"]}]
        pages: Any
        if self.ec2.can_paginate(operation):
            pages = self.ec2.get_paginator(operation).paginate(Filters=filters)
        else:
            pages = [getattr(self.ec2, operation)(Filters=filters)]
        for page in pages:
            for one in page["Reservations"] if items == "Instances" else [page]:
                yield from one[items]

    def _ec2_delete(self, kind: str, item: Mapping[str, Any]) -> Callable[[], None]:
        ec2 = self.ec2
        simple: dict[str, Callable[[], object]] = {
            "instance": lambda: ec2.terminate_instances(InstanceIds=[item["InstanceId"]]),
            "volume": lambda: ec2.delete_volume(VolumeId=item["VolumeId"]),
            "elastic IP": lambda: self._release(item),
            "network interface": lambda: ec2.delete_network_interface(NetworkInterfaceId=item["NetworkInterfaceId"]),
            "internet gateway": lambda: self._detach(item),
            "subnet": lambda: ec2.delete_subnet(SubnetId=item["SubnetId"]),
            "route table": lambda: ec2.delete_route_table(RouteTableId=item["RouteTableId"]),
            "network ACL": lambda: ec2.delete_network_acl(NetworkAclId=item["NetworkAclId"]),
            "security group": lambda: ec2.delete_security_group(GroupId=item["GroupId"]),
            "VPC": lambda: ec2.delete_vpc(VpcId=item["VpcId"]),
        }
        return partial(_done, simple[kind])

    def _release(self, address: Mapping[str, Any]) -> None:
        if "AssociationId" in address:
            self.ec2.disassociate_address(AssociationId=address["AssociationId"])
        self.ec2.release_address(AllocationId=address["AllocationId"])

    def _detach(self, gateway: Mapping[str, Any]) -> None:
        identifier = gateway["InternetGatewayId"]
        for attachment in gateway.get("Attachments", []):
            self.ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=attachment["VpcId"])
        self.ec2.delete_internet_gateway(InternetGatewayId=identifier)

    def _parameters(self) -> Iterator[Leftover]:
        below = [{"Key": "Name", "Option": "BeginsWith", "Values": [f"/libreswan/{self.project}/"]}]
        for page in self.ssm.get_paginator("describe_parameters").paginate(ParameterFilters=below):
            for name in (one["Name"] for one in page["Parameters"]):
                tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
                if stack := stack_of(_pairs(tags), self.project):
                    yield Leftover("parameter", name, stack, partial(_done, partial(self._forget, name)))

    def _forget(self, name: str) -> None:
        self.ssm.delete_parameter(Name=name)

    # IAM filters by no tag: each role and profile is asked for its own.
    def _profiles(self) -> Iterator[Leftover]:
        for page in self.iam.get_paginator("list_instance_profiles").paginate():
            for profile in page["InstanceProfiles"]:
                name = profile["InstanceProfileName"]
                tags = self.iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"]
                if stack := stack_of(_pairs(tags), self.project):
                    yield Leftover("instance profile", name, stack, partial(self._delete_profile, profile))

    def _delete_profile(self, profile: Mapping[str, Any]) -> None:
        name = profile["InstanceProfileName"]
        for role in profile["Roles"]:
            self.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
        self.iam.delete_instance_profile(InstanceProfileName=name)

    def _roles(self) -> Iterator[Leftover]:
        for page in self.iam.get_paginator("list_roles").paginate():
            for name in (role["RoleName"] for role in page["Roles"]):
                if stack := stack_of(_pairs(self.iam.list_role_tags(RoleName=name)["Tags"]), self.project):
                    yield Leftover("role", name, stack, partial(self._delete_role, name))

    def _delete_role(self, name: str) -> None:
        for policy in self.iam.list_role_policies(RoleName=name)["PolicyNames"]:
            self.iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for attached in self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            self.iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        self.iam.delete_role(RoleName=name)


def _done(work: Callable[[], object]) -> None:
    work()


def _state(item: Mapping[str, Any]) -> str:
    state = item.get("State", "")
    return str(state["Name"] if isinstance(state, Mapping) else state)


def _tags(item: Mapping[str, Any]) -> dict[str, str]:
    return _pairs(item.get("Tags") or item.get("TagSet") or [])


def _pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
