"""Joins an AWS VPC and an OCI VCN by two IPsec tunnels: the AWS side, the OCI side and a Libreswan host."""

from __future__ import annotations

import os

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOutputOptions, ResourceOptions

from components import configuration, stack_readme, survey
from components.aws_side import AwsSide, AwsSideArgs
from components.configuration import SettingError
from components.labels import Tags
from components.libreswan_host import LibreswanHost, LibreswanHostArgs
from components.oci_side import OciSide, OciSideArgs
from components.providers import make_providers
from components.tunnel_check import TunnelCheck, TunnelCheckArgs
from components.watching import Watching, WatchingArgs

project, stack = pulumi.get_project(), pulumi.get_stack()
try:
    settings = configuration.parse(*configuration.read(project, os.environ))
    providers = make_providers(settings, os.environ)
    tags = Tags(project=project, stack=stack, given=settings.stack.tags)
    found = survey.look(settings, tags, providers)
except SettingError as refused:
    raise pulumi.RunError(str(refused)) from None

options = ResourceOptions(providers=[providers.aws, providers.oci])
# Asked of AWS: the provider may have it from a profile or the environment.
region = aws.get_region_output(opts=InvokeOutputOptions(provider=providers.aws)).region

aws_side = AwsSide(
    "aws",
    AwsSideArgs(
        settings=settings.aws,
        given=found.aws.vpc,
        vpc_cidrs=found.vpc_cidrs,
        vcn_cidrs=found.vcn_cidrs,
        zones=found.aws.zones,
        tags=tags,
        disposable=settings.stack.disposable,
    ),
    opts=options,
)
oci_side = OciSide(
    "oci",
    OciSideArgs(
        settings=settings.oci,
        tunnel=settings.tunnel,
        given=found.oci.vcn,
        device_shape_id=found.oci.device_shape_id,
        vpc_cidrs=found.vpc_cidrs,
        vcn_cidrs=found.vcn_cidrs,
        public_ip=aws_side.public_ip,
        sign_in=providers.sign_in,
        tags=tags,
        disposable=settings.stack.disposable,
    ),
    opts=options,
)
host = LibreswanHost(
    "host",
    LibreswanHostArgs(
        aws=settings.aws,
        host=settings.host,
        tunnel=settings.tunnel,
        aws_side=aws_side,
        tunnels=oci_side.tunnels,
        vpc_cidrs=found.vpc_cidrs,
        vcn_cidrs=found.vcn_cidrs,
        region=region,
        newest_image=found.aws.newest_image,
        zones=found.aws.zones,
        log_days=settings.watching.cloud_watch_log_days,
        tags=tags,
    ),
    opts=options,
)
proven: list[pulumi.Resource] = []
if settings.stack.proof:
    proof = TunnelCheck(
        "proof",
        TunnelCheckArgs(
            aws_side=aws_side,
            oci_side=oci_side,
            instance_id=host.instance_id,
            key_versions=host.key_versions,
            vpc_cidrs=found.vpc_cidrs,
            vcn_cidrs=found.vcn_cidrs,
            region=region,
            timeout_minutes=settings.stack.proof_timeout_minutes,
            sign_in=providers.sign_in,
        ),
        opts=options,
    )
    proven = [proof]
    pulumi.export("tunnelStates", proof.states)
if settings.watching.alarms:
    watching = Watching(
        "watching",
        WatchingArgs(
            compartment_id=settings.oci.compartment_id,
            connection_id=oci_side.connection_id,
            tunnels=oci_side.tunnels,
            instance_id=host.instance_id,
            email=settings.watching.alarm_email,
            defined_tags=settings.oci.defined_tags,
            tags=tags,
            after=proven,
        ),
        opts=options,
    )
    pulumi.export("alarmTopics", watching.topics)

if host.log_group is not None:
    pulumi.export("logGroup", host.log_group)
pulumi.export("cpeAddress", aws_side.public_ip)
pulumi.export("headends", {f"tunnel-{n}": tunnel.headend for n, tunnel in enumerate(oci_side.tunnels, start=1)})
pulumi.export("tunnelIds", {f"tunnel-{n}": tunnel.id for n, tunnel in enumerate(oci_side.tunnels, start=1)})
pulumi.export("connectionId", oci_side.connection_id)
pulumi.export("drgId", oci_side.drg_id)
pulumi.export("vcnId", oci_side.vcn_id)
pulumi.export("instanceId", host.instance_id)
pulumi.export("networkInterfaceId", aws_side.network_interface_id)
pulumi.export(
    "lookCloser",
    pulumi.Output.concat("aws ssm start-session --region ", region, " --target ", host.instance_id),
)
# Pulumi Cloud shows an output of this name as the stack's own README.
pulumi.export("readme", stack_readme.page(settings, found.vpc_cidrs, found.vcn_cidrs))
