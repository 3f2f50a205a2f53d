"""What several settings must agree on. Pure: settings in, faults out, each with key, value and rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from components import addresses
from components.labels import MAXIMUM_TAGS, tag_fault
from components.settings import Settings
from components.user_data import LIMIT, worst_case_size

# A network ACL takes 20 rules a direction, the last one that denies all among them; beside the headends, the packages
# and ten VPC CIDRs so many login ranges have room.
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
MAXIMUM_SSH_CIDRS = 4

# A VPC takes five CIDRs by default (same page), a VCN five (Oracle's service limits).
MAXIMUM_CIDRS = 5


def faults(settings: Settings) -> list[str]:
    """Every fault in what the settings say together; none where they can work."""
    return [
        *_twice(settings),
        *_create_or_given(settings),
        *_created_subnets(settings),
        *network_faults(
            settings.aws.vpc_cidrs,
            settings.oci.vcn_cidrs,
            settings.tunnel.inside_cidrs,
            allow_public=settings.stack.allow_public_cidrs,
        ),
        *_tunnel(settings),
        *_host(settings),
        *_tags(settings),
        *_watching(settings),
        *_user_data(settings),
    ]


def network_faults(
    vpc_cidrs: Sequence[IPv4Network],
    vcn_cidrs: Sequence[IPv4Network],
    inside_cidrs: Sequence[IPv4Network],
    *,
    allow_public: bool,
) -> Iterator[str]:
    """Faults of the addresses of both networks and of the tunnels, whether created or given."""
    sides = (("vpcCidrs", vpc_cidrs), ("vcnCidrs", vcn_cidrs))
    for key, cidrs in sides:
        for cidr in cidrs:
            if not allow_public and not addresses.is_private(cidr):
                yield (
                    f"{key}: {cidr} is refused: it is outside RFC 1918 (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16); "
                    "set allowPublicCidrs to true if you own it and mean it"
                )
        if len(cidrs) > MAXIMUM_CIDRS and key == "vcnCidrs":
            yield f"{key}: {len(cidrs)} CIDRs are refused: a VCN takes at most {MAXIMUM_CIDRS}"
    if len(vpc_cidrs) > addresses.MAXIMUM_STATIC_ROUTES:
        yield (
            f"vpcCidrs: {len(vpc_cidrs)} CIDRs are refused: each is a static route, and an IPSec connection takes "
            f"at most {addresses.MAXIMUM_STATIC_ROUTES}"
        )
    named = [*((c, "vpcCidrs") for c in vpc_cidrs), *((c, "vcnCidrs") for c in vcn_cidrs)]
    named += [(c, f"tunnel{n}InsideCidr") for n, c in enumerate(inside_cidrs, start=1)]
    for position, (cidr, key) in enumerate(named):
        for other, other_key in named[:position]:
            if cidr.overlaps(other):
                yield (
                    f"{key}: {cidr} is refused: it overlaps {other} of {other_key}, so packets to it "
                    "cannot be told apart"
                )


def _twice(settings: Settings) -> Iterator[str]:
    # Networks that are joined are missing here: one that is there twice overlaps itself.
    aws, oci = settings.aws, settings.oci
    for key, values in (
        ("routeTableIds", aws.route_table_ids),
        ("sshCidrs", aws.ssh_cidrs),
        ("vcnRouteTableIds", oci.vcn_route_table_ids),
        ("vcnSecurityListIds", oci.vcn_security_list_ids),
        ("vcnNetworkSecurityGroupIds", oci.vcn_network_security_group_ids),
        ("vcnIngress", tuple(ingress.label for ingress in oci.vcn_ingress)),
    ):
        for value, count in Counter(map(str, values)).items():
            if count > 1:
                yield f"{key}: {value!r} is refused: it is there {count} times"


def _create_or_given(settings: Settings) -> Iterator[str]:
    aws, oci = settings.aws, settings.oci
    pairs = (
        ("vpcCidrs", bool(aws.vpc_cidrs), "vpcId", aws.vpc_id is not None),
        ("hostSubnetCidr", aws.host_subnet_cidr is not None, "hostSubnetId", aws.host_subnet_id is not None),
        ("vcnCidrs", bool(oci.vcn_cidrs), "vcnId", oci.vcn_id is not None),
    )
    for create, creates, give, gives in pairs:
        if creates == gives:
            said = "both are set" if creates else "neither is set"
            yield f"{create}, {give}: {said}: set {create} to create one, or {give} to use a given one"
    needs_given_vpc = {
        "hostSubnetId": aws.host_subnet_id,
        "routeTableIds": aws.route_table_ids,
        "networkAclId": aws.network_acl_id,
    }
    needs_given_vcn = {
        "vcnRouteTableIds": oci.vcn_route_table_ids,
        "vcnSecurityListIds": oci.vcn_security_list_ids,
        "vcnNetworkSecurityGroupIds": oci.vcn_network_security_group_ids,
    }
    for given, needs, key in (
        (aws.vpc_id, needs_given_vpc, "vpcId"),
        (oci.vcn_id, needs_given_vcn, "vcnId"),
    ):
        for name, value in needs.items():
            if value and given is None:
                yield f"{name}: {value!r} is refused: it belongs to a given network, so {key} must be set too"
    if oci.drg_attachment_id and not (oci.drg_id and oci.vcn_id):
        yield (
            f"drgAttachmentId: {oci.drg_attachment_id!r} is refused: it joins a given DRG and a given VCN, "
            "so drgId and vcnId must be set too"
        )
    if aws.availability_zone and aws.host_subnet_id:
        yield (
            f"availabilityZone: {aws.availability_zone!r} is refused: the given host subnet is in a zone already; "
            "it goes with hostSubnetCidr"
        )
    if aws.network_acl_id and aws.host_subnet_id is None:
        yield (
            f"networkAclId: {aws.network_acl_id!r} is refused: a created host subnet gets an ACL of its own; "
            "it goes with hostSubnetId"
        )


def _created_subnets(settings: Settings) -> Iterator[str]:
    aws, oci = settings.aws, settings.oci
    hosts = [] if aws.host_subnet_cidr is None else [("hostSubnetCidr", aws.host_subnet_cidr)]
    vpc_subnets = [*hosts, *(("clientSubnetCidrs", cidr) for cidr in aws.client_subnet_cidrs)]
    vcn_subnets = [("vcnSubnetCidrs", cidr) for cidr in oci.vcn_subnet_cidrs]
    for block_key, blocks, subnets, longest in (
        ("vpcCidrs", aws.vpc_cidrs, vpc_subnets, 28),
        ("vcnCidrs", oci.vcn_cidrs, vcn_subnets, 30),
    ):
        for key, cidr in subnets:
            if blocks and not addresses.is_within(cidr, blocks):
                yield f"{key}: {cidr} is refused: it lies in none of {block_key} ({', '.join(map(str, blocks))})"
            if not 16 <= cidr.prefixlen <= longest:
                yield f"{key}: {cidr} is refused: a subnet is a /16 to a /{longest}"
        for one, other in addresses.overlaps(cidr for _, cidr in subnets):
            yield f"{subnets[-1][0]}: {other} is refused: it overlaps the subnet {one}"
        for block in blocks:
            if not 16 <= block.prefixlen <= longest:
                yield f"{block_key}: {block} is refused: the cloud takes a /16 to a /{longest}"


def _tunnel(settings: Settings) -> Iterator[str]:
    tunnel, os = settings.tunnel, settings.host.os
    if not tunnel.profile.supports(tunnel.ike_version):
        yield (
            f"cryptoProfile: {tunnel.profile.name!r} is refused: with IKEv1 Libreswan knows groups 5 and 14 only; "
            "choose aes256gcm-group14, or ikeVersion 2"
        )
    if tunnel.interface_kind not in os.interface_kinds:
        yield (
            f"interfaceKind: {tunnel.interface_kind!r} is refused: {os.name} has Libreswan {os.libreswan}, which "
            f"does not come back on such an interface after a crash; choose {', '.join(os.interface_kinds)}, "
            "or debian-13"
        )
    if tunnel.kms_key_arn and tunnel.pre_shared_key_delivery != "parameterStore":
        yield "kmsKeyArn: it encrypts the parameters, so it goes with preSharedKeyDelivery parameterStore"


def _host(settings: Settings) -> Iterator[str]:
    aws, host = settings.aws, settings.host
    if bool(aws.ssh_cidrs) != bool(aws.ssh_key_name):
        yield "sshCidrs, sshKeyName: one without the other: a login over SSH needs both, and none is needed with SSM"
    if len(aws.ssh_cidrs) > MAXIMUM_SSH_CIDRS:
        yield (f"sshCidrs: {len(aws.ssh_cidrs)} CIDRs are refused: the network ACL has room for {MAXIMUM_SSH_CIDRS}")
    if host.instance_profile_name and host.permissions_boundary_arn:
        yield "permissionsBoundaryArn: it bounds a role that is created; with instanceProfileName none is"


def _tags(settings: Settings) -> Iterator[str]:
    tags = settings.stack.tags
    if len(tags) > MAXIMUM_TAGS:
        yield f"tags: {len(tags)} tags are refused: OCI takes 10 a resource, three of them are the program's own"
    for key, value in sorted(tags.items()):
        if fault := tag_fault(key, value):
            yield f"tags: {key!r}: {value!r} is refused: {fault}"
    for key in sorted(settings.oci.defined_tags):
        if key.count(".") != 1:
            yield f"definedTags: {key!r} is refused: a defined tag is written Namespace.Key"


def _watching(settings: Settings) -> Iterator[str]:
    watching = settings.watching
    if watching.alarm_email and not watching.alarms:
        yield f"alarmEmail: {watching.alarm_email!r} is refused: it is who gets the alarms, so alarms must be true"


def _user_data(settings: Settings) -> Iterator[str]:
    size = worst_case_size(settings)
    if size > LIMIT:
        yield (
            f"user-data: {size} bytes at worst after gzip are refused: EC2 takes {LIMIT}; "
            "give fewer CIDRs or leave out options of the host"
        )
