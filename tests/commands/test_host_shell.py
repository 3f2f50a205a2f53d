"""Asking a host by SSM, with an AWS that answers when it likes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from commands.host_shell import run_on_host
from commands.invocation import CommandError


class Ssm:
    """Gives these answers one after the other, the last one for ever; a text is the code of an error."""

    def __init__(self, *answers: dict[str, str] | str) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def send_command(self, **asked: Any) -> dict[str, Any]:
        self.sent.append(asked)
        return {"Command": {"CommandId": "c"}}

    def get_command_invocation(self, **asked: Any) -> dict[str, str]:
        assert asked == {"CommandId": "c", "InstanceId": "i-1"}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": ""}}, "GetCommandInvocation")
        return {"StandardOutputContent": "", "StandardErrorContent": "", **answer}


def test_it_waits_for_the_answer(desk: Any) -> None:
    said = {"Status": "Failed", "StandardOutputContent": "a\x1b[1mb\n\n", "StandardErrorContent": "c : PSK x\n"}
    ssm = Ssm("InvocationDoesNotExist", {"Status": "Pending"}, {"Status": "InProgress"}, said)
    assert run_on_host(ssm, "i-1", "vpn-status", desk.invocation()) == ["ab", "", "c : PSK [secret]"]
    assert desk.now == 1008.0
    [sent] = ssm.sent
    assert sent["Parameters"] == {"commands": ["vpn-status"]}


def test_a_host_that_prints_nothing(desk: Any) -> None:
    assert run_on_host(Ssm({"Status": "Success"}), "i-1", "true", desk.invocation()) == [
        "(Success, and printed nothing)"
    ]


def test_a_host_that_never_answers(desk: Any) -> None:
    with pytest.raises(CommandError, match=r"^i-1 has not answered by SSM after 90 s$"):
        run_on_host(Ssm({"Status": "InProgress"}), "i-1", "true", desk.invocation())
    assert 1090 < desk.now < 1095


def test_a_right_that_is_missing(desk: Any) -> None:
    with pytest.raises(CommandError, match="^cannot read what i-1 answered: AWS says AccessDenied: $"):
        run_on_host(Ssm("AccessDenied"), "i-1", "true", desk.invocation())
