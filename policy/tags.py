"""Resources of which nobody can say whose they are."""

from __future__ import annotations

from collections.abc import Iterator

from policy.subject import Resource

MANAGED_BY = "pulumi"

# What takes no tags, by the providers' schemas. Anything else of either cloud must have them, so a new kind of resource
# is tagged or listed here.
WITHOUT_TAGS = frozenset(
    {
        "aws:ec2/eipAssociation:EipAssociation",
        "aws:ec2/networkAclAssociation:NetworkAclAssociation",
        "aws:ec2/networkAclRule:NetworkAclRule",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:sns/topicSubscription:TopicSubscription",
        "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement",
        "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule",
    }
)
INSTANCE = "aws:ec2/instance:Instance"


def faults(resource: Resource) -> Iterator[str]:
    """The tags by which a sweep finds what an interrupted `up` left behind, and an invoice its team."""
    if resource.type in WITHOUT_TAGS:
        return
    if resource.type.startswith("aws:"):
        yield from _missing(resource, "tags")
        # Amazon makes the volume with the instance, and it outlives one that is not deleted with it.
        if resource.type == INSTANCE and resource.read("volumeTags") is None:
            yield from _missing(resource, "rootBlockDevice", "tags")
    elif resource.type.startswith("oci:"):
        yield from _missing(resource, "freeformTags")


def _missing(resource: Resource, *path: str) -> Iterator[str]:
    wanted = {"project": resource.project, "stack": resource.stack, "managed-by": MANAGED_BY}
    for key, value in wanted.items():
        if (found := resource.read(*path, key)) != value:
            yield f"{'.'.join(path)}: {key} is {found!r}: set it to {value!r}"
