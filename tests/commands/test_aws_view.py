"""What is read of AWS and what is said about it: routes to the host's interface, the instance's console.

boto3 is real, its answers are stubbed. Does not prove that AWS answers so.
"""

from __future__ import annotations

import base64
from ipaddress import IPv4Network
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from commands.aws_view import console_tail, read_console, read_route_tables, route_problems
from commands.invocation import CommandError
from commands.polling import TransientError

VCN = IPv4Network("172.16.0.0/16")


@pytest.mark.parametrize(
    ("route", "message"),
    [
        (None, "AWS route table rtb-1 has no route to 172.16.0.0/16"),
        (
            {"NetworkInterfaceId": "eni-2", "State": "active"},
            "AWS route table rtb-1 sends 172.16.0.0/16 to eni-2, not to eni-1",
        ),
        ({"GatewayId": "igw-1", "State": "active"}, "AWS route table rtb-1 sends 172.16.0.0/16 to igw-1, not to eni-1"),
        (
            {"TransitGatewayId": "tgw-1", "State": "active"},
            "AWS route table rtb-1 sends 172.16.0.0/16 to something else, not to eni-1",
        ),
        (
            {"NetworkInterfaceId": "eni-1", "State": "blackhole"},
            "AWS route table rtb-1: the route to 172.16.0.0/16 is blackhole",
        ),
    ],
)
def test_faults_of_aws_routes(route: dict[str, str] | None, message: str) -> None:
    routes: list[dict[str, str]] = [{"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}]
    if route is not None:
        routes.append({"DestinationCidrBlock": "172.16.0.0/16", **route})
    tables = [{"RouteTableId": "rtb-1", "Routes": routes}]
    assert route_problems(tables, ["rtb-1"], [VCN], "eni-1") == [message]


def test_a_route_table_that_is_gone() -> None:
    assert route_problems([], ["rtb-1"], [VCN], "eni-1") == ["AWS route table rtb-1 does not exist"]


def test_the_console_of_an_instance_that_has_no_latest_one() -> None:
    ec2 = boto3.client("ec2", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="s")
    with Stubber(ec2) as stub:
        stub.add_client_error(
            "get_console_output", "UnsupportedOperation", expected_params={"InstanceId": "i-1", "Latest": True}
        )
        text = base64.b64encode(b"old text\r\n").decode()
        stub.add_response("get_console_output", {"InstanceId": "i-1", "Output": text}, {"InstanceId": "i-1"})
        assert read_console(ec2, "i-1") == ["old text"]
        stub.assert_no_pending_responses()


def test_route_tables_over_two_pages() -> None:
    ec2 = boto3.client("ec2", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="s")
    asked = {"Filters": [{"Name": "route-table-id", "Values": ["rtb-1", "rtb-2"]}]}
    with Stubber(ec2) as stub:
        stub.add_response(
            "describe_route_tables", {"RouteTables": [{"RouteTableId": "rtb-1"}], "NextToken": "n"}, asked
        )
        stub.add_response(
            "describe_route_tables", {"RouteTables": [{"RouteTableId": "rtb-2"}]}, {**asked, "NextToken": "n"}
        )
        found = read_route_tables(ec2, ["rtb-1", "rtb-2"])
    assert [table["RouteTableId"] for table in found] == ["rtb-1", "rtb-2"]


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (
            ClientError({"Error": {"Code": "RequestLimitExceeded", "Message": "slow"}}, "X"),
            TransientError,
            "AWS says RequestLimitExceeded: slow",
        ),
        (
            ClientError(
                {"Error": {"Code": "Odd", "Message": "fault"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "X"
            ),
            TransientError,
            "AWS says Odd: fault",
        ),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            TransientError,
            'Could not connect to the endpoint URL: "http://x"',
        ),
        (NoCredentialsError(), CommandError, "Unable to locate credentials"),
        (
            ClientError({"Error": {"Code": "AuthFailure", "Message": "not you"}}, "X"),
            CommandError,
            "AWS says AuthFailure: not you",
        ),
    ],
)
def test_failures_of_aws(failure: Exception, kind: type[Exception], message: str) -> None:
    class Failing:
        def describe_route_tables(self, **_: Any) -> Any:
            raise failure

    with pytest.raises(kind) as raised:
        read_route_tables(Failing(), ["rtb-1"])
    assert str(raised.value) == f"cannot read the AWS route tables: {message}"


def test_console_tail_is_harmless_text() -> None:
    assert console_tail("\x1b[2J\x1b[1;32mok\x1b[0m\x07\n\n \t\npsk abc\n198.51.100.1 203.0.113.5: PSK 0sAAAA\n") == [
        "ok",
        "psk [secret]",
        "198.51.100.1 203.0.113.5: PSK [secret]",
    ]
