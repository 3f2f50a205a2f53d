"""What is in AWS by the tags of test environments, in the order in which it can be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
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

    client: Callable[[str], Any]
    """A boto3 client of a service."""
    project: str

    @classmethod
    def of(cls, settings: Mapping[str, object], region: str, project: str) -> Amazon:
        """Raises CommandError where the sign-in fails."""
        session = aws_sign_in.session(settings, region)
        # Making one takes a tenth of a second.
        return cls(cache(partial(aws_sign_in.client, session=session)), project)

    def leftovers(self) -> Iterator[Leftover]:
        """Everything with the tags of a test environment. What is terminated and still listed is not there."""
        # An alarm first: it would tell somebody of what goes next.
        yield from self._alarms()
        yield from self._topics()
        yield from self._ec2()
        yield from self._parameters()
        yield from self._log_groups()
        yield from self._profiles()
        yield from self._roles()

    def _ec2(self) -> Iterator[Leftover]:
        for kind, operation, items, identifier in _EC2:
            for item in self._listed(operation, items):
                stack = stack_of(_tags(item), self.project)
                state = _state(item)
                if stack and state not in ("terminated", "deleted"):
                    delete = None if state in _GOING else self._ec2_delete(kind, item)
                    yield Leftover(kind, item[identifier], stack, delete)

    def _listed(self, operation: str, items: str) -> Iterator[dict[str, Any]]:
        filters = [{"Name": "tag:project", "Values": [self.project]}, {"Name": "tag:managed-by", "Values": ["pulumi"]}]
        for page in _pages(self.client("ec2"), operation, Filters=filters):
            for one in page["Reservations"] if items == "Instances" else [page]:
                yield from one[items]

    def _ec2_delete(self, kind: str, item: Mapping[str, Any]) -> Callable[[], None]:
        ec2 = self.client("ec2")
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
        ec2 = self.client("ec2")
        if "AssociationId" in address:
            ec2.disassociate_address(AssociationId=address["AssociationId"])
        ec2.release_address(AllocationId=address["AllocationId"])

    def _detach(self, gateway: Mapping[str, Any]) -> None:
        ec2, identifier = self.client("ec2"), gateway["InternetGatewayId"]
        for attachment in gateway.get("Attachments", []):
            ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=attachment["VpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=identifier)

    def _alarms(self) -> Iterator[Leftover]:
        cloudwatch = self.client("cloudwatch")
        for page in _pages(cloudwatch, "describe_alarms", AlarmTypes=["MetricAlarm"]):
            for alarm in page["MetricAlarms"]:
                tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
                name = alarm["AlarmName"]
                yield from self._named(
                    "alarm", name, _pairs(tags), partial(cloudwatch.delete_alarms, AlarmNames=[name])
                )

    def _topics(self) -> Iterator[Leftover]:
        """With a topic go its subscriptions. https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html"""
        sns = self.client("sns")
        for page in _pages(sns, "list_topics"):
            for arn in (topic["TopicArn"] for topic in page["Topics"]):
                tags = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
                yield from self._named("topic", arn, _pairs(tags), partial(sns.delete_topic, TopicArn=arn))

    def _parameters(self) -> Iterator[Leftover]:
        ssm, below = self.client("ssm"), f"/libreswan/{self.project}/"
        ours = [{"Key": "Name", "Option": "BeginsWith", "Values": [below]}]
        for page in _pages(ssm, "describe_parameters", ParameterFilters=ours):
            for name in (one["Name"] for one in page["Parameters"]):
                tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
                yield from self._named("parameter", name, _pairs(tags), partial(ssm.delete_parameter, Name=name))

    def _log_groups(self) -> Iterator[Leftover]:
        logs = self.client("logs")
        for page in _pages(logs, "describe_log_groups", logGroupNamePrefix=f"/libreswan/{self.project}/"):
            for group in page["logGroups"]:
                name, arn = group["logGroupName"], group["arn"].removesuffix(":*")
                tags = logs.list_tags_for_resource(resourceArn=arn)["tags"]
                yield from self._named("log group", name, tags, partial(logs.delete_log_group, logGroupName=name))

    # IAM filters by no tag: each role and profile is asked for its own.
    def _profiles(self) -> Iterator[Leftover]:
        iam = self.client("iam")
        for page in _pages(iam, "list_instance_profiles"):
            for profile in page["InstanceProfiles"]:
                name = profile["InstanceProfileName"]
                tags = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"].get("Tags", [])
                yield from self._named("instance profile", name, _pairs(tags), partial(self._delete_profile, profile))

    def _delete_profile(self, profile: Mapping[str, Any]) -> None:
        iam, name = self.client("iam"), profile["InstanceProfileName"]
        for role in profile["Roles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
        iam.delete_instance_profile(InstanceProfileName=name)

    def _roles(self) -> Iterator[Leftover]:
        iam = self.client("iam")
        for page in _pages(iam, "list_roles"):
            for name in (role["RoleName"] for role in page["Roles"]):
                tags = iam.list_role_tags(RoleName=name)["Tags"]
                yield from self._named("role", name, _pairs(tags), partial(self._delete_role, name))

    def _delete_role(self, name: str) -> None:
        iam = self.client("iam")
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        iam.delete_role(RoleName=name)

    def _named(
        self, kind: str, identifier: str, tags: Mapping[str, str], delete: Callable[[], object]
    ) -> Iterator[Leftover]:
        """It, if these tags make it the sweep's."""
        if stack := stack_of(tags, self.project):
            yield Leftover(kind, identifier, stack, partial(_done, delete))


def _pages(client: Any, operation: str, **arguments: Any) -> Iterable[dict[str, Any]]:
    pages: Iterable[dict[str, Any]]
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(**arguments)
    else:
        pages = [getattr(client, operation)(**arguments)]
    return pages


def _done(work: Callable[[], object]) -> None:
    work()


def _state(item: Mapping[str, Any]) -> str:
    state = item.get("State", "")
    return str(state["Name"] if isinstance(state, Mapping) else state)


def _tags(item: Mapping[str, Any]) -> dict[str, str]:
    return _pairs(item.get("Tags") or item.get("TagSet") or [])


def _pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
