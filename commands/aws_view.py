"""What AWS shows of the near end: the routes to the host's interface, and the instance's console."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from ipaddress import IPv4Network
from typing import Any

from commands.invocation import BLANK, CommandError
from commands.polling import TransientError

CONSOLE_LINES = 40
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
TRANSIENT_CODES = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestTimeout", "InternalError"}
    | {"InternalFailure", "ServiceUnavailable", "Unavailable"}
)
# A terminal's control sequences, and what is left of the control characters.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
# The form of ipsec.secrets: whatever follows PSK on a line is one.
PRE_SHARED_KEY = re.compile(r"(\bPSK\s+).*", re.IGNORECASE)


def route_problems(
    tables: Sequence[dict[str, Any]],
    table_ids: Sequence[str],
    networks: Sequence[IPv4Network],
    interface_id: str,
) -> list[str]:
    """
    One sentence for each VCN CIDR that a route table does not send to the host's interface; empty if all do.

    `tables`: as EC2's DescribeRouteTables gives them.
    """
    found = []
    by_id = {table["RouteTableId"]: table for table in tables}
    for table_id in table_ids:
        if table_id not in by_id:
            found.append(f"AWS route table {table_id} does not exist")
            continue
        routes = {
            route["DestinationCidrBlock"]: route
            for route in by_id[table_id].get("Routes", [])
            if "DestinationCidrBlock" in route
        }
        for network in networks:
            route = routes.get(str(network))
            if route is None:
                found.append(f"AWS route table {table_id} has no route to {network}")
            elif route.get("NetworkInterfaceId") != interface_id:
                target = route.get("NetworkInterfaceId") or route.get("GatewayId") or "something else"
                found.append(f"AWS route table {table_id} sends {network} to {target}, not to {interface_id}")
            elif route.get("State") != "active":
                found.append(f"AWS route table {table_id}: the route to {network} is {route.get('State')}")
    return found


def read_route_tables(client: Any, table_ids: Sequence[str]) -> list[dict[str, Any]]:
    """DescribeRouteTables. A filter, because an unknown id would be an error that hides the others."""
    filters = [{"Name": "route-table-id", "Values": list(table_ids)}]
    tables: list[dict[str, Any]] = []
    page: dict[str, str] = {}
    while True:
        answer = ec2_call("read the AWS route tables", client.describe_route_tables, Filters=filters, **page)
        tables.extend(answer["RouteTables"])
        if not answer.get("NextToken"):
            return tables
        page = {"NextToken": answer["NextToken"]}


def read_console(client: Any, instance_id: str) -> list[str]:
    """
    The last 40 lines of the instance's console, harmless to print and without a pre-shared key.

    Only Nitro instances show the latest text; the others what was there minutes ago. Raises TransientError or
    CommandError.
    """
    what = f"read the console of {instance_id}"
    try:
        answer = ec2_call(what, client.get_console_output, InstanceId=instance_id, Latest=True)
    except UnsupportedError:
        answer = ec2_call(what, client.get_console_output, InstanceId=instance_id)
    return console_tail(answer.get("Output", ""))


def console_tail(text: str) -> list[str]:
    """The last lines of a console that are not empty."""
    lines = [PRE_SHARED_KEY.sub(rf"\1{BLANK}", CONTROL.sub("", line)).rstrip() for line in text.splitlines()]
    return [line for line in lines if line][-CONSOLE_LINES:]


class UnsupportedError(CommandError):
    """The instance cannot do what was asked."""


class AbsentError(CommandError):
    """AWS has no such thing."""


def ec2_call(what: str, operation: Any, **arguments: Any) -> dict[str, Any]:
    """
    Turn boto3's failures into ours; `what` completes "cannot …".

    Raises TransientError, UnsupportedError, AbsentError or CommandError.
    """
    exceptions: Any = import_module("botocore.exceptions")
    try:
        answer: dict[str, Any] = operation(**arguments)
    except exceptions.ClientError as failure:
        code = failure.response.get("Error", {}).get("Code", "")
        status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        reason = f"cannot {what}: AWS says {code}: {failure.response.get('Error', {}).get('Message', '')}"
        if code in TRANSIENT_CODES or status >= 500:
            raise TransientError(reason) from None
        if code.endswith(("NotFound", "DoesNotExist")):
            raise AbsentError(reason) from None
        raise (UnsupportedError if code == "UnsupportedOperation" else CommandError)(reason) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as failure:
        raise TransientError(f"cannot {what}: {failure}") from None
    except exceptions.BotoCoreError as failure:
        raise CommandError(f"cannot {what}: {failure}") from None
    return answer
