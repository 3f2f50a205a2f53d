"""How the AWS tables speak to AWS: clients, tags, waits, errors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lab.clouds.plugins.table import Call, ProviderError
from lab.clouds.plugins.values import UNKNOWN, Values

Result = TypeVar("Result")

PATIENCE = 30.0
"""Seconds for what the real provider retries for minutes: a stand-in that hangs helps nobody."""
STEP = 0.25
NO_ASSOCIATION = "InvalidAssociationID.NotFound"
"""An association goes with its subnet, which may be deleted at the same time: ended all the same."""

_making = threading.Lock()


def client(call: Call, service: str, values: Values | None = None) -> Any:
    """A boto3 client for the values' own region, else the provider's. Raises ProviderError without endpoint."""
    environment, config = call.environment, call.config
    endpoint = environment.get("AWS_ENDPOINT_URL")
    if endpoint is None:
        raise ProviderError("AWS_ENDPOINT_URL is not set: the stand-in speaks to a local server only")
    with _making:
        return _client(
            service,
            (values or {}).get("region") or region(call),
            endpoint,
            config.get("accessKey") or environment.get("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            config.get("secretKey") or environment.get("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        )


@cache
def _client(service: str, region_name: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        service,
        region_name=region_name,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"}),
    )


def region(call: Call) -> str:
    """The provider's region. Raises ProviderError if there is none."""
    found = configured_region(call.config, call.environment)
    if found is None:
        raise ProviderError("missing region: set aws:region, AWS_REGION or AWS_DEFAULT_REGION")
    return found


def configured_region(config: Values, environment: Any) -> str | None:
    """As the real provider resolves it: configuration, then environment."""
    found: str | None = config.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return found


def account(call: Call) -> str:
    """The account's number."""
    return _account(client(call, "sts"))


@cache
def _account(sts: Any) -> str:
    number: str = sts.get_caller_identity()["Account"]
    return number


def arn(call: Call, service: str, resource: str, values: Values) -> str:
    """An ARN of this account in the values' region."""
    place = values.get("region") or region(call)
    return f"arn:{partition(place)}:{service}:{place}:{account(call)}:{resource}"


@cache
def partition(region_name: str) -> str:
    """`aws`, `aws-cn`, `aws-us-gov` …"""
    found: str = boto3.Session().get_partition_for_region(region_name)
    return found


def explain(error: Exception) -> str | None:
    """Amazon's own words, as the real provider shows them."""
    if isinstance(error, ClientError):
        told, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        return (
            f"operation error {error.operation_name}, https response error StatusCode: {status}, "
            f"api error {told['Code']}: {told['Message']}"
        )
    if isinstance(error, BotoCoreError):
        return str(error)
    return None


def code(error: ClientError) -> str:
    """Amazon's error code."""
    found: str = error.response["Error"]["Code"]
    return found


def unless(codes: Iterable[str], action: Callable[[], Result]) -> Result | None:
    """The action's result, or None if Amazon answers with one of the codes."""
    try:
        return action()
    except ClientError as refusal:
        if code(refusal) in codes:
            return None
        raise


def retrying(call: Call, codes: Iterable[str], action: Callable[[], Result]) -> Result:
    """The action's result; one of the codes makes it try again while patience lasts."""
    end = time.monotonic() + (call.timeout or PATIENCE)
    while True:
        try:
            return action()
        except ClientError as refusal:
            if code(refusal) not in codes or time.monotonic() > end or call.cancelled.wait(STEP):
                raise


def remove(call: Call, gone: str, action: Callable[[], Any]) -> None:
    """A deletion: what is still in use is waited for, what is gone already (that code) is a success."""
    unless([gone], lambda: retrying(call, ["DependencyViolation"], action))


def until(call: Call, what: str, state: Callable[[], str], wanted: str, seconds: float = 600) -> None:
    """Waits until the state is the wanted one. Raises ProviderError in the end."""
    end = time.monotonic() + (call.timeout or seconds)
    while (now := state()) != wanted:
        if time.monotonic() > end or call.cancelled.wait(STEP):
            raise ProviderError(f"waiting for {what}: its state is {now!r}, wanted {wanted!r}")


def filters(**wanted: str | None) -> list[dict[str, Any]]:
    """EC2 filters; `_` stands for `-`, except that `__` stands for `.`. None asks for nothing."""
    return [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in wanted.items()
        if value is not None
    ]


def given(**arguments: Any) -> Values:
    """API arguments without those that are None or empty: AWS refuses empty ones."""
    return {name: value for name, value in arguments.items() if value not in (None, "", [], {})}


def with_default_tags(inputs: Values, config: Values) -> Values:
    """The provider's default tags go below the resource's own, in its inputs."""
    own = inputs.get("tags", {})
    if own is UNKNOWN:
        return inputs
    tags = {**(config.get("defaultTags") or {}).get("tags", {}), **own}
    return inputs | {"tags": tags} if tags else inputs


def tag_list(tags: Values | None) -> list[dict[str, str]]:
    """Tags in the API's form."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tag_specification(kind: str, tags: Values | None) -> list[dict[str, Any]]:
    """Tags to give while creating an object of EC2."""
    return [{"ResourceType": kind, "Tags": tag_list(tags)}] if tags else []


def read_tags(call: Call, listed: Iterable[dict[str, str]] | None) -> Values:
    """Outputs `tags` and `tagsAll`, without Amazon's own and those the provider is told to ignore."""
    ignored = call.config.get("ignoreTags") or {}
    prefixes = ("aws:", *ignored.get("keyPrefixes", ()))
    tags = {
        tag["Key"]: tag["Value"]
        for tag in listed or ()
        if not tag["Key"].startswith(prefixes) and tag["Key"] not in ignored.get("keys", ())
    }
    return {"tags": tags or None, "tagsAll": tags}


def tag_changes(state: Values, inputs: Values, key: str = "tags") -> tuple[Values, list[str]]:
    """(tags to set, keys to remove)."""
    old, new = state.get(key, {}), inputs.get(key, {})
    return {name: value for name, value in new.items() if old.get(name) != value}, sorted(old.keys() - new.keys())


def retag(ec2: Any, identifier: str, state: Values, inputs: Values, key: str = "tags") -> None:
    """Brings an EC2 object's tags from the old ones to the new ones."""
    wanted, gone = tag_changes(state, inputs, key)
    if gone:
        ec2.delete_tags(Resources=[identifier], Tags=[{"Key": name} for name in gone])
    if wanted:
        ec2.create_tags(Resources=[identifier], Tags=tag_list(wanted))


def same_policy(text: str | None, document: Any) -> str:
    """The known text if it says the same as the document the API returned, else the document's text."""
    if text is not None and json.loads(text) == document:
        return text
    return json.dumps(document)
