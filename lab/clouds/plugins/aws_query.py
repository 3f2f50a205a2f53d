"""Listing AWS objects for look-ups: filters, pages, exactly one."""

from __future__ import annotations

from typing import Any

from lab.clouds.plugins.aws_client import client, unless
from lab.clouds.plugins.table import Call, ProviderError
from lab.clouds.plugins.values import Values


def query_filters(arguments: Values, **fields: str) -> list[dict[str, Any]]:
    """The API's filters: those given, the tags, and each argument of `fields` under its filter name."""
    return [
        *({"Name": one["name"], "Values": one["values"]} for one in arguments.get("filters", ())),
        *({"Name": f"tag:{key}", "Values": [value]} for key, value in arguments.get("tags", {}).items()),
        *({"Name": name, "Values": [arguments[key]]} for key, name in fields.items() if arguments.get(key)),
    ]


def query(call: Call, arguments: Values, operation: str, key: str, **parameters: Any) -> list[Any]:
    """Every object the paginated operation lists; an id that does not exist lists nothing."""
    pages = client(call, "ec2", arguments).get_paginator(operation)
    found = unless(_NOT_FOUND, lambda: [one for page in pages.paginate(**parameters) for one in page[key]])
    return found or []


_NOT_FOUND = (
    "InvalidVpcID.NotFound",
    "InvalidSubnetID.NotFound",
    "InvalidRouteTableID.NotFound",
    "InvalidInternetGatewayID.NotFound",
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
)


def only(found: list[Any], what: str) -> Any:
    if not found:
        raise ProviderError(f"no matching {what} found")
    if len(found) > 1:
        raise ProviderError(
            f"multiple {what}s matched; use additional constraints to reduce matches to a single {what}"
        )
    return found[0]
