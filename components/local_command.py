"""The commands of commands/ as resources: run by the command plugin, on the machine of whoever runs Pulumi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_command as command
from pulumi import ResourceOptions


def run(name: str) -> str:
    """
    Command text that is the same in every checkout: the plugin has the engine's environment and not the program's,
    so a wrapper beside the program finds the interpreter. NAME=value words before the name go before the wrapper.
    """
    *assignments, command_name = name.split()
    return " ".join([*assignments, "./commands/run", command_name])


def local_command(
    name: str,
    *,
    create: str,
    sign_in: pulumi.Output[str],
    environment: Mapping[str, pulumi.Input[str]],
    update: str | None = None,
    delete: str | None = None,
    triggers: Sequence[pulumi.Input[str]] | None = None,
    opts: ResourceOptions,
) -> command.local.Command:
    """A command of this repository; credentials reach it on its standard input, as one secret."""
    return command.local.Command(
        name,
        create=run(create),
        # Without an update of its own the plugin runs create again when an input changes.
        update=run(update) if update else None,
        delete=run(delete) if delete else None,
        environment=environment,
        stdin=sign_in,
        triggers=triggers,
        # Progress goes to standard error; the result is for the program.
        logging=command.local.Logging.STDERR,
        opts=opts,
    )
