"""The engine wrapper, on a small program of its own: steps, diffs, state, secrets, two projects at once.

Does not prove anything of the project's program, nor that a provider can be attached.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.engine.install import engine_folder
from lab.engine.project import REPOSITORY, Project, Running
from lab.engine.result import EngineError, Operation

PROGRAM = """
import os, time
from pathlib import Path

import pulumi

config = pulumi.Config()
stash = pulumi.Stash("kept", input=config.require("value"))
pulumi.export("kept", stash.output)
pulumi.export("token", config.get_secret("token"))
pulumi.export("loop", config.get_object("tunnel"))
pulumi.export("aws", os.environ.get("AWS_ENDPOINT_URL"))
pulumi.export("profile", os.environ.get("AWS_PROFILE"))
if config.get_bool("hang") and not pulumi.runtime.is_dry_run():
    Path("hanging").touch()
    time.sleep(600)
"""

STASH = "pulumi:index:Stash"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config:\n  small:value: first\n")
    (folder / "Pulumi.other.yaml").write_text("config:\n  small:value: of another stack\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return folder


@pytest.fixture
def project(tmp_path: Path, repository: Path) -> Project:
    made = Project(tmp_path / "a", repository=repository)
    made.stack_init().check()
    return made


def test_steps_changes_outputs_and_state(project: Project) -> None:
    first = project.up().check()
    assert first.operations() == [
        Operation("create", "pulumi:pulumi:Stack", "small-dev"),
        Operation("create", STASH, "kept"),
    ]
    assert project.outputs() == {"kept": "first"}
    assert project.preview("--expect-no-changes").check().operations() == []

    project.config_set("value", "second").check()
    changed = project.preview()
    assert changed.ok
    assert changed.operations() == [Operation("update", STASH, "kept")]
    assert [(change.name, change.path, change.kind) for change in changed.changes()] == [("kept", "input", "update")]
    assert not project.preview("--expect-no-changes").ok

    assert [resource["type"] for resource in project.export()["deployment"]["resources"]] == [
        "pulumi:pulumi:Stack",
        "pulumi:providers:pulumi",
        STASH,
    ]
    assert project.destroy().check().operations() == [
        Operation("delete", STASH, "kept"),
        Operation("delete", "pulumi:pulumi:Stack", "small-dev"),
    ]
    assert "resources" not in project.export()["deployment"]


def test_secrets_and_paths_in_config(project: Project) -> None:
    project.config_set("token", "s3cret-value", secret=True).check()
    project.config_set("tunnel.dpd", "true", path=True).check()
    project.config_set("tunnel.gone", "1", path=True).check()
    project.config_remove("tunnel.gone", path=True).check()
    project.up().check()
    assert "s3cret-value" not in project.stack_file.read_text()
    assert project.outputs() == {"kept": "first", "token": "[secret]", "loop": {"dpd": True}}
    assert project.outputs(show_secrets=True)["token"] == "s3cret-value"


def test_a_failing_program_says_why(project: Project) -> None:
    project.config_remove("value").check()
    result = project.up()
    assert not result.ok
    with pytest.raises(EngineError, match="^pulumi up .*ended with 1:"):
        result.check()
    assert any("Missing required configuration variable 'small:value'" in line for line in result.messages())


def test_only_what_is_given_reaches_the_program(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")
    made = Project(tmp_path / "a", repository=repository, environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    made.stack_init().check()
    made.up().check()
    assert made.outputs() == {"kept": "first", "aws": "http://127.0.0.1:9"}
    assert sorted(item.name for item in made.directory.iterdir()) == [
        ".venv",
        "Pulumi.dev.yaml",
        "Pulumi.yaml",
        "__main__.py",
        "__pycache__",
    ]


def test_the_repositorys_stack_file_stays_as_it_is(project: Project, repository: Path) -> None:
    before = (repository / "Pulumi.dev.yaml").read_text()
    project.config_set("value", "mine").check()
    assert (repository / "Pulumi.dev.yaml").read_text() == before
    assert "encryptionsalt" in project.stack_file.read_text()


def test_the_plugins_environment_has_the_engine_but_no_virtual_environment(project: Project) -> None:
    folders = project.environment["PATH"].split(os.pathsep)
    assert folders[0] == str(engine_folder())
    assert not [folder for folder in folders if (Path(folder).parent / "pyvenv.cfg").exists()]
    assert project.environment["PWD"] == str(project.directory)


def test_two_projects_run_at_the_same_time(project: Project, tmp_path: Path, repository: Path) -> None:
    other = Project(tmp_path / "b", repository=repository)
    other.stack_init().check()
    other.config_set("value", "b").check()
    both = [made.start("up", "--yes", "--skip-preview", "--stack", "dev") for made in (project, other)]
    assert [running.wait().exit_code for running in both] == [0, 0]
    assert [made.outputs()["kept"] for made in (project, other)] == ["first", "b"]


def test_a_killed_engine_leaves_no_process_but_a_lock(project: Project) -> None:
    project.config_set("hang", "true").check()
    running = _hanging(project)
    running.kill()
    assert running.wait().exit_code == -signal.SIGKILL
    assert not [status for status in Path("/proc").glob("[0-9]*/cwd") if _points_to(status, project.directory)]
    assert "the stack is currently locked" in project.up().text
    project.run("cancel", "--yes", "--stack", "dev").check()
    project.config_set("hang", "false").check()
    assert Operation("create", STASH, "kept") in project.up().check().operations()


def test_an_engine_that_takes_too_long_is_ended(project: Project) -> None:
    project.config_set("hang", "true").check()
    running = _hanging(project)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=0.1)
    assert running.process.wait(timeout=5) == -signal.SIGKILL


def _hanging(project: Project) -> Running:
    """An `up` whose program has begun to hang."""
    running = project.start("up", "--yes", "--skip-preview", "--stack", "dev")
    deadline = time.monotonic() + 60
    while not (project.directory / "hanging").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return running


def _points_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:  # a process that has ended, or another user's
        return False


def test_a_killed_engine_leaves_no_state_that_cannot_be_read(project: Project) -> None:
    """It may leave an empty file of attributes where it writes such ones: what docs/troubleshoot.md says of it."""
    assert not list(project.folder.rglob("*.attrs"))
    [state] = project.folder.glob("state/.pulumi/stacks/*/dev.json")
    (empty := state.with_name("dev.json.attrs")).touch()
    assert project.run("stack", "ls").text.splitlines()[-1] == "error: EOF"
    empty.unlink()
    project.run("stack", "ls").check()
