"""README and docs against the code they are about.

Proves that names and tables agree. Does not prove that a sentence is true.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from components import configuration
from lab.readme import REPOSITORY, with_sections

README = (REPOSITORY / "README.md").read_text()
LAB = (REPOSITORY / "lab" / "README.md").read_text()
TROUBLESHOOTING = (REPOSITORY / "docs" / "troubleshoot.md").read_text()
OPERATING = (REPOSITORY / "docs" / "operate.md").read_text()
DECISIONS = REPOSITORY / "docs" / "decisions"

WRITTEN = sorted(REPOSITORY.glob("*.md")) + sorted(
    path for folder in ("docs", "lab", "bench", "policy") for path in (REPOSITORY / folder).rglob("*.md")
)
DOCUMENTS = {str(path.relative_to(REPOSITORY)): path.read_text() for path in WRITTEN}
EVERY_DOCUMENT = pytest.mark.parametrize("name", DOCUMENTS)


def test_generated_sections_are_up_to_date() -> None:
    assert with_sections(README) == README, "run `python -m lab.readme`"


@EVERY_DOCUMENT
def test_every_make_target_that_is_named_exists(name: str) -> None:
    assert make_targets_named(DOCUMENTS[name]) <= make_targets()


def test_every_make_target_is_in_its_help() -> None:
    helped = set(re.findall(r"^([a-z-]+):.*## \S", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert helped == make_targets()
    assert {"lab", "lab-shell", "test", "bench"} <= make_targets_named(README)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def make_targets_named(text: str) -> set[str]:
    return set(re.findall(r"(?:^|`)(?:\w+=\w+ )?make ([a-z-]+)", text, re.MULTILINE))


@EVERY_DOCUMENT
def test_every_key_that_is_set_in_an_example_exists(name: str) -> None:
    assert keys_set(DOCUMENTS[name]) <= set(configuration.keys())


def test_the_search_finds_keys_that_are_set() -> None:
    """The test above could not fail otherwise."""
    assert {"compartmentId", "vpcId", "vcnRouteTableIds"} <= keys_set(README)
    assert {"tunnel1PreSharedKey", "imageRevision", "vpcCidrs", "vcnCidrs"} <= keys_set(OPERATING)
    assert keys_set("pulumi config set --path 'noSuchKey[0]' x") == {"noSuchKey"}


def keys_set(text: str) -> set[str]:
    """Keys of the program's own; those of a provider have a colon."""
    return set(re.findall(r"pulumi config (?:set|rm) (?:--\w+ )*'?(\w+)(?![\w:])", text))


@EVERY_DOCUMENT
def test_every_word_in_camel_case_is_in_the_code(name: str) -> None:
    """Keys, outputs and values are written so: a renamed one may not stay behind in a document."""
    words = set(re.findall(r"`([a-z]+[0-9]?(?:[A-Z][a-z0-9]*)+)`", DOCUMENTS[name]))
    assert {word for word in words if not re.search(rf"\b{word}\b", all_code())} == set()


@cache
def all_code() -> str:
    files = [REPOSITORY / "__main__.py", REPOSITORY / "Pulumi.yaml"]
    for folder in (".ci", ".github", "components", "commands", "host", "lab", "templates", "bench", "policy"):
        files += sorted((REPOSITORY / folder).rglob("*"))
    return "\n".join(
        path.read_text(errors="ignore") for path in files if path.is_file() and path.suffix not in (".md", ".pyc")
    )


@EVERY_DOCUMENT
def test_every_output_that_is_asked_for_exists(name: str) -> None:
    assert set(re.findall(r"pulumi stack output (\w+)", DOCUMENTS[name])) <= exported()
    assert set(re.findall(r"\$\{outputs\.(\w+)", DOCUMENTS[name])) <= exported()


def test_documents_ask_for_outputs() -> None:
    """The test above could not fail otherwise."""
    for text in (TROUBLESHOOTING, OPERATING, DOCUMENTS["Pulumi.README.md"]):
        assert re.search(r"pulumi stack output \w+", text)


def exported() -> set[str]:
    """The stack's outputs."""
    return set(re.findall(r'pulumi\.export\(\s*"(\w+)"', (REPOSITORY / "__main__.py").read_text()))


def test_every_output_is_in_the_readme_and_no_other() -> None:
    section = README.split("## Outputs")[1].split("\n## ")[0]
    rows = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == exported()


@EVERY_DOCUMENT
def test_every_file_that_is_linked_or_named_exists(name: str) -> None:
    folder, text = (REPOSITORY / name).parent, DOCUMENTS[name]
    for link, section in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        target = folder / link if link else REPOSITORY / name
        assert target.exists(), link
        assert not section or section in anchors(target.read_text()), f"{link}#{section}"
    for path in re.findall(r"`((?:lab|tests|docs|bench|components|commands|host|templates)/[\w/.-]+)`", text):
        assert (REPOSITORY / path).exists(), path


def anchors(text: str) -> set[str]:
    """What a link to a heading may be called: its words in small letters, joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    rows = re.findall(r"\[(\d{4})\]\((\1-[\w-]+\.md)\) \| (.+) \|", (DECISIONS / "README.md").read_text())
    assert [file for _, file, _ in rows] == sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert len(rows) > 7
    for number, file, title in rows:
        text = (DECISIONS / file).read_text()
        assert text.splitlines()[0] == f"# {number}: {title}"
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]


def test_every_resource_that_is_named_by_its_urn_is_a_component_or_a_child_of_one() -> None:
    parents = set(re.findall(r"aws-oci-libreswan:(\w+:\w+)(?:\$|::)", OPERATING))
    assert len(parents) == 4
    assert {parent for parent in parents if f'"aws-oci-libreswan:{parent}"' not in all_code()} == set()
    imported = set(re.findall(r"pulumi import \S+ (?:aws|oci)-([\w-]+) ", OPERATING))
    assert imported == {"address", "cpe", "connection"}
    assert {name for name in imported if f'f"{{name}}-{name}"' not in all_code()} == set()


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
    """But for those in the words of the engine, of both clouds and of Libreswan."""
    others = {"cannot be deleted", "disposable", "retransmission; will wait", "AUTHENTICATION_FAILED"}
    others |= {"NO_PROPOSAL_CHOSEN", "InvalidNetworkInterface.InUse", "DependencyViolation"}
    others |= {"the stack is currently locked", "pending operations"}
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
