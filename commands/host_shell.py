"""Commands on the host by SSM, as far as its agent is there: what they print, for a report."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from commands.aws_view import CONTROL, PRE_SHARED_KEY, AbsentError, ec2_call
from commands.invocation import BLANK, CommandError, Invocation

DOCUMENT = "AWS-RunShellScript"
PATIENCE_SECONDS = 90.0
POLL_SECONDS = 2.0
UNFINISHED = frozenset({"Pending", "InProgress", "Delayed"})


def run_on_host(ssm: Any, instance_id: str, script: str, invocation: Invocation) -> list[str]:
    """
    The lines that a shell script prints on the host, as root; at most the 24000 characters that SSM keeps.

    Raises CommandError (no agent, no right, not finished after 90 s) or TransientError.
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html
    """
    sent = ec2_call(
        f"run a command on {instance_id} by SSM",
        ssm.send_command,
        InstanceIds=[instance_id],
        DocumentName=DOCUMENT,
        Parameters={"commands": [script]},
    )
    started = invocation.clock()
    answer: dict[str, Any] | None = None
    while answer is None or answer["Status"] in UNFINISHED:
        if invocation.clock() - started > PATIENCE_SECONDS:
            raise CommandError(f"{instance_id} has not answered by SSM after {PATIENCE_SECONDS:.0f} s")
        invocation.sleep(POLL_SECONDS)
        # AWS does not know at once of what it has just taken.
        with suppress(AbsentError):
            answer = ec2_call(
                f"read what {instance_id} answered",
                ssm.get_command_invocation,
                CommandId=sent["Command"]["CommandId"],
                InstanceId=instance_id,
            )
    text = answer["StandardOutputContent"] + answer["StandardErrorContent"]
    lines = [PRE_SHARED_KEY.sub(rf"\1{BLANK}", CONTROL.sub("", line)).rstrip() for line in text.splitlines()]
    return lines or [f"({answer['Status']}, and printed nothing)"]
