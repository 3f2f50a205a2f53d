"""Parameters, stdin and exit codes of the commands: what is taken, what is refused and how it is said.

Does not prove what the command plugin passes; the engine's tests do.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import __main__ as program
from commands.invocation import CommandError, Invocation, SignInSettings

ROOT = Path(program.__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("text", "oci", "aws"),
    [
        ("", {}, {}),
        ("  \n", {}, {}),
        ("{}", {}, {}),
        (
            '{"oci": {"region": "r", "disableAutoRetries": true, "auth": null}}',
            {"region": "r", "disableAutoRetries": "true"},
            {},
        ),
        ('{"oci": {}, "aws": {"assumeRoles": [{"roleArn": "x"}]}}', {}, {"assumeRoles": [{"roleArn": "x"}]}),
    ],
)
def test_settings_from_stdin(text: str, oci: dict[str, str], aws: dict[str, object]) -> None:
    settings = SignInSettings.parse(text)
    assert (settings.oci, settings.aws) == (oci, aws)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hunter2", "stdin is refused: it must be empty or a JSON object"),
        ("[]", 'stdin is refused: it must be a JSON object {"oci": {…}, "aws": {…}}'),
        ('{"oci": "hunter2"}', 'stdin is refused: it must be a JSON object {"oci": {…}, "aws": {…}}'),
        ('{"oic": {"a": "hunter2"}}', "stdin is refused: only the keys oci and aws are known, not oic"),
    ],
)
def test_refused_stdin_is_not_quoted(text: str, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        SignInSettings.parse(text)
    assert str(refused.value) == message


def test_secrets_are_masked_and_have_no_representation(pem: str) -> None:
    settings = SignInSettings(
        oci={"privateKey": pem, "privateKeyPassword": "hunter2", "region": "eu-frankfurt-1"},
        aws={"secretKey": "abcdEFGH", "token": "abcdEFGHijkl"},
    )
    line = pem.splitlines()[1]
    said = settings.masked(f"{pem}|{line}|hunter2|abcdEFGH|abcdEFGHijkl|eu-frankfurt-1")
    assert said == "[secret]|[secret]|[secret]|[secret]|[secret]|eu-frankfurt-1"
    assert repr(settings) == "SignInSettings()"


def test_a_key_on_one_line_is_masked_too(pem: str) -> None:
    settings = SignInSettings(oci={"privateKey": pem.replace("\n", "\\n")})
    assert settings.masked(pem.splitlines()[2]) == "[secret]"


def test_a_password_of_three_letters_does_not_blank_words() -> None:
    assert SignInSettings(aws={"token": "the"}).masked("the end") == "the end"


@pytest.mark.parametrize(
    ("method", "environment", "message"),
    [
        ("text", {}, "X is missing: the command needs it in its environment"),
        ("text", {"X": " "}, "X is missing: the command needs it in its environment"),
        ("seconds", {"X": "soon"}, "X: 'soon' is refused: it must be a positive number of seconds"),
        ("seconds", {"X": "0"}, "X: '0' is refused: it must be a positive number of seconds"),
        ("seconds", {"X": "-3"}, "X: '-3' is refused: it must be a positive number of seconds"),
        ("seconds", {"X": "inf"}, "X: 'inf' is refused: it must be a positive number of seconds"),
        ("seconds", {"X": "nan"}, "X: 'nan' is refused: it must be a positive number of seconds"),
        ("networks", {"X": ""}, "X is missing: the command needs it in its environment"),
        (
            "networks",
            {"X": "10.0.0.0/16,10.1.0.1/16"},
            "X: '10.1.0.1/16' is refused: it must be an IPv4 CIDR without host bits",
        ),
        ("flag", {"X": "yes"}, "X: 'yes' is refused: it must be true or false"),
    ],
)
def test_refused_parameters(desk: Any, method: str, environment: dict[str, str], message: str) -> None:
    invocation: Invocation = desk.invocation(environment)
    with pytest.raises(CommandError) as refused:
        getattr(invocation, method)("X")
    assert str(refused.value) == message


def test_parameters(desk: Any) -> None:
    given = desk.invocation(
        {"A": " a ", "S": "12.5", "N": "10.0.0.0/16, 10.1.0.0/16", "F": "True", "L": "rtb-1,,rtb-2"}
    )
    assert given.text("A") == "a"
    assert given.seconds("S") == 12.5
    assert [str(network) for network in given.networks("N")] == ["10.0.0.0/16", "10.1.0.0/16"]
    assert (given.flag("F"), given.flag("G")) == (True, False)
    assert (given.items("L"), given.items("M")) == (("rtb-1", "rtb-2"), ())


def run_main(monkeypatch: pytest.MonkeyPatch, command: Any, stdin: str = "") -> tuple[int, str, str]:
    monkeypatch.setitem(program.COMMANDS, "wait-for-tunnels", command)
    out, err = io.StringIO(), io.StringIO()
    code = program.main(["wait-for-tunnels"], {}, io.StringIO(stdin), out, err)
    return code, out.getvalue(), err.getvalue()


def test_answer_goes_to_stdout_and_progress_masked_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(invocation: Invocation) -> None:
        invocation.tell("waiting with hunter2")
        invocation.answer("[]")

    stdin = '{"aws": {"secretKey": "hunter2"}}'
    assert run_main(monkeypatch, command, stdin) == (0, "[]\n", "waiting with [secret]\n")


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (CommandError("no: hunter2"), 1, "wait-for-tunnels: no: [secret]\n"),
        (RuntimeError("two\nlines, hunter2"), 1, "wait-for-tunnels: unexpected RuntimeError: two lines, [secret]\n"),
        (KeyboardInterrupt(), 130, "wait-for-tunnels: interrupted\n"),
    ],
)
def test_failures_are_told_without_traceback_or_secret(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int, message: str
) -> None:
    def command(_: Invocation) -> None:
        raise failure

    assert run_main(monkeypatch, command, '{"aws": {"token": "hunter2"}}') == (code, "", message)


def test_refused_stdin_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run_main(monkeypatch, lambda invocation: None, "nonsense")
    assert (code, out) == (1, "")
    assert err == "wait-for-tunnels: stdin is refused: it must be empty or a JSON object\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["add-rule", "remove-rule"]])
def test_usage(arguments: list[str]) -> None:
    err = io.StringIO()
    assert program.main(arguments, {}, io.StringIO(), io.StringIO(), err) == 2
    names = "wait-for-tunnels|check-tunnels|add-rule|remove-rule|doctor|field-report"
    assert err.getvalue() == f"usage: commands/run {names}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A second checkout, with a blank in its path."""
    root = tmp_path / "second checkout"
    shutil.copytree(ROOT / "commands", root / "commands", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def run_wrapper(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./commands/run", *arguments],
        cwd=root,
        env={"PATH": "/usr/bin:/bin"},  # the engine's: no virtual environment in it
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wrapper_says_what_is_missing(checkout: Path) -> None:
    done = run_wrapper(checkout, "wait-for-tunnels")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "commands/run: no interpreter .venv/bin/python beside commands/: "
        "run 'make install' or 'pulumi install' in the project first\n"
    )


def test_wrapper_uses_the_projects_interpreter_wherever_the_project_is(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = run_wrapper(checkout, "wait-for-tunnels")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "wait-for-tunnels: IPSEC_ID is missing: the command needs it in its environment\n"


def test_wrapper_is_executable() -> None:
    assert os.access(ROOT / "commands" / "run", os.X_OK)
