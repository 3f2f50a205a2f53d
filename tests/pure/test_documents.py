"""README and docs against the code they are about.

Proves that names and tables agree. Does not prove that a sentence is true.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from components import configuration
from lab.readme import REPOSITORY, with_sections

README = (REPOSITORY / "README.md").read_text()
LAB = (REPOSITORY / "lab" / "README.md").read_text()
TROUBLESHOOTING = (REPOSITORY / "docs" / "troubleshoot.md").read_text()


def test_generated_sections_are_up_to_date() -> None:
    assert with_sections(README) == README, "run `python -m lab.readme`"


@pytest.mark.parametrize("text", [README, LAB], ids=["README.md", "lab/README.md"])
def test_every_make_target_that_is_named_exists(text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:\w+=\w+ )?make ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_key_that_is_set_in_an_example_exists() -> None:
    named = set(re.findall(r"pulumi config set (?:--\w+ )*'?(\w+)", README))
    assert named
    assert named <= set(configuration.keys())


def test_every_output_that_troubleshooting_asks_for_exists() -> None:
    named = set(re.findall(r"pulumi stack output (\w+)", TROUBLESHOOTING))
    assert named
    assert named <= exported()


def exported() -> set[str]:
    """The stack's outputs."""
    return set(re.findall(r'pulumi\.export\(\s*"(\w+)"', (REPOSITORY / "__main__.py").read_text()))


def test_every_output_is_in_the_readme_and_no_other() -> None:
    section = README.split("## Outputs")[1].split("\n## ")[0]
    rows = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == exported()


@pytest.mark.parametrize(("file", "text"), [("README.md", README), ("lab/README.md", LAB)])
def test_every_file_that_is_linked_or_named_exists(file: str, text: str) -> None:
    folder = (REPOSITORY / file).parent
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (folder / link).exists(), link
    for path in re.findall(r"`((?:lab|tests|docs|bench|components)/[\w/.]+)`", text):
        assert (REPOSITORY / path).exists(), path


def test_no_path_of_a_machine_in_any_file() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    home = re.compile(rf"/({'|'.join(('home', 'Users', 'root'))})/\w")
    for name in filter(None, files):
        path = Path(REPOSITORY / name)
        if path.is_file() and not path.is_symlink():
            assert not home.search(path.read_text(errors="ignore")), name


def test_every_word_of_ours_that_troubleshooting_quotes_is_in_the_code() -> None:
    """But for those in the words of the engine, of OCI and of Libreswan."""
    others = {"cannot be deleted", "disposable", "retransmission; will wait", "AUTHENTICATION_FAILED"}
    others |= {"NO_PROPOSAL_CHOSEN"}
    code = "\n".join(
        path.read_text()
        for folder in ("components", "commands", "host")
        for path in sorted((REPOSITORY / folder).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    )
    rows = [line.split(" | ")[0] for line in TROUBLESHOOTING.splitlines() if line.startswith("| ")]
    quoted = {words for row in rows for words in re.findall(r"`([^`]+)`", row)} - others
    assert len(quoted) > 15
    assert {words for words in quoted if words not in code} == set()
