"""Watching: who is told when a tunnel or the host is down, through each cloud's own alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_oci as oci
from pulumi import ResourceOptions

from components.labels import Tags
from components.oci_tunnels import ManagedTunnel

# Longer than what passes by itself: a re-key takes nothing down, a new pre-shared key or an upgraded Libreswan seconds,
# a host that reboots or is replaced minutes. Oracle maintains one tunnel at a time and does not say for how long.
PENDING = "PT10M"

# EC2 checks once a minute. Two failures in a row are what Amazon advises for a recovery; an instance that reboots may
# fail its own check for a while, which is nothing to be told about.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/UsingAlarmActions.html
SYSTEM_MINUTES = 2
INSTANCE_MINUTES = 5


@dataclass(frozen=True, kw_only=True)
class WatchingArgs:
    compartment_id: str
    """Of the connection, whose metrics are in the same."""
    connection_id: pulumi.Input[str]
    tunnels: tuple[ManagedTunnel, ManagedTunnel]
    instance_id: pulumi.Input[str]
    email: str | None
    """Who is told; without it somebody subscribes to the topics."""
    defined_tags: Mapping[str, str]
    tags: Tags
    after: Sequence[pulumi.Resource]
    """What is up before anybody is told that it is down."""


class Watching(pulumi.ComponentResource):
    """
    **Type:** `aws-oci-libreswan:watching:Watching`

    Creates: `oci:Ons:NotificationTopic` and for each tunnel `oci:Monitoring:Alarm`; `aws:sns:Topic` and for each status
    check of EC2 `aws:cloudwatch:MetricAlarm`. With an address `oci:Ons:Subscription` and `aws:sns:TopicSubscription`,
    which each cloud asks its owner to confirm.
    """

    topics: dict[str, pulumi.Output[str]]
    """OCID and ARN of what the alarms are sent to, by cloud."""

    def __init__(self, name: str, args: WatchingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("aws-oci-libreswan:watching:Watching", name, None, opts)
        self._name, self._args = name, args
        self._child = ResourceOptions(parent=self)
        self._stack = f"{args.tags.project}/{args.tags.stack}"
        self.topics = {"aws": self._watch_host(), "oci": self._watch_tunnels()}
        self.register_outputs({"topics": self.topics})

    def _watch_tunnels(self) -> pulumi.Output[str]:
        args = self._args
        described: dict[str, Any] = {
            "compartment_id": args.compartment_id,
            "freeform_tags": args.tags.common,
            "defined_tags": args.defined_tags or None,
        }
        # Its name is the logical one and something random: a topic's is unique in its tenancy.
        topic = oci.ons.NotificationTopic(
            self._name, description=f"Alarms of {self._stack}.", **described, opts=self._child
        )
        if args.email is not None:
            oci.ons.Subscription(
                self._name,
                topic_id=topic.topic_id,
                protocol="EMAIL",
                endpoint=args.email,
                **described,
                opts=self._child,
            )
        for number, tunnel in enumerate(args.tunnels, start=1):
            oci.monitoring.Alarm(
                f"{self._name}-tunnel-{number}",
                display_name=f"{self._stack}: tunnel {number} is down",
                body=f"Tunnel {number} has been down for ten minutes. docs/troubleshoot.md says where to look.",
                metric_compartment_id=args.compartment_id,
                namespace="oci_vpn",
                query=pulumi.Output.all(args.connection_id, tunnel.headend).apply(lambda known: tunnel_is_down(*known)),
                pending_duration=PENDING,
                # The other tunnel carries on.
                severity="ERROR",
                message_format="ONS_OPTIMIZED",
                destinations=[topic.topic_id],
                is_enabled=True,
                **described,
                opts=self._later,
            )
        return topic.topic_id

    def _watch_host(self) -> pulumi.Output[str]:
        args = self._args
        topic = aws.sns.Topic(self._name, tags=args.tags.aws(self._name), opts=self._child)
        if args.email is not None:
            aws.sns.TopicSubscription(
                self._name, topic=topic.arn, protocol="email", endpoint=args.email, opts=self._child
            )
        # The instance recovers by itself as well (its maintenance options), but tells the Health Dashboard alone, and
        # later than an alarm's action, as Amazon says. It documents both, and neither as excluding the other.
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cloudwatch-recovery.html
        self._status_alarm(
            "system", SYSTEM_MINUTES, "Amazon's machine below the host fails; EC2 moves the host.", topic, recover=True
        )
        self._status_alarm(
            "instance",
            INSTANCE_MINUTES,
            "The host does not answer EC2. docs/troubleshoot.md says where to look.",
            topic,
        )
        return topic.arn

    def _status_alarm(
        self, check: str, minutes: int, meaning: str, topic: aws.sns.Topic, *, recover: bool = False
    ) -> None:
        name = f"{self._name}-{check}-check"
        told: list[pulumi.Input[str]] = [topic.arn]
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=f"{self._stack}: {meaning}",
            namespace="AWS/EC2",
            metric_name=f"StatusCheckFailed_{check.capitalize()}",
            dimensions={"InstanceId": self._args.instance_id},
            statistic="Maximum",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            period=60,
            evaluation_periods=minutes,
            alarm_actions=[*told, topic.arn.apply(recover_action)] if recover else told,
            ok_actions=told,
            tags=self._args.tags.aws(name),
            opts=self._later,
        )

    @property
    def _later(self) -> ResourceOptions:
        return ResourceOptions(parent=self, depends_on=self._args.after)


def tunnel_is_down(connection_id: str, headend: str) -> str:
    """
    The query, in Oracle's language, of an alarm on one tunnel: for a whole minute the metric was 0 and never 1.

    A tunnel is told by its connection (parentResourceId) and the address of Oracle's end (publicIp).
    https://docs.oracle.com/en-us/iaas/Content/Network/Reference/ipsecmetrics.htm
    https://docs.oracle.com/en-us/iaas/Content/Monitoring/Reference/mql.htm
    """
    return f'TunnelState[1m]{{parentResourceId = "{connection_id}", publicIp = "{headend}"}}.max() < 1'


def recover_action(arn: str) -> str:
    """EC2's recovery as an alarm's action, in the partition and region of an ARN."""
    _, partition, _, region, *_ = arn.split(":")
    return f"arn:{partition}:automate:{region}:ec2:recover"
