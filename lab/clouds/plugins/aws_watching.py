"""AWS alarms, the topics and subscriptions that they are told by, and a log."""

from __future__ import annotations

from typing import Any

from lab.clouds.plugins.aws_checks import all_of, at_most, one_of
from lab.clouds.plugins.aws_client import (
    arn,
    client,
    given,
    read_tags,
    tag_changes,
    tag_list,
    unless,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, Resource
from lab.clouds.plugins.values import Values

_GONE = ("NotFound",)

# Inputs of the alarm under Amazon's names, but for its dimensions, which have another shape there.
_PLAIN = {
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "evaluationPeriods": "EvaluationPeriods",
    "metricName": "MetricName",
    "name": "AlarmName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
}


def _put_alarm(call: Call, inputs: Values, tags: list[dict[str, str]]) -> None:
    plain = {there: inputs.get(here) for here, there in _PLAIN.items()}
    dimensions = [{"Name": name, "Value": value} for name, value in inputs.get("dimensions", {}).items()]
    client(call, "cloudwatch", inputs).put_metric_alarm(**given(**plain, Dimensions=dimensions, Tags=tags))


def _create_alarm(call: Call, inputs: Values) -> tuple[str, Values]:
    _put_alarm(call, inputs, tag_list(inputs.get("tags")))
    identifier: str = inputs["name"]
    return identifier, _read_alarm(call, identifier, inputs) or {}


def _read_alarm(call: Call, identifier: str, state: Values) -> Values | None:
    cloudwatch = client(call, "cloudwatch", state)
    found = cloudwatch.describe_alarms(AlarmNames=[identifier], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if not found:
        return None
    [alarm] = found
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    return {
        **{here: None if alarm.get(there) in ("", []) else alarm.get(there) for here, there in _PLAIN.items()},
        "arn": alarm["AlarmArn"],
        "dimensions": {one["Name"]: one["Value"] for one in alarm["Dimensions"]} or None,
        "region": cloudwatch.meta.region_name,
        **read_tags(call, tags),
    }


def _update_alarm(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    if any(inputs.get(key) != state.get(key) for key in {*_PLAIN, "dimensions"}):
        _put_alarm(call, inputs, [])
    cloudwatch, (wanted, gone) = client(call, "cloudwatch", inputs), tag_changes(state, inputs)
    if gone:
        cloudwatch.untag_resource(ResourceARN=state["arn"], TagKeys=gone)
    if wanted:
        cloudwatch.tag_resource(ResourceARN=state["arn"], Tags=tag_list(wanted))
    return _read_alarm(call, identifier, inputs) or {}


def _delete_alarm(call: Call, identifier: str, state: Values) -> None:
    client(call, "cloudwatch", state).delete_alarms(AlarmNames=[identifier])


def _create_topic(call: Call, inputs: Values) -> tuple[str, Values]:
    made = client(call, "sns", inputs).create_topic(Name=inputs["name"], Tags=tag_list(inputs.get("tags")))
    identifier: str = made["TopicArn"]
    return identifier, _read_topic(call, identifier, inputs) or {}


def _read_topic(call: Call, identifier: str, state: Values) -> Values | None:
    sns = client(call, "sns", state)
    found = unless(_GONE, lambda: sns.get_topic_attributes(TopicArn=identifier))
    if found is None:
        return None
    attributes: dict[str, Any] = found["Attributes"]
    tags = sns.list_tags_for_resource(ResourceArn=identifier)["Tags"]
    return {
        "arn": attributes["TopicArn"],
        "name": attributes["TopicArn"].rpartition(":")[2],
        "owner": attributes["Owner"],
        "policy": attributes["Policy"],
        "region": sns.meta.region_name,
        **read_tags(call, tags),
    }


def _update_topic(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    sns, (wanted, gone) = client(call, "sns", inputs), tag_changes(state, inputs)
    if gone:
        sns.untag_resource(ResourceArn=identifier, TagKeys=gone)
    if wanted:
        sns.tag_resource(ResourceArn=identifier, Tags=tag_list(wanted))
    return _read_topic(call, identifier, inputs) or {}


def _delete_topic(call: Call, identifier: str, state: Values) -> None:
    client(call, "sns", state).delete_topic(TopicArn=identifier)


def _create_subscription(call: Call, inputs: Values) -> tuple[str, Values]:
    sns = client(call, "sns", inputs)
    # The ARN also where nobody has confirmed yet, which the real provider does not wait for with a mail.
    made = sns.subscribe(
        TopicArn=inputs["topic"], Protocol=inputs["protocol"], Endpoint=inputs["endpoint"], ReturnSubscriptionArn=True
    )
    identifier: str = made["SubscriptionArn"]
    return identifier, _read_subscription(call, identifier, inputs) or {}


def _read_subscription(call: Call, identifier: str, state: Values) -> Values | None:
    sns = client(call, "sns", state)
    found = unless(_GONE, lambda: sns.get_subscription_attributes(SubscriptionArn=identifier))
    if found is None:
        return None
    attributes: dict[str, Any] = found["Attributes"]
    return {
        "arn": attributes["SubscriptionArn"],
        "endpoint": attributes["Endpoint"],
        "ownerId": attributes["Owner"],
        "pendingConfirmation": attributes["PendingConfirmation"] == "true",
        "protocol": attributes["Protocol"],
        "region": sns.meta.region_name,
        "topic": attributes["TopicArn"],
    }


def _delete_subscription(call: Call, identifier: str, state: Values) -> None:
    client(call, "sns", state).unsubscribe(SubscriptionArn=identifier)


def _group_arn(call: Call, identifier: str, values: Values) -> str:
    return arn(call, "logs", f"log-group:{identifier}", values)


def _create_group(call: Call, inputs: Values) -> tuple[str, Values]:
    identifier: str = inputs["name"]
    logs = client(call, "logs", inputs)
    logs.create_log_group(**given(logGroupName=identifier, tags=inputs.get("tags")))
    _keep(logs, identifier, inputs)
    return identifier, _read_group(call, identifier, inputs) or {}


def _keep(logs: Any, identifier: str, inputs: Values) -> None:
    if days := inputs.get("retentionInDays"):
        logs.put_retention_policy(logGroupName=identifier, retentionInDays=days)
    else:
        logs.delete_retention_policy(logGroupName=identifier)


def _read_group(call: Call, identifier: str, state: Values) -> Values | None:
    logs = client(call, "logs", state)
    listed = logs.describe_log_groups(logGroupNamePrefix=identifier)["logGroups"]
    found = next((one for one in listed if one["logGroupName"] == identifier), None)
    if found is None:
        return None
    tags = logs.list_tags_for_resource(resourceArn=_group_arn(call, identifier, state))["tags"]
    return {
        "arn": _group_arn(call, identifier, state),
        "logGroupClass": found.get("logGroupClass", "STANDARD"),
        "name": identifier,
        "region": logs.meta.region_name,
        "retentionInDays": found.get("retentionInDays", 0),
        "skipDestroy": bool(state.get("skipDestroy")),
        **read_tags(call, tag_list(tags)),
    }


def _update_group(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    logs, (wanted, gone) = client(call, "logs", inputs), tag_changes(state, inputs)
    if inputs.get("retentionInDays") != state.get("retentionInDays"):
        _keep(logs, identifier, inputs)
    if gone:
        logs.untag_resource(resourceArn=_group_arn(call, identifier, state), tagKeys=gone)
    if wanted:
        logs.tag_resource(resourceArn=_group_arn(call, identifier, state), tags=wanted)
    return _read_group(call, identifier, inputs) or {}


def _delete_group(call: Call, identifier: str, state: Values) -> None:
    logs = client(call, "logs", state)
    unless(["ResourceNotFoundException"], lambda: logs.delete_log_group(logGroupName=identifier))


RESOURCES = {
    "aws:cloudwatch/logGroup:LogGroup": Resource(
        inputs=frozenset({"name", "region", "retentionInDays", "tags"}),
        force_new=frozenset({"name", "region"}),
        computed=frozenset({"arn", "logGroupClass", "skipDestroy", "tagsAll"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(at_most("name", 512)),
        create=_create_group,
        read=_read_group,
        update=_update_group,
        delete=_delete_group,
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Resource(
        inputs=frozenset({*_PLAIN, "dimensions", "region", "tags"}),
        required=frozenset({"comparisonOperator", "evaluationPeriods"}),
        force_new=frozenset({"name", "region"}),
        computed=frozenset({"arn", "tagsAll"}),
        unordered=frozenset({"alarmActions", "okActions"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(
            at_most("alarmDescription", 1024),
            at_most("name", 255),
            one_of(
                "comparisonOperator",
                (
                    "GreaterThanOrEqualToThreshold",
                    "GreaterThanThreshold",
                    "LessThanOrEqualToThreshold",
                    "LessThanThreshold",
                ),
            ),
            one_of("statistic", ("Average", "Maximum", "Minimum", "SampleCount", "Sum")),
        ),
        create=_create_alarm,
        read=_read_alarm,
        update=_update_alarm,
        delete=_delete_alarm,
    ),
    "aws:sns/topic:Topic": Resource(
        inputs=frozenset({"name", "region", "tags"}),
        force_new=frozenset({"name", "region"}),
        computed=frozenset({"arn", "owner", "policy", "tagsAll"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(at_most("name", 256)),
        create=_create_topic,
        read=_read_topic,
        update=_update_topic,
        delete=_delete_topic,
    ),
    "aws:sns/topicSubscription:TopicSubscription": Resource(
        inputs=frozenset({"endpoint", "protocol", "region", "topic"}),
        required=frozenset({"endpoint", "protocol", "topic"}),
        force_new=frozenset({"endpoint", "protocol", "region", "topic"}),
        computed=frozenset({"arn", "ownerId", "pendingConfirmation"}),
        check=all_of(
            one_of(
                "protocol",
                ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"),
            )
        ),
        create=_create_subscription,
        read=_read_subscription,
        delete=_delete_subscription,
    ),
}
