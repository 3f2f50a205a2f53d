"""doctor: looks at the user's own accounts before the first `up`, and says what would go wrong. Changes nothing.

It judges by the same functions as the program's own refusals, and signs in as the proof does. What it cannot see it
says: rights to create, capacity, and whether packets cross.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from ipaddress import IPv4Network

from commands import doctor_aws, doctor_oci
from commands.checks import Row, Verdict, both, row, seen, table, then
from commands.invocation import CommandError, Invocation
from commands.stack import Stack, read_stack
from components import configuration
from components.configuration import SettingError
from components.rules import network_faults
from components.settings import Settings


def run(invocation: Invocation) -> None:
    """
    Reads STACK, else the selected stack; answers a table of checks: ok, wrong or could not look, and what to do.

    Raises CommandError when something is wrong, or the stack's settings cannot be read.
    """
    stack = read_stack(invocation)
    rows = examine(stack, invocation.environment, time.time())
    invocation.answer(stack.masked(table(rows)))
    wrong = [each.check for each in rows if each.state == "wrong"]
    if wrong:
        raise CommandError(f"{len(wrong)} of {len(rows)} checks of stack {stack.name} are wrong: {', '.join(wrong)}")


def examine(stack: Stack, environment: Mapping[str, str], now: float) -> list[Row]:
    """All rows. `now`: seconds since 1970."""
    settings = then("configuration", stack, read_settings)
    account = then("AWS sign-in", stack, lambda given: doctor_aws.sign_in(given, environment))
    tenancy = then("OCI sign-in", settings, lambda given: doctor_oci.sign_in(stack, given, environment))
    vpc = doctor_aws.look_at_vpc(account, settings, stack.tags)
    vcn = doctor_oci.look_at_vcn(tenancy, settings, stack.tags)
    vpc_cidrs = then(
        "addresses", both(settings, vpc), lambda given: given[1].cidrs if given[1] else given[0].aws.vpc_cidrs
    )
    vcn_cidrs = then(
        "addresses", both(settings, vcn), lambda given: given[1].cidrs if given[1] else given[0].oci.vcn_cidrs
    )
    return [
        row("configuration", seen(settings, lambda _: Verdict(f"stack {stack.name}")), "`pulumi config set` that key"),
        *doctor_aws.rows(account, settings, vpc, vcn_cidrs, stack, environment, now),
        *doctor_oci.rows(tenancy, settings, vcn, vpc_cidrs, stack, environment, now),
        row(
            "addresses",
            then(
                "addresses", both(both(vpc_cidrs, vcn_cidrs), settings), lambda given: _addresses(*given[0], given[1])
            ),
            "networks that are joined share no address: other CIDRs, or another network",
        ),
    ]


def read_settings(stack: Stack) -> Settings:
    """As the program reads them. Raises LookupError with every fault."""
    try:
        return configuration.parse(*stack.values(stack.project))
    except SettingError as refused:
        raise LookupError(str(refused)) from None


def _addresses(vpc_cidrs: tuple[IPv4Network, ...], vcn_cidrs: tuple[IPv4Network, ...], settings: Settings) -> Verdict:
    inside, public = settings.tunnel.inside_cidrs, settings.stack.allow_public_cidrs
    networks = f"{', '.join(map(str, vpc_cidrs))} and {', '.join(map(str, vcn_cidrs))}"
    return Verdict.of(networks, network_faults(vpc_cidrs, vcn_cidrs, inside, allow_public=public))
