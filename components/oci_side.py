"""OciSide: the VCN's end: networks, the DRG, the CPE that stands for the host, and the two tunnels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network
from typing import Any

import pulumi
import pulumi_oci as oci
from pulumi import ResourceOptions

from components import oci_rules
from components.host_firewall import ANYWHERE, slug
from components.labels import Tags, dns_label, ocid_end
from components.local_command import local_command
from components.oci_findings import GivenVcn
from components.oci_tunnels import ManagedTunnel, TunnelsArgs, manage_tunnels
from components.settings import OciSettings, TunnelSettings


@dataclass(frozen=True, kw_only=True)
class OciSideArgs:
    settings: OciSettings
    tunnel: TunnelSettings
    given: GivenVcn | None
    """The VCN to use, or None to make one of settings.vcn_cidrs."""
    device_shape_id: str | None
    """Oracle's CPE device shape for Libreswan, if it lists one."""
    vpc_cidrs: Sequence[IPv4Network]
    """The static routes of the connection."""
    vcn_cidrs: Sequence[IPv4Network]
    public_ip: pulumi.Input[str]
    """The elastic IP: the CPE's address, and the identifier that the host sends."""
    sign_in: pulumi.Output[str]
    tags: Tags
    disposable: bool = False
    """False protects CPE and IPSec connection: without them headends and keys are lost."""


class OciSide(pulumi.ComponentResource):
    """
    **Type:** `aws-oci-libreswan:oci:OciSide`

    Creates, for a VCN of its own: `oci:Core:Vcn`. For each VCN subnet asked for: `Subnet`, with one `RouteTable` and
    one `SecurityList` for all of them. In a given VCN: one `command:local:Command` a rule for each route table and
    security list named, and `NetworkSecurityGroupSecurityRule`s for each group named. Unless given: `Drg`,
    `DrgAttachment`. Always: `Cpe`, `Ipsec` and for each tunnel `IpsecConnectionTunnelManagement` and the
    `command:local:Command` that waits for it.
    """

    connection_id: pulumi.Output[str]
    cpe_id: pulumi.Output[str]
    drg_id: pulumi.Output[str]
    vcn_id: pulumi.Output[str]
    tunnels: tuple[ManagedTunnel, ManagedTunnel]
    ready: list[pulumi.Resource]
    """What must be there before traffic can pass."""

    def __init__(self, name: str, args: OciSideArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("aws-oci-libreswan:oci:OciSide", name, None, opts)
        self._name, self._args = name, args
        self._child = ResourceOptions(parent=self)
        self.ready = []

        self.vcn_id = self._vcn()
        self.drg_id, attachment = self._drg()
        if args.settings.vcn_subnet_cidrs:
            self._subnets(attachment)
        if args.given is not None:
            self._rules_in_given_tables(attachment)

        cpe = oci.core.Cpe(
            f"{name}-cpe",
            compartment_id=args.settings.compartment_id,
            display_name=f"{name}-cpe",
            ip_address=args.public_ip,
            cpe_device_shape_id=args.device_shape_id,
            freeform_tags=self._freeform_tags,
            defined_tags=self._defined_tags,
            opts=self._protected(),
        )
        connection = oci.core.Ipsec(
            f"{name}-connection",
            compartment_id=args.settings.compartment_id,
            display_name=f"{name}-connection",
            cpe_id=cpe.id,
            drg_id=self.drg_id,
            static_routes=[str(cidr) for cidr in args.vpc_cidrs],
            freeform_tags=self._freeform_tags,
            defined_tags=self._defined_tags,
            # A new connection's tunnels want the inside addresses that the old one's have on this DRG.
            opts=self._protected(delete_before_replace=True),
        )
        self.tunnels = manage_tunnels(
            name,
            TunnelsArgs(
                connection=connection,
                settings=args.tunnel,
                sign_in=args.sign_in,
                pre_shared_keys=[
                    None if key is None else pulumi.Output.secret(key.get_secret_value())
                    for key in args.tunnel.pre_shared_keys
                ],
            ),
            parent=self,
        )
        self.ready += [tunnel.management for tunnel in self.tunnels]

        self.connection_id = connection.id
        self.cpe_id = cpe.id
        self.register_outputs(
            {"connectionId": self.connection_id, "headends": [tunnel.headend for tunnel in self.tunnels]}
        )

    @property
    def _freeform_tags(self) -> dict[str, str]:
        return self._args.tags.common

    @property
    def _defined_tags(self) -> dict[str, str] | None:
        return self._args.settings.defined_tags or None

    def _protected(self, *, delete_before_replace: bool | None = None) -> ResourceOptions:
        return ResourceOptions(
            parent=self,
            protect=not self._args.disposable,
            delete_before_replace=delete_before_replace,
            # Creating a connection takes minutes, and deleting one waits for a DRG that is busy.
            custom_timeouts=pulumi.CustomTimeouts(create="30m", update="30m", delete="30m"),
        )

    @property
    def _vcn_compartment(self) -> str:
        given = self._args.given
        return self._args.settings.compartment_id if given is None else given.compartment_id

    @property
    def _has_dns(self) -> bool:
        given = self._args.given
        return given is None or given.has_dns

    def _vcn(self) -> pulumi.Output[str]:
        if self._args.given is not None:
            return pulumi.Output.from_input(self._args.given.id)
        name = f"{self._name}-vcn"
        return oci.core.Vcn(
            name,
            compartment_id=self._args.settings.compartment_id,
            cidr_blocks=[str(cidr) for cidr in self._args.vcn_cidrs],
            display_name=name,
            dns_label=dns_label(name),
            freeform_tags=self._freeform_tags,
            defined_tags=self._defined_tags,
            opts=self._child,
        ).id

    def _drg(self) -> tuple[pulumi.Output[str], oci.core.DrgAttachment | None]:
        settings = self._args.settings
        if settings.drg_id is not None:
            drg_id = pulumi.Output.from_input(settings.drg_id)
        else:
            drg_id = oci.core.Drg(
                f"{self._name}-drg",
                compartment_id=settings.compartment_id,
                display_name=f"{self._name}-drg",
                freeform_tags=self._freeform_tags,
                defined_tags=self._defined_tags,
                opts=self._child,
            ).id
        if settings.drg_attachment_id is not None:
            return drg_id, None
        attachment = oci.core.DrgAttachment(
            f"{self._name}-attachment",
            drg_id=drg_id,
            display_name=f"{self._name}-attachment",
            # All of the VCN, and not the subnets it has today: the tunnels learn every subnet to come as well.
            network_details={"type": "VCN", "id": self.vcn_id, "vcn_route_type": "VCN_CIDRS"},
            freeform_tags=self._freeform_tags,
            defined_tags=self._defined_tags,
            opts=self._child,
        )
        self.ready.append(attachment)
        return drg_id, attachment

    def _subnets(self, attachment: oci.core.DrgAttachment | None) -> None:
        args, name = self._args, f"{self._name}-subnets"
        table = oci.core.RouteTable(
            name,
            compartment_id=self._vcn_compartment,
            vcn_id=self.vcn_id,
            display_name=name,
            route_rules=[
                {
                    "destination": str(cidr),
                    "destination_type": "CIDR_BLOCK",
                    "network_entity_id": self.drg_id,
                    "description": args.tags.owner,
                }
                for cidr in args.vpc_cidrs
            ],
            freeform_tags=self._freeform_tags,
            defined_tags=self._defined_tags,
            # A rule to a DRG is refused before the attachment and must be gone before it is.
            opts=ResourceOptions(parent=self, depends_on=[attachment] if attachment else None),
        )
        ingress: list[Any] = [
            oci_rules.security_list_rule(rule)
            for rule in oci_rules.ingress_filters(args.vpc_cidrs, args.settings.vcn_ingress)
        ]
        filters = oci.core.SecurityList(
            name,
            compartment_id=self._vcn_compartment,
            vcn_id=self.vcn_id,
            display_name=name,
            ingress_security_rules=ingress,
            # As in Oracle's default list: what a host may answer or ask is decided where it arrives.
            egress_security_rules=[{"protocol": "all", "destination": ANYWHERE}],
            freeform_tags=self._freeform_tags,
            defined_tags=self._defined_tags,
            opts=self._child,
        )
        for cidr in args.settings.vcn_subnet_cidrs:
            subnet = f"{self._name}-subnet-{slug(cidr)}"
            oci.core.Subnet(
                subnet,
                compartment_id=self._vcn_compartment,
                vcn_id=self.vcn_id,
                cidr_block=str(cidr),
                display_name=subnet,
                # In hexadecimal, for decimals run into each other: 10.1.11.0/24 and 10.11.1.0/24.
                dns_label=dns_label(f"n{int(cidr.network_address):08x}{cidr.prefixlen}") if self._has_dns else None,
                prohibit_public_ip_on_vnic=True,
                route_table_id=table.id,
                security_list_ids=[filters.id],
                freeform_tags=self._freeform_tags,
                defined_tags=self._defined_tags,
                opts=self._child,
            )
        self.ready += [table, filters]

    def _rules_in_given_tables(self, attachment: oci.core.DrgAttachment | None) -> None:
        """
        One rule at a time: Oracle's own resources own all of a table or a list, and would take away at `destroy`
        what was there before. Each is named by the table, list or group it is in, and not by the place of that in
        the settings: taking one out of them must not move another's rules.
        """
        args, settings = self._args, self._args.settings
        for table in settings.vcn_route_table_ids:
            for cidr in args.vpc_cidrs:
                rule = self.drg_id.apply(partial(oci_rules.route_text, cidr))
                after = [attachment] if attachment else []
                self._one_rule(f"table-{ocid_end(table)}-to-{slug(cidr)}", "route", table, rule, after)
        ingress = oci_rules.ingress_filters(args.vpc_cidrs, settings.vcn_ingress)
        for filters in settings.vcn_security_list_ids:
            for one in ingress:
                text = oci_rules.as_text(oci_rules.api_rule(one))
                self._one_rule(f"list-{ocid_end(filters)}-{one.name}", "security", filters, text, [])
        for group in settings.vcn_network_security_group_ids:
            for one in ingress:
                self.ready.append(
                    oci.core.NetworkSecurityGroupSecurityRule(
                        f"{self._name}-group-{ocid_end(group)}-{one.name}",
                        network_security_group_id=group,
                        direction="INGRESS",
                        description=args.tags.owner,
                        **oci_rules.security_group_rule(one),
                        opts=self._child,
                    )
                )

    def _one_rule(
        self,
        name: str,
        kind: str,
        list_id: str,
        rule: pulumi.Input[str],
        after: Sequence[pulumi.Resource],
    ) -> None:
        self.ready.append(
            local_command(
                f"{self._name}-{name}",
                create="add-rule",
                delete="remove-rule",
                sign_in=self._args.sign_in,
                environment={
                    "KIND": kind,
                    "LIST_ID": list_id,
                    "RULE": rule,
                    "OWNER": self._args.tags.owner,
                },
                # The rule is what is created: another one is another resource, never an update of this.
                triggers=[list_id, rule],
                opts=ResourceOptions(parent=self, depends_on=after, delete_before_replace=True),
            )
        )
