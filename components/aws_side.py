"""AwsSide: the VPC's end, without the host: networks, the address that outlives every host, and its filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components import host_firewall
from components.aws_findings import GivenSubnet, GivenVpc
from components.host_firewall import AclRule, Filter, slug
from components.labels import Tags
from components.settings import AwsSettings


@dataclass(frozen=True, kw_only=True)
class AwsSideArgs:
    settings: AwsSettings
    given: GivenVpc | None
    """The VPC to use, or None to make one of settings.vpc_cidrs."""
    vpc_cidrs: Sequence[IPv4Network]
    vcn_cidrs: Sequence[IPv4Network]
    """What the routes lead to."""
    zones: Sequence[str]
    """Zones that offer the instance type, sorted."""
    tags: Tags
    disposable: bool = False
    """False protects the elastic IP: without it Oracle's headends and keys are lost too."""


class AwsSide(pulumi.ComponentResource):
    """
    **Type:** `aws-oci-libreswan:aws:AwsSide`

    Creates, for a VPC of its own: `aws:ec2:Vpc` (and `VpcIpv4CidrBlockAssociation` for each further CIDR),
    `InternetGateway`, a `Subnet` for the host and one for each client CIDR, two `RouteTable`s with their
    `RouteTableAssociation`s and a `Route` for each VCN CIDR, `NetworkAcl` with its `NetworkAclRule`s and
    `NetworkAclAssociation`, and `pulumi:index:Stash` for the zone. In a given VPC: only what the settings ask for.
    Always: `SecurityGroup` with its `aws:vpc:SecurityGroupIngressRule`s and `SecurityGroupEgressRule`s,
    `NetworkInterface`, `Eip`, `EipAssociation`.
    """

    public_ip: pulumi.Output[str]
    """The elastic IP: what Oracle knows the host by."""
    network_interface_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    host_subnet_cidr: IPv4Network
    route_table_ids: list[pulumi.Output[str]]
    """Every table with routes to the VCN, created ones first."""
    network_acl_id: pulumi.Input[str] | None
    """The ACL of the host subnet that takes the headends' rules; None leaves a given subnet's ACL alone."""
    zone: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """What must be there before a host can reach the internet and its clients can reach it."""

    def __init__(self, name: str, args: AwsSideArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("aws-oci-libreswan:aws:AwsSide", name, None, opts)
        self._name, self._args = name, args
        self._child = ResourceOptions(parent=self)
        self.ready = []
        self._route_tables: dict[str, pulumi.Output[str]] = {}
        self._further_cidrs: list[aws.ec2.VpcIpv4CidrBlockAssociation] = []
        self.network_acl_id = args.settings.network_acl_id
        given, settings = args.given, args.settings

        vpc_id: pulumi.Input[str]
        gateway: aws.ec2.InternetGateway | None = None
        if given is None:
            vpc_id, gateway = self._vpc()
            gateway_id: pulumi.Input[str] = gateway.id
        else:
            vpc_id, gateway_id = given.id, given.internet_gateway_id or ""

        subnet_id: pulumi.Input[str]
        if given is not None and given.host_subnet is not None:
            subnet_id = self._given_host_subnet(given.host_subnet)
        else:
            subnet_id = self._host_subnet(vpc_id, gateway_id)
        if settings.client_subnet_cidrs:
            self._client_subnets(vpc_id)
        self._route_tables |= {table: pulumi.Output.from_input(table) for table in settings.route_table_ids}
        self.route_table_ids = list(self._route_tables.values())
        if self.network_acl_id is not None:
            self._acl_rules(self.network_acl_id)

        group = self._security_group(vpc_id)
        interface = aws.ec2.NetworkInterface(
            f"{name}-interface",
            subnet_id=subnet_id,
            security_groups=[group.id],
            # The host forwards packets that are neither from nor to itself.
            source_dest_check=False,
            description="The Libreswan host's; it outlives each instance, so routes and address stay.",
            tags=args.tags.aws(f"{name}-interface"),
            opts=self._child,
        )
        address = aws.ec2.Eip(
            f"{name}-address",
            domain="vpc",
            tags=args.tags.aws(f"{name}-address"),
            # Amazon maps an address only where a gateway is attached.
            opts=self._options(protect=not args.disposable, depends_on=[gateway] if gateway else None),
        )
        association = aws.ec2.EipAssociation(
            f"{name}-address",
            allocation_id=address.allocation_id,
            network_interface_id=interface.id,
            opts=self._options(depends_on=[gateway] if gateway else None),
        )
        self.ready.append(association)
        self._vcn_routes(interface.id)

        self.public_ip = address.public_ip
        self.network_interface_id = interface.id
        self.private_ip = interface.private_ip
        self.security_group_id = group.id
        self.register_outputs({"publicIp": self.public_ip, "networkInterfaceId": self.network_interface_id})

    def _options(
        self, *, protect: bool | None = None, depends_on: Sequence[pulumi.Resource] | None = None
    ) -> ResourceOptions:
        return ResourceOptions(parent=self, protect=protect, depends_on=depends_on)

    def _vpc(self) -> tuple[pulumi.Output[str], aws.ec2.InternetGateway]:
        first, *further = self._args.vpc_cidrs
        vpc = aws.ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=str(first),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._args.tags.aws(f"{self._name}-vpc"),
            opts=self._child,
        )
        self._further_cidrs = [
            aws.ec2.VpcIpv4CidrBlockAssociation(
                f"{self._name}-vpc-{slug(cidr)}", vpc_id=vpc.id, cidr_block=str(cidr), opts=self._child
            )
            for cidr in further
        ]
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-internet",
            vpc_id=vpc.id,
            tags=self._args.tags.aws(f"{self._name}-internet"),
            opts=self._child,
        )
        return vpc.id, gateway

    def _given_host_subnet(self, subnet: GivenSubnet) -> str:
        self.host_subnet_cidr = subnet.cidr
        self.zone = pulumi.Output.from_input(subnet.zone)
        return subnet.id

    def _host_subnet(self, vpc_id: pulumi.Input[str], gateway_id: pulumi.Input[str]) -> pulumi.Output[str]:
        settings, tags = self._args.settings, self._args.tags
        assert settings.host_subnet_cidr is not None, "the rules ask for a host subnet, created or given"
        self.host_subnet_cidr = settings.host_subnet_cidr
        self.zone = self._held_zone()
        subnet = self._subnet(f"{self._name}-host", vpc_id, settings.host_subnet_cidr)
        table = self._route_table("host", vpc_id, [subnet])
        self.ready.append(
            aws.ec2.Route(
                f"{self._name}-host-internet",
                route_table_id=table.id,
                destination_cidr_block=host_firewall.ANYWHERE,
                gateway_id=gateway_id,
                opts=self._child,
            )
        )
        acl = aws.ec2.NetworkAcl(
            f"{self._name}-host", vpc_id=vpc_id, tags=tags.aws(f"{self._name}-host"), opts=self._child
        )
        self.ready.append(
            aws.ec2.NetworkAclAssociation(
                f"{self._name}-host", network_acl_id=acl.id, subnet_id=subnet.id, opts=self._child
            )
        )
        self.network_acl_id = acl.id
        return subnet.id

    def _held_zone(self) -> pulumi.Output[str]:
        if self._args.settings.availability_zone:
            return pulumi.Output.from_input(self._args.settings.availability_zone)
        # The list of zones grows; a subnet must not move because another zone sorts first now.
        held = pulumi.Stash(
            f"{self._name}-zone",
            input=self._args.zones[0],
            opts=ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        return held.output

    def _client_subnets(self, vpc_id: pulumi.Input[str]) -> None:
        subnets = [
            self._subnet(f"{self._name}-client-{slug(cidr)}", vpc_id, cidr)
            for cidr in self._args.settings.client_subnet_cidrs
        ]
        self._route_table("clients", vpc_id, subnets)

    def _subnet(self, name: str, vpc_id: pulumi.Input[str], cidr: IPv4Network) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            name,
            vpc_id=vpc_id,
            cidr_block=str(cidr),
            # All in the host's zone: traffic between zones costs money.
            availability_zone=self.zone,
            tags=self._args.tags.aws(name),
            # It may lie in one of them, and nothing in its inputs says so.
            opts=self._options(depends_on=self._further_cidrs),
        )

    def _route_table(
        self, role: str, vpc_id: pulumi.Input[str], subnets: Sequence[aws.ec2.Subnet]
    ) -> aws.ec2.RouteTable:
        name = f"{self._name}-{role}"
        table = aws.ec2.RouteTable(name, vpc_id=vpc_id, tags=self._args.tags.aws(name), opts=self._child)
        for subnet in subnets:
            self.ready.append(
                aws.ec2.RouteTableAssociation(
                    subnet._name, route_table_id=table.id, subnet_id=subnet.id, opts=self._child
                )
            )
        self._route_tables[role] = table.id
        return table

    def _vcn_routes(self, interface_id: pulumi.Output[str]) -> None:
        # Named by the table and not by its place in a list: taking one table out must not move another's routes.
        for role, table in self._route_tables.items():
            for cidr in self._args.vcn_cidrs:
                self.ready.append(
                    aws.ec2.Route(
                        f"{self._name}-{role}-to-{slug(cidr)}",
                        route_table_id=table,
                        destination_cidr_block=str(cidr),
                        # The interface and not the instance: the route stays when the host is replaced.
                        network_interface_id=interface_id,
                        opts=self._child,
                    )
                )

    def _acl_rules(self, acl_id: pulumi.Input[str]) -> None:
        first = self._args.settings.network_acl_first_rule
        for rule in host_firewall.acl_rules(self._args.vpc_cidrs, self._args.settings.ssh_cidrs, first):
            self.ready.append(acl_rule(f"{self._name}-acl", acl_id, rule, self))

    def _security_group(self, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        # The logical name must not begin with "sg-": Amazon refuses such names, and this becomes part of one.
        name, args = f"{self._name}-host", self._args
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=vpc_id,
            description="Libreswan host: IKE and ESP from the headends, clients of the VPC, packages.",
            tags=args.tags.aws(name),
            opts=self._child,
        )
        for rule in host_firewall.security_group_ingress(args.vpc_cidrs, args.settings.ssh_cidrs):
            self.ready.append(ingress_rule(name, group.id, rule, args.tags, self))
        for rule in host_firewall.security_group_egress(args.vpc_cidrs):
            from_port, to_port = _ports(rule)
            self.ready.append(
                aws.vpc.SecurityGroupEgressRule(
                    f"{name}-out-{rule.name}",
                    security_group_id=group.id,
                    ip_protocol=rule.protocol,
                    cidr_ipv4=rule.cidr,
                    from_port=from_port,
                    to_port=to_port,
                    tags=args.tags.aws(f"{name}-out-{rule.name}"),
                    opts=self._child,
                )
            )
        return group


def ingress_rule(
    name: str,
    group_id: pulumi.Input[str],
    rule: Filter,
    tags: Tags,
    parent: pulumi.Resource,
    *,
    source: pulumi.Input[str] | None = None,
) -> aws.vpc.SecurityGroupIngressRule:
    """One ingress rule of a security group; source instead of the rule's CIDR where only the cloud knows it."""
    from_port, to_port = _ports(rule)
    return aws.vpc.SecurityGroupIngressRule(
        f"{name}-in-{rule.name}",
        security_group_id=group_id,
        ip_protocol=rule.protocol,
        cidr_ipv4=source or rule.cidr,
        from_port=from_port,
        to_port=to_port,
        tags=tags.aws(f"{name}-in-{rule.name}"),
        opts=ResourceOptions(parent=parent),
    )


def acl_rule(
    name: str,
    acl_id: pulumi.Input[str],
    rule: AclRule,
    parent: pulumi.Resource,
    *,
    peer: pulumi.Input[str] | None = None,
) -> aws.ec2.NetworkAclRule:
    """One rule of a network ACL; peer instead of the rule's CIDR where only the cloud knows it."""
    from_port, to_port = rule.ports or (None, None)
    icmp_type, icmp_code = rule.icmp or (None, None)
    return aws.ec2.NetworkAclRule(
        f"{name}-{'out' if rule.egress else 'in'}-{rule.name}",
        network_acl_id=acl_id,
        rule_number=rule.number,
        egress=rule.egress,
        rule_action="allow",
        protocol=rule.protocol,
        cidr_block=peer or rule.cidr,
        from_port=from_port,
        to_port=to_port,
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        # Two rules of an ACL cannot have one number, even for a moment.
        opts=ResourceOptions(parent=parent, delete_before_replace=True),
    )


def _ports(rule: Filter) -> tuple[int | None, int | None]:
    # A security group keeps ICMP's type and code where other protocols have their ports.
    return rule.ports or rule.icmp or (None, None)
