"""A stack with alarms and a log in the real engine: made, quiet, changed in place, and gone with all that they need.

The tests are one story and run in their order. No alarm fires here: the stand-in clouds measure nothing.
"""

from __future__ import annotations

import re

from lab import rights
from lab.clouds.cluster import DEPLOYER, REGION
from lab.clouds.oci.store import ALARM, TUNNEL
from lab.engine.project import REPOSITORY
from lab.lab import USER, Lab

GROUP = "/libreswan/aws-oci-libreswan/dev"
LOG = {
    ("create", "aws:cloudwatch/logGroup:LogGroup", "host-log"),
    ("create", "aws:iam/rolePolicy:RolePolicy", "host-log"),
}
ALARMS = {
    ("create", "aws-oci-libreswan:watching:Watching", "watching"),
    ("create", "oci:Ons/notificationTopic:NotificationTopic", "watching"),
    ("create", "oci:Ons/subscription:Subscription", "watching"),
    ("create", "oci:Monitoring/alarm:Alarm", "watching-tunnel-1"),
    ("create", "oci:Monitoring/alarm:Alarm", "watching-tunnel-2"),
    ("create", "aws:sns/topic:Topic", "watching"),
    ("create", "aws:sns/topicSubscription:TopicSubscription", "watching"),
    ("create", "aws:cloudwatch/metricAlarm:MetricAlarm", "watching-system-check"),
    ("create", "aws:cloudwatch/metricAlarm:MetricAlarm", "watching-instance-check"),
}


def test_up_makes_the_alarms_too(lab: Lab) -> None:
    lab.configure(alarms=True, alarmEmail="network@example.com", cloudWatchLogDays=7)
    up = lab.project.up().check()
    made = {(one.op, one.type, one.name) for one in up.operations()}
    assert made >= ALARMS | LOG
    assert {op for op, _, _ in made} == {"create"}
    assert sorted(lab.project.outputs()["alarmTopics"]) == ["aws", "oci"]
    assert lab.project.outputs()["logGroup"] == GROUP


def test_each_query_selects_one_tunnel_of_the_connection(lab: Lab) -> None:
    """By the dimensions that Oracle documents, against what the emulator has."""
    store = lab.clouds.oci.store
    with store.lock:
        queries = [alarm.body["query"] for alarm in store.of(ALARM)]
        addresses = {tunnel.private["headend"] for tunnel in store.of(TUNNEL)}
    selected = [dict(re.findall(r'(\w+) = "([^"]+)"', query)) for query in queries]
    connection = lab.project.outputs()["connectionId"]
    assert {one["parentResourceId"] for one in selected} == {connection}
    assert {one["publicIp"] for one in selected} == addresses
    assert len(selected) == len(addresses) == 2


def test_the_status_checks_are_of_the_host(lab: Lab) -> None:
    alarms = lab.clouds.aws.client("cloudwatch", REGION).describe_alarms()["MetricAlarms"]
    host = [{"Name": "InstanceId", "Value": lab.project.outputs()["instanceId"]}]
    assert {alarm["MetricName"] for alarm in alarms} == {"StatusCheckFailed_System", "StatusCheckFailed_Instance"}
    assert [alarm["Dimensions"] for alarm in alarms] == [host, host]


def test_the_log_is_kept_for_as_long_as_is_said(lab: Lab) -> None:
    [group] = lab.clouds.aws.client("logs", REGION).describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 7)


def test_nothing_changes_after_a_refresh(lab: Lab) -> None:
    lab.project.preview("--refresh", "--expect-no-changes").check()


def test_another_tag_reaches_the_alarms_and_replaces_nothing(lab: Lab) -> None:
    lab.configure(tags={"cost-centre": "4711"})
    up = lab.project.up().check()
    assert {one.op for one in up.operations()} == {"update"}
    changed = {(one.type, one.name) for one in up.operations()}
    untagged = {"aws-oci-libreswan:watching:Watching", "aws:sns/topicSubscription:TopicSubscription"}
    assert changed >= {(kind, name) for _, kind, name in ALARMS if kind not in untagged}


def test_a_longer_time_for_the_log_replaces_nothing(lab: Lab) -> None:
    lab.configure(cloudWatchLogDays=30)
    up = lab.project.up().check()
    assert [(one.op, one.type) for one in up.operations()] == [("update", "aws:cloudwatch/logGroup:LogGroup")]
    [group] = lab.clouds.aws.client("logs", REGION).describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30


def test_destroy_leaves_nothing_at_the_first_try(lab: Lab) -> None:
    destroyed = lab.project.destroy().check()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert lab.leftovers() == {}


def test_rights_of_all_calls_are_documented(lab: Lab) -> None:
    documented = (REPOSITORY / "docs" / "rights.md").read_text()
    folder = lab.clouds.folder
    needed = {f'"{action}"' for action in rights.aws_actions(rights.calls_of(folder, "aws", DEPLOYER))}
    needed |= {
        statement.rpartition(" in ")[0] for statement in rights.oci_statements(rights.calls_of(folder, "oci", USER))
    }
    assert {'"cloudwatch:PutMetricAlarm"', '"logs:CreateLogGroup"', "Allow group NETWORKERS to manage alarms"} <= needed
    assert {right for right in needed if right not in documented} == set()
