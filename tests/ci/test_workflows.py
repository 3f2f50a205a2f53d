"""The workflows: what linters say, and the rules that this repository has for them.

Does not prove that GitHub runs them so: no run on GitHub has been seen.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.__main__ import parser
from lab.engine.project import REPOSITORY
from lab.lint.install import actionlint

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((REPOSITORY / ".github" / "actions").glob("*/action.yml"))
BIN = Path(sys.executable).parent
UNTRUSTED = re.compile(r"\$\{\{")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
CLOUD = [path for path in WORKFLOWS if path.name != "checks.yml"]


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def events(path: Path) -> dict[str, Any]:
    # YAML 1.1, which this parser speaks, takes the key `on` for true.
    found: dict[str, Any] = read(path)[True]
    return found


def jobs(path: Path) -> list[dict[str, Any]]:
    return list(read(path)["jobs"].values())


def steps(path: Path) -> list[dict[str, Any]]:
    if path.name == "action.yml":
        found: list[dict[str, Any]] = read(path)["runs"]["steps"]
        return found
    return [step for job in jobs(path) for step in job["steps"]]


def names(paths: list[Path]) -> list[str]:
    return [path.parent.name if path.name == "action.yml" else path.stem for path in paths]


def test_actionlint_and_shellcheck_have_nothing_to_say() -> None:
    done = subprocess.run(
        [actionlint(), "-shellcheck", BIN / "shellcheck", "-pyflakes=", *WORKFLOWS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_actionlint_finds_a_fault(tmp_path: Path) -> None:
    """The control of the test above."""
    spoilt = tmp_path / "spoilt.yml"
    spoilt.write_text(WORKFLOWS[0].read_text().replace("runs-on: ubuntu-24.04", "runs-on: ubuntu-0.0"))
    done = subprocess.run([actionlint(), spoilt], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ubuntu-0.0" in done.stdout


def test_zizmor_finds_nothing_that_an_attacker_could_use() -> None:
    done = subprocess.run(
        [BIN / "zizmor", "--offline", "--no-progress", "--color", "never", REPOSITORY / ".github"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_a_fault(tmp_path: Path) -> None:
    """The control of the test above."""
    spoilt = tmp_path / "spoilt.yml"
    spoilt.write_text(re.sub(r"@[0-9a-f]{40}", "@main", WORKFLOWS[0].read_text()))
    done = subprocess.run([BIN / "zizmor", "--offline", spoilt], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "unpinned-uses" in done.stdout


def test_shellcheck_has_nothing_to_say_of_the_script() -> None:
    done = subprocess.run(
        [BIN / "shellcheck", "--shell=sh", REPOSITORY / "ci" / "run"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=names([*WORKFLOWS, *ACTIONS]))
def test_actions_are_pinned_by_commit_and_say_their_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    foreign = [one for one in used if not one.startswith("./")]
    assert all(PINNED.fullmatch(one) for one in foreign), foreign
    lines = [line for line in path.read_text().splitlines() if "uses:" in line and "./" not in line]
    assert all(re.search(r" # v\d+\.\d+\.\d+$", line) for line in lines), lines


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=names([*WORKFLOWS, *ACTIONS]))
def test_a_step_is_one_line_without_an_expression_in_it(path: Path) -> None:
    """More is a script, which runs locally; and what GitHub puts into a script's text, anybody may have written."""
    scripts = [step["run"] for step in steps(path) if "run" in step]
    assert [one for one in scripts if "\n" in one.strip() or UNTRUSTED.search(one) or re.search("[;|]|&&", one)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_every_script_and_every_argument_exists(path: Path) -> None:
    """What a workflow hands to ci/run is what ci/run takes."""
    for script in (step["run"] for step in steps(path) if "run" in step):
        program, *arguments = script.split()
        if program == "make":
            assert re.search(rf"^{arguments[0]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        else:
            assert program == "ci/run"
            numbers = ["1" if "PULL_REQUEST" in one else one for one in arguments]
            parser().parse_args(numbers)


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_rights_are_given_by_job_and_never_to_change_the_code(path: Path) -> None:
    assert read(path)["permissions"] == {}
    assert "pull_request_target" not in events(path)
    for job in jobs(path):
        assert job["permissions"].pop("contents") == "read"
        assert set(job["permissions"]) <= {"id-token", "issues", "pull-requests"}
        assert all(step["with"]["persist-credentials"] is False for step in job["steps"] if "checkout" in str(step))


def test_forks_get_checks_only() -> None:
    on_pull_requests = {path.name: path for path in WORKFLOWS if "pull_request" in events(path)}
    assert set(on_pull_requests) == {"checks.yml", "preview.yml", "test-environment.yml"}
    checks = on_pull_requests.pop("checks.yml")
    assert jobs(checks)[0]["permissions"] == {"contents": "read"}
    assert "secrets" not in checks.read_text()
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    assert all(same in job["if"] for path in on_pull_requests.values() for job in jobs(path))


@pytest.mark.parametrize("path", CLOUD, ids=names(CLOUD))
def test_what_changes_a_cloud_is_never_cancelled_and_has_a_github_environment(path: Path) -> None:
    for job in jobs(path):
        assert job["environment"]
        changes = any("ci/run" in str(step) and "preview" not in str(step.get("run")) for step in job["steps"])
        concurrency = job.get("concurrency") or read(path)["concurrency"]
        assert concurrency["cancel-in-progress"] is not changes
        assert "vars.STACKS != ''" in job["if"], "nothing runs red in a repository that is not set up"


def test_deployment_and_drift_of_a_stack_do_not_run_at_the_same_time() -> None:
    groups = {
        job["concurrency"]["group"] for path in WORKFLOWS if path.stem in ("deploy", "drift") for job in jobs(path)
    }
    assert groups == {"stack-${{ matrix.stack }}"}


def test_the_engine_is_that_of_the_lock() -> None:
    [version] = {step["with"]["pulumi-version"] for step in steps(ACTIONS[0]) if "pulumi/actions" in str(step)}
    assert f"\npulumi=={version} " in (REPOSITORY / "requirements.txt").read_text()
