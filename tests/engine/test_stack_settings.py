"""What the real engine tells of a stack's configuration outside a run: the same as it hands to the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.invocation import CommandError, Invocation, SignInSettings
from commands.stack import read_outputs, read_stack
from components import configuration
from lab.engine.project import Project


def test_settings_of_a_stack_outside_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path)
    project.stack_init().check()
    project.config_set("compartmentId", "ocid1.compartment.oc1..aaa").check()
    project.config_set("tags.team", "networks", path=True).check()
    project.config_set("tunnel1PreSharedKey", "k" * 40, secret=True).check()
    project.config_set("oci:privateKeyPassword", "hunter2hunter2", secret=True).check()
    monkeypatch.chdir(project.directory)
    stack = read_stack(invocation(project))
    settings = configuration.parse(*stack.values(stack.project))
    assert (stack.project, stack.name) == ("aws-oci-libreswan", "dev")
    assert settings.stack.tags == {"team": "networks"}
    assert settings.stack.disposable
    assert [str(network) for network in settings.aws.client_subnet_cidrs] == ["10.0.1.0/24"]
    key = settings.tunnel.tunnel1_pre_shared_key
    assert key is not None and key.get_secret_value() == "k" * 40
    assert stack.sign_in.oci["region"] == "us-ashburn-1"
    assert stack.sign_in.masked("hunter2hunter2") == "[secret]"
    assert "hunter2" not in repr(stack) and "kkkk" not in repr(stack)
    assert read_outputs(invocation(project), stack) == {}
    with pytest.raises(CommandError, match="failed: error: no stack named 'nope' found"):
        read_stack(invocation(project, STACK="nope"))


def invocation(project: Project, **more: str) -> Invocation:
    return Invocation(
        environment={**project.environment, **more},
        settings=SignInSettings(),
        tell=print,
        answer=print,
        clock=lambda: 0.0,
        sleep=lambda seconds: None,
    )
