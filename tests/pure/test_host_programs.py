"""The programs that are shipped to the host: that a shell, a linter and the oldest host's Python can read them.

Does not prove what they do (tests/host does, and the lab).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.host_files import host_files, program
from tests.pure.facts import host_facts

ROOT = Path(__file__).resolve().parents[2]
SHELL = ["host/boot", "host/vpn-status", "commands/run", ".ci/run"]
KEEPER = sorted(path.name for path in (ROOT / "host" / "keeper").glob("*.py"))
# What only the programs that speak to AWS need, and only when they run.
AWS = {(program, module) for program in ("keys.py", "telemetry.py") for module in ("boto3", "botocore")}


def parsed(name: str) -> ast.Module:
    """As Python 3.9 reads it: RHEL 9 and its kin, and Amazon Linux, have no other."""
    return ast.parse((ROOT / "host" / "keeper" / name).read_text(encoding="utf-8"), name, feature_version=(3, 9))


def imported(tree: ast.AST) -> Iterator[str]:
    """The first name of each module that is imported anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module is not None
            yield node.module.split(".")[0]


@pytest.mark.parametrize("script", SHELL)
def test_a_posix_shell_can_read_it(script: str) -> None:
    done = subprocess.run(["sh", "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", SHELL)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    """SC1091: host.env is on the host only. SC2086: a list of packages is meant to be split."""
    shellcheck = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run(
        [shellcheck, "--shell=sh", "--exclude=SC1091,SC2086", ROOT / script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", KEEPER)
class TestKeeper:
    def test_it_has_no_syntax_that_the_oldest_host_does_not_know(self, name: str) -> None:
        assert parsed(name).body

    def test_it_evaluates_no_annotation(self, name: str) -> None:
        """`int | None` is syntax for Python 3.9, and a TypeError when it runs."""
        annotated = any(isinstance(node, ast.FunctionDef | ast.AnnAssign) for node in ast.walk(parsed(name)))
        assert not annotated or "__future__" in imported(parsed(name))

    def test_it_gives_no_argument_that_the_oldest_host_does_not_know(self, name: str) -> None:
        """zip(strict=), dataclass(slots=, kw_only=) are of Python 3.10."""
        given = {
            (call.func.id, keyword.arg)
            for call in ast.walk(parsed(name))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
            for keyword in call.keywords
        }
        assert given & {("zip", "strict"), ("dataclass", "slots"), ("dataclass", "kw_only")} == set()

    def test_it_needs_nothing_but_the_standard_library(self, name: str) -> None:
        others = {(name, module) for module in imported(parsed(name))} - AWS
        assert {module for _, module in others} <= {*sys.stdlib_module_names, "keeper"}

    def test_at_the_top_not_even_those_two_are_imported(self, name: str) -> None:
        top = [node for node in parsed(name).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert {(name, module) for node in top for module in imported(node)} & AWS == set()


def test_the_programs_for_aws_import_both() -> None:
    """So that what is let through above is really there."""
    assert {(name, module) for name, _ in AWS for module in imported(parsed(name))} >= AWS


FOLDER = "/usr/local/lib/aws-oci-libreswan/"


def shipped() -> dict[str, str]:
    """The keeper's files as the host has them, by name."""
    place = f"{FOLDER}keeper/"
    return {
        file.path.removeprefix(place): file.content
        for file in host_files(host_facts(log_group="/libreswan/project/stack"))
        if file.path.startswith(place)
    }


class WithoutStrings(ast.NodeTransformer):
    """Takes away what is a string and nothing else: docstrings, and what stands below a constant."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:  # noqa: N802 as ast calls it
        is_string = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_string else node


def test_every_module_is_shipped_and_nothing_else() -> None:
    assert sorted(shipped()) == KEEPER


@pytest.mark.parametrize("name", KEEPER)
def test_what_is_shipped_is_the_same_program(name: str) -> None:
    assert ast.dump(ast.parse(shipped()[name], feature_version=(3, 9))) == ast.dump(
        WithoutStrings().visit(parsed(name))
    )


@pytest.mark.parametrize("name", KEEPER)
def test_what_is_shipped_has_no_comment_of_its_own_line(name: str) -> None:
    assert [line for line in shipped()[name].splitlines() if line.lstrip().startswith(("#", '"""'))] == []


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ('"""About it."""\n\nimport os\n', "import os\n"),
        ('A = 1\n"""What it is,\nand why."""\nB = 2\n', "A = 1\nB = 2\n"),
        ("# One\nA = 1  # stays\n    # two\n", "A = 1  # stays\n"),
        ("A = 1\n\n\n\nB = 2\n", "A = 1\n\nB = 2\n"),
        ('A = """it\nstays"""\n', 'A = """it\nstays"""\n'),
    ],
)
def test_what_is_left_out(source: str, left: str) -> None:
    assert program(source) == left


def test_what_is_shipped_loads_on_a_host_without_boto3(tmp_path: Path) -> None:
    """By an interpreter without this project's packages."""
    for name, text in shipped().items():
        (tmp_path / "keeper").mkdir(exist_ok=True)
        (tmp_path / "keeper" / name).write_text(text)
    modules = [f"keeper.{name.removesuffix('.py')}" for name in KEEPER if name != "__init__.py"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", "import sys; sys.path.insert(0, '.'); import " + ", ".join(modules)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
