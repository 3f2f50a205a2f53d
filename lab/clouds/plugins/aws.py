"""Stand-in for pulumi-aws 7.51: the types and look-ups that the program uses, by boto3, at a local server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.clouds.plugins import (
    aws_acl,
    aws_addresses,
    aws_identity,
    aws_instance,
    aws_lookups,
    aws_network,
    aws_network_lookups,
    aws_routing,
    aws_security,
    aws_watching,
)
from lab.clouds.plugins.aws_client import configured_region, explain
from lab.clouds.plugins.table import Failure, Plugin
from lab.clouds.plugins.values import Values

_TABLES = (
    aws_acl.RESOURCES,
    aws_addresses.RESOURCES,
    aws_identity.RESOURCES,
    aws_instance.RESOURCES,
    aws_network.RESOURCES,
    aws_routing.RESOURCES,
    aws_security.RESOURCES,
    aws_watching.RESOURCES,
)

_NESTED = {"defaultTags": {"tags"}, "ignoreTags": {"keys", "keyPrefixes"}}


def plugin(environment: Mapping[str, str]) -> Plugin:
    """The AWS plugin; it speaks to the server that `AWS_ENDPOINT_URL` names, and to no other."""

    def check_config(config: Values) -> Iterable[Failure]:
        if not configured_region(config, environment):
            yield Failure("region", "missing region: set aws:region, AWS_REGION or AWS_DEFAULT_REGION")
        for name, known in _NESTED.items():
            # The SDK passes the keys of a plain dict as they are, so one in snake_case must not be lost silently.
            for key in sorted((config.get(name) or {}).keys() - known):
                yield Failure(name, f"{name}: unknown key {key!r}; known are {', '.join(sorted(known))}")

    return Plugin(
        name="aws",
        version="7.51.1",
        environment=environment,
        resources={token: resource for table in _TABLES for token, resource in table.items()},
        functions={**aws_lookups.FUNCTIONS, **aws_network_lookups.FUNCTIONS},
        check_config=check_config,
        config_force_new=frozenset({"region"}),
        explain=explain,
    )
