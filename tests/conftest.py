"""What every test runs under, and in which order the files go to the workers."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.record import Seen, document

# An Output turned into text is a mistake: the SDK then raises instead of writing a warning into a resource.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

# The SDKs of two clouds live to the end: to look for garbage among them as often as usual is a fifth of many tests.
gc.set_threshold(50_000)

# Beside machines that boot, one example may take any time.
settings.register_profile("beside machines", deadline=None)
settings.load_profile("beside machines")

# One file is one worker's. The longest go first, longest of all in front, so that no worker ends with one of them
# while the others have nothing left to do.
LONGEST = (
    "engine/test_life_of_a_stack.py",
    "ci/test_sweep_of_the_clouds.py",
    "engine/test_lab_command.py",
    "ci/test_life_on_github.py",
    "engine/test_destroy_and_faults.py",
    "engine/test_secrets.py",
    "engine/test_killed_engine.py",
    "engine/test_given_networks.py",
    "policy/test_pack_in_the_engine.py",
    "engine/test_proof.py",
    "engine/test_refusals.py",
    "engine/test_engine_runs.py",
    "commands/test_commands_and_clouds.py",
    "engine/test_two_ups_are_equal.py",
    "engine/test_watching.py",
    "fabric/test_truth_table.py",
    "fabric/test_other_stacks.py",
)
_PLACES = {name: place for place, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within a file the order stays: some are a story. `--no-loadscope-reorder` lets xdist keep this order."""
    items.sort(key=lambda item: _PLACES.get("/".join(item.path.parts[-2:]), len(LONGEST)))


class ByLab(LoadScopeScheduling):  # type: ignore[misc]  # Its base has no types.
    """What shares a lab, which takes minutes to come up, is one worker's: a file of boots/, or one test of pairwise."""

    def _split_scope(self, nodeid: str) -> str:
        # The name of a test may have colons too.
        return nodeid if "test_pairwise" in nodeid else nodeid.partition("::")[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", metavar="FILE", type=Path, help="write what was seen, with its date, as Markdown")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured, which their passing does not say; and all of it into a file where one is asked for."""
    reports = [one for kind in ("passed", "failed", "error") for one in terminalreporter.stats.get(kind, [])]
    seen = [Seen(name=one.nodeid, outcome=one.outcome, seconds=one.duration, measured=measured(one)) for one in reports]
    if lines := [line for one in seen for line in one.measured]:
        terminalreporter.section("measured")
        terminalreporter.write("\n".join([*lines, ""]))
    config = terminalreporter.config
    # A worker of xdist's comes here too, and knows its own tests only.
    if (file := config.getoption("--record")) and seen and not hasattr(config, "workerinput"):
        host = [f"LAB_HOST_OS={os.environ['LAB_HOST_OS']}"] if "LAB_HOST_OS" in os.environ else []
        command = " ".join([*host, "pytest", *config.invocation_params.args])
        file.write_text(document(command, f"{date.today()}, {platform.machine()}, {commit()}", seen))


def measured(report: pytest.TestReport) -> list[str]:
    return [str(value) for name, value in report.user_properties if name == "measured"]


def commit() -> str:
    """Which state of the project this is. What such runs write themselves is no change of it."""
    name = git("describe", "--always")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench")
    return f"commit {name}{' with changes' if changed else ''}" if name else "no commit"


def git(*arguments: str) -> str:
    """What git prints; nothing where it fails."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """`--dist loadscope` is by lab here; the other kinds stay what they are."""
    return ByLab(config, log) if config.getvalue("dist") == "loadscope" else None
