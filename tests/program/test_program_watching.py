"""Alarms, as registered: off unless asked for, and each on what it is about.

Does not prove that a metric is there: what Oracle and Amazon measure is their documentation's word.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from components.watching import recover_action, tunnel_is_down
from tests.program.pretend_clouds import GIVEN, HEADENDS, record
from tests.program.recording import COMPARTMENT, Recording

WATCHING = "aws-oci-libreswan:watching:Watching"
ALARM = "oci:Monitoring/alarm:Alarm"
OCI_TOPIC = "oci:Ons/notificationTopic:NotificationTopic"
OCI_SUBSCRIPTION = "oci:Ons/subscription:Subscription"
AWS_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
AWS_TOPIC = "aws:sns/topic:Topic"
AWS_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:watching-1234567"
TOPIC_OCID = "ocid1.onstopic.oc1.iad.made"
WITHOUT_EMAIL = {
    (WATCHING, "watching"),
    (OCI_TOPIC, "watching"),
    (ALARM, "watching-tunnel-1"),
    (ALARM, "watching-tunnel-2"),
    (AWS_TOPIC, "watching"),
    (AWS_ALARM, "watching-system-check"),
    (AWS_ALARM, "watching-instance-check"),
}
WITH_EMAIL = WITHOUT_EMAIL | {(OCI_SUBSCRIPTION, "watching"), (AWS_SUBSCRIPTION, "watching")}


@pytest.mark.parametrize("networks", [{}, GIVEN], ids=["dev", "given"])
def test_alarms_add_themselves_and_change_nothing_else(networks: Mapping[str, object]) -> None:
    without = record(networks)
    watched = record({**networks, "alarms": True, "alarmEmail": "network@example.com"})
    assert set(watched.pairs()) - set(without.pairs()) == WITH_EMAIL
    for resource in without.resources:
        same = watched.one(resource.type, resource.name)
        assert same.values == resource.values, resource.urn
        assert watched.dependencies(same) == without.dependencies(resource), resource.urn


def test_alarms_are_off_unless_asked_for(dev: Recording) -> None:
    assert not {kind for kind, _ in dev.pairs()} & {kind for kind, _ in WITH_EMAIL}
    assert "alarmTopics" not in dev.stack_outputs


def test_nobody_is_subscribed_without_an_address(dev: Recording) -> None:
    recording = record({"alarms": True})
    assert set(recording.pairs()) - set(dev.pairs()) == WITHOUT_EMAIL


def test_each_tunnel_has_an_alarm_on_its_own_metric(watched: Recording) -> None:
    addresses = [address for _, address in sorted(HEADENDS.items())]
    for number, address in enumerate(addresses, start=1):
        alarm = watched.one(ALARM, f"watching-tunnel-{number}").inputs
        assert alarm["namespace"] == "oci_vpn"
        assert alarm["query"] == tunnel_is_down("Ipsec/oci-connection", address)
        assert alarm["pendingDuration"] == "PT10M"
        assert alarm["metricCompartmentId"] == alarm["compartmentId"] == COMPARTMENT
        assert alarm["destinations"] == [TOPIC_OCID]
        assert alarm["displayName"] == f"aws-oci-libreswan/dev: tunnel {number} is down"
        assert alarm["isEnabled"] is True


def test_the_query_is_oracles_language_with_both_dimensions() -> None:
    assert tunnel_is_down("ocid1.ipsecconnection.oc1.iad.x", "198.51.100.11") == (
        'TunnelState[1m]{parentResourceId = "ocid1.ipsecconnection.oc1.iad.x", publicIp = "198.51.100.11"}.max() < 1'
    )


def test_both_status_checks_of_the_instance_are_watched_and_one_recovers_it(watched: Recording) -> None:
    recover = "arn:aws:automate:us-east-1:ec2:recover"
    for check, minutes, actions in (("system", 2, [TOPIC_ARN, recover]), ("instance", 5, [TOPIC_ARN])):
        alarm = watched.one(AWS_ALARM, f"watching-{check}-check").inputs
        assert alarm["namespace"] == "AWS/EC2"
        assert alarm["metricName"] == f"StatusCheckFailed_{check.capitalize()}"
        assert alarm["dimensions"] == {"InstanceId": "Instance/host-instance"}
        assert (alarm["period"], alarm["evaluationPeriods"]) == (60, minutes)
        assert (alarm["statistic"], alarm["comparisonOperator"], alarm["threshold"]) == (
            "Maximum", "GreaterThanOrEqualToThreshold", 1,
        )  # fmt: skip
        assert alarm["alarmActions"] == actions
        assert alarm["okActions"] == [TOPIC_ARN]


@pytest.mark.parametrize(
    ("arn", "action"),
    [
        ("arn:aws:sns:eu-west-3:123456789012:x", "arn:aws:automate:eu-west-3:ec2:recover"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:x", "arn:aws-cn:automate:cn-north-1:ec2:recover"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:x", "arn:aws-us-gov:automate:us-gov-west-1:ec2:recover"),
    ],
)
def test_the_recover_action_is_of_the_same_partition_and_region(arn: str, action: str) -> None:
    assert recover_action(arn) == action


def test_the_address_is_subscribed_in_both_clouds(watched: Recording) -> None:
    theirs = watched.one(OCI_SUBSCRIPTION, "watching").inputs
    assert (theirs["topicId"], theirs["protocol"], theirs["endpoint"]) == (TOPIC_OCID, "EMAIL", "network@example.com")
    ours = watched.one(AWS_SUBSCRIPTION, "watching").inputs
    assert (ours["topic"], ours["protocol"], ours["endpoint"]) == (TOPIC_ARN, "email", "network@example.com")


def test_alarms_come_after_the_proof_where_there_is_one(watched: Recording) -> None:
    """Until then tunnels are down and nobody needs to be told."""
    unproven = record({"alarms": True, "proof": False})
    for kind, name in WITHOUT_EMAIL - {(WATCHING, "watching"), (OCI_TOPIC, "watching"), (AWS_TOPIC, "watching")}:
        proof = ("command:local:Command", "proof-tunnels-up")
        assert proof in watched.dependencies(watched.one(kind, name))
        assert proof not in unproven.dependencies(unproven.one(kind, name))


def test_the_topics_are_an_output(watched: Recording) -> None:
    assert watched.stack_outputs["alarmTopics"] == {"aws": TOPIC_ARN, "oci": TOPIC_OCID}


def test_a_preview_of_an_empty_stack_knows_the_alarms() -> None:
    preview = record({"alarms": True, "alarmEmail": "network@example.com"}, preview=True)
    assert set(preview.pairs()) >= WITH_EMAIL
