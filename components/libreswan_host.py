"""LibreswanHost: the instance that is Oracle's customer-premises equipment, and all it may do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components import host_firewall
from components.addresses import inside_addresses, vpc_router
from components.aws_side import AwsSide, acl_rule, ingress_rule
from components.host_files import HostFacts, TunnelFacts, cloud_config
from components.host_firewall import AclRule, Filter
from components.host_image import held_image
from components.labels import Tags
from components.oci_tunnels import ManagedTunnel
from components.settings import AwsSettings, HostSettings, TunnelSettings
from components.user_data import encode


@dataclass(frozen=True, kw_only=True)
class LibreswanHostArgs:
    aws: AwsSettings
    host: HostSettings
    tunnel: TunnelSettings
    aws_side: AwsSide
    tunnels: tuple[ManagedTunnel, ManagedTunnel]
    vpc_cidrs: Sequence[IPv4Network]
    vcn_cidrs: Sequence[IPv4Network]
    region: pulumi.Input[str]
    newest_image: str
    """What the look-up says today; the stack keeps the one it was made of."""
    zones: Sequence[str]
    """Zones that offer the instance type."""
    log_days: int
    """Days that CloudWatch keeps what the keeper says; with 0 nothing is sent there."""
    tags: Tags


class LibreswanHost(pulumi.ComponentResource):
    """
    **Type:** `aws-oci-libreswan:host:LibreswanHost`

    Creates: `aws:vpc:SecurityGroupIngressRule`s, `SecurityGroupEgressRule`s and `aws:ec2:NetworkAclRule`s for the two
    headends; `aws:iam:Role`, its `RolePolicy`s and `InstanceProfile` unless a profile is given; `aws:ssm:Parameter` for
    each pre-shared key unless user-data carries it; `aws:cloudwatch:LogGroup` if its log is kept;
    `pulumi:index:Stash` for the image and for user-data as a person can read it; `aws:ec2:Instance`.
    """

    instance_id: pulumi.Output[str]
    key_versions: list[pulumi.Output[int]]
    """Of each pre-shared key's parameter; none where user-data carries the keys."""
    log_group: pulumi.Output[str] | None
    """Name of the log group; None where nothing is sent."""

    def __init__(self, name: str, args: LibreswanHostArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("aws-oci-libreswan:host:LibreswanHost", name, None, opts)
        self._name, self._args = name, args
        self._child = ResourceOptions(parent=self)

        rules = [rule for number in (1, 2) for rule in self._headend_rules(number)]
        parameters = self._parameters() if args.tunnel.pre_shared_key_delivery == "parameterStore" else None
        log = self._log() if args.log_days else None
        profile, rights = self._profile(parameters or [], log)
        text = self._cloud_config(parameters, log)
        # The instance takes user-data compressed; this is the same for a person who reviews a preview.
        pulumi.Stash(f"{name}-user-data", input=text, opts=self._child)

        instance = aws.ec2.Instance(
            f"{name}-instance",
            ami=held_image(f"{name}-image", args.newest_image, args.host, self),
            instance_type=args.aws_side.zone.apply(self._offered),
            primary_network_interface={"network_interface_id": args.aws_side.network_interface_id},
            iam_instance_profile=profile,
            key_name=args.aws.ssh_key_name,
            user_data_base64=text.apply(encode),
            # Cloud-init reads user-data at the first boot only: a change means a new host.
            user_data_replace_on_change=True,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            root_block_device={
                "encrypted": True,
                "volume_type": "gp3",
                "volume_size": args.host.root_volume_gib,
                "tags": args.tags.aws(f"{name}-instance"),
            },
            maintenance_options={"auto_recovery": "default"},
            tags=args.tags.aws(f"{name}-instance"),
            opts=ResourceOptions(
                parent=self,
                # A reviewer reads the text above; its compressed form says nothing.
                hide_diffs=["userDataBase64"],
                # Two instances cannot have one interface.
                delete_before_replace=True,
                # The first boot fetches packages and keys: the way to them must be open.
                depends_on=[*args.aws_side.ready, *rules, *rights, *(parameters or [])],
            ),
        )

        self.instance_id = instance.id
        self.key_versions = [parameter.version for parameter in parameters or []]
        self.log_group = log.name if log else None
        self.register_outputs({"instanceId": self.instance_id})

    def _offered(self, zone: str) -> str:
        if zone not in self._args.zones:
            raise pulumi.RunError(
                f"instanceType: {self._args.host.instance_type!r} is refused: {zone}, where the host's subnet is, "
                f"does not offer it; {', '.join(self._args.zones)} do"
            )
        return self._args.host.instance_type

    def _headend_rules(self, number: int) -> list[pulumi.Resource]:
        """IKE and ESP in UDP from one headend, and to it."""
        args, tunnel = self._args, self._args.tunnels[number - 1]
        headend = pulumi.Output.concat(tunnel.headend, "/32")
        name, side = f"{self._name}-tunnel-{number}", args.aws_side
        made: list[pulumi.Resource] = []
        for port in host_firewall.IKE_PORTS:
            rule = Filter(name=f"udp-{port}", protocol="udp", cidr="", ports=(port, port))
            made.append(ingress_rule(name, side.security_group_id, rule, args.tags, self, source=headend))
        made.append(
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-out",
                security_group_id=side.security_group_id,
                ip_protocol="udp",
                cidr_ipv4=headend,
                from_port=host_firewall.IKE_PORTS[0],
                to_port=host_firewall.IKE_PORTS[1],
                tags=args.tags.aws(f"{name}-out"),
                opts=self._child,
            )
        )
        if side.network_acl_id is not None:
            first = args.aws.network_acl_first_rule
            for egress in (False, True):
                acl = AclRule(
                    name="udp",
                    protocol="udp",
                    cidr="",
                    ports=(0, 65_535),
                    number=host_firewall.acl_headend_number(number, first),
                    egress=egress,
                )
                made.append(acl_rule(name, side.network_acl_id, acl, self, peer=headend))
        return made

    def _parameters(self) -> list[aws.ssm.Parameter]:
        tags = self._args.tags
        return [
            aws.ssm.Parameter(
                f"{self._name}-tunnel-{number}-key",
                # Not the project's name alone: Amazon keeps names that begin with "aws" for itself.
                name=f"/libreswan/{tags.project}/{tags.stack}/tunnel-{number}/pre-shared-key",
                type="SecureString",
                value=tunnel.pre_shared_key,
                key_id=self._args.tunnel.kms_key_arn,
                description=f"Pre-shared key of tunnel {number} to Oracle Cloud.",
                tags=tags.aws(f"{self._name}-tunnel-{number}-key"),
                opts=self._child,
            )
            for number, tunnel in enumerate(self._args.tunnels, start=1)
        ]

    def _log(self) -> aws.cloudwatch.LogGroup:
        tags = self._args.tags
        return aws.cloudwatch.LogGroup(
            f"{self._name}-log",
            name=f"/libreswan/{tags.project}/{tags.stack}",
            retention_in_days=self._args.log_days,
            tags=tags.aws(f"{self._name}-log"),
            opts=self._child,
        )

    def _profile(
        self, parameters: Sequence[aws.ssm.Parameter], log: aws.cloudwatch.LogGroup | None
    ) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
        """The instance profile's name, and what must be there before its rights are."""
        args, name = self._args, self._name
        if args.host.instance_profile_name is not None:
            return args.host.instance_profile_name, []
        role = aws.iam.Role(
            name,
            assume_role_policy=json.dumps(_trust("ec2.amazonaws.com")),
            permissions_boundary=args.host.permissions_boundary_arn,
            # A policy that a killed `up` has left on it must not keep it from being deleted.
            force_detach_policies=True,
            tags=args.tags.aws(name),
            opts=self._child,
        )
        rights: list[pulumi.Resource] = [
            aws.iam.RolePolicy(
                f"{name}-sessions",
                role=role.name,
                policy=json.dumps(_MAY_HOLD_SESSIONS),
                opts=self._child,
            )
        ]
        if parameters:
            arns = pulumi.Output.all(*(parameter.arn for parameter in parameters))
            key = args.tunnel.kms_key_arn
            rights.append(
                aws.iam.RolePolicy(
                    f"{name}-keys",
                    role=role.name,
                    policy=arns.apply(lambda all_arns: json.dumps(_may_read(all_arns, key))),
                    opts=self._child,
                )
            )
        if log:
            policy = log.arn.apply(lambda arn: json.dumps(_may_write(arn)))
            rights.append(aws.iam.RolePolicy(f"{name}-log", role=role.name, policy=policy, opts=self._child))
        profile = aws.iam.InstanceProfile(name, role=role.name, tags=args.tags.aws(name), opts=self._child)
        return profile.name, rights

    def _cloud_config(
        self, parameters: Sequence[aws.ssm.Parameter] | None, log: aws.cloudwatch.LogGroup | None
    ) -> pulumi.Output[str]:
        args = self._args
        secrets: list[pulumi.Output[str]] = (
            [tunnel.pre_shared_key for tunnel in args.tunnels]
            if parameters is None
            else [parameter.name for parameter in parameters]
        )

        def render(known: dict[str, Any]) -> str:
            return cloud_config(
                HostFacts(
                    os=args.host.os,
                    region=known["region"],
                    private_address=IPv4Address(known["private_ip"]),
                    public_address=IPv4Address(known["public_ip"]),
                    gateway=vpc_router(args.aws_side.host_subnet_cidr),
                    vpc_cidrs=tuple(args.vpc_cidrs),
                    vcn_cidrs=tuple(args.vcn_cidrs),
                    ike_version=args.tunnel.ike_version,
                    profile=args.tunnel.profile,
                    interface_kind=args.tunnel.interface_kind,
                    path_mtu=args.tunnel.path_mtu,
                    upgrade_window=args.host.upgrade_window,
                    tunnels=(facts(1, known), facts(2, known)),
                    log_group=known["log_group"],
                )
            )

        def facts(number: Literal[1, 2], known: dict[str, Any]) -> TunnelFacts:
            oracle_inside, host_inside = inside_addresses(args.tunnels[number - 1].inside_cidr)
            secret = known["secrets"][number - 1]
            return TunnelFacts(
                number=number,
                headend=IPv4Address(known["headends"][number - 1]),
                oracle_inside=IPv4Interface(oracle_inside),
                host_inside=IPv4Interface(host_inside),
                pre_shared_key=secret if parameters is None else None,
                parameter=None if parameters is None else secret,
            )

        return pulumi.Output.all(
            region=args.region,
            private_ip=args.aws_side.private_ip,
            public_ip=args.aws_side.public_ip,
            headends=[tunnel.headend for tunnel in args.tunnels],
            secrets=secrets,
            log_group=log.name if log else None,
        ).apply(render)


# What the agent needs to hold sessions, and no more: Amazon's AmazonSSMManagedInstanceCore would let the host read
# every parameter of the account. "Verify or add instance permissions for Session Manager",
# https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-instance-profile.html
_MAY_HOLD_SESSIONS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            # These name no resource.
            "Resource": "*",
        }
    ],
}


def _trust(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }


def _may_read(parameter_arns: Sequence[str], kms_key_arn: str | None) -> dict[str, Any]:
    """Exactly the two parameters; with a key of one's own, also to decrypt by it (Amazon's needs no rule)."""
    statements = [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": list(parameter_arns)}]
    if kms_key_arn is not None:
        statements.append({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": kms_key_arn})
    return {"Version": "2012-10-17", "Statement": statements}


def _may_write(log_group_arn: str) -> dict[str, Any]:
    """Lines into the streams of this log group, which are its `:*`."""
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": f"{log_group_arn}:*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
