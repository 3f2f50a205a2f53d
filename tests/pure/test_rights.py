"""The document of least rights: what only alarms or a log need is apart.

Does not prove that the clouds ask for no more.
"""

from __future__ import annotations

from lab import rights


def call(service: str, operation: str) -> dict[str, object]:
    return {"caller": "x", "service": service, "operation": operation, "status": 200}


AWS = [call("ec2", "CreateVpc"), call("sts", "GetCallerIdentity")]
AWS_LOG = [call("logs", "CreateLogGroup")]
OCI = [call("core", "CreateVcn"), call("core", "GetCpe")]
AWS_ALARMS = [call("monitoring", "PutMetricAlarm"), call("sns", "CreateTopic")]
OCI_ALARMS = [call("monitoring", "CreateAlarm"), call("ons", "GetTopic"), call("ons", "DeleteSubscription")]


def test_actions_have_the_names_of_iam() -> None:
    """CloudWatch's requests are signed for `monitoring`."""
    assert rights.aws_actions(AWS) == ["ec2:CreateVpc", "ec2:GetConsoleOutput", "iam:PassRole"]
    assert set(rights.aws_actions(AWS + AWS_ALARMS)) - set(rights.aws_actions(AWS)) == {
        "cloudwatch:PutMetricAlarm",
        "ec2:DescribeInstanceStatus",
        "iam:CreateServiceLinkedRole",
        "sns:CreateTopic",
    }


def test_an_alarm_needs_its_metric_too() -> None:
    where = "in compartment NETWORKS"
    assert rights.oci_statements(OCI_ALARMS) == [
        f"Allow group NETWORKERS to manage alarms {where}",
        f"Allow group NETWORKERS to read metrics {where}",
        f"Allow group NETWORKERS to manage ons-subscriptions {where}",
        f"Allow group NETWORKERS to read ons-topics {where}",
    ]


def test_what_only_alarms_need_is_apart() -> None:
    usual, with_alarms = rights.document(AWS + AWS_ALARMS, OCI + OCI_ALARMS).split("## With `alarms`")
    for right in ("ec2:CreateVpc", "iam:PassRole", "manage vcns", "read cpes"):
        assert right in usual
        assert right not in with_alarms
    for right in ("cloudwatch:PutMetricAlarm", "sns:CreateTopic", "iam:CreateServiceLinkedRole", "manage alarms"):
        assert right in with_alarms
        assert right not in usual
    assert "read metrics" in with_alarms


def test_what_only_a_log_needs_is_apart() -> None:
    usual, with_log = rights.document(AWS + AWS_LOG, OCI).split("## With `cloudWatchLogDays`")
    assert '"logs:CreateLogGroup"' in with_log
    assert "logs:" not in usual
