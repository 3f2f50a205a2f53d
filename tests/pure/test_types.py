"""What the type checker reads of the SDKs: a service that it skips would be `Any`, and each use of it unchecked."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from lab.engine.project import REPOSITORY

SDKS = ("pulumi_aws", "pulumi_oci")
SOURCES = [REPOSITORY / "__main__.py", *sorted((REPOSITORY / "components").glob("*.py"))]


def services_used(source: Path) -> Iterator[str]:
    """`pulumi_aws.ec2` and the like: the packages of the SDKs that a program asks something of."""
    tree = ast.parse(source.read_text())
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and names.get(node.value.id) in SDKS:
            module = f"{names[node.value.id]}.{node.attr}"
            if find_spec(module):
                yield module


def test_every_service_that_is_used_is_read_and_no_other() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    [read] = [one["module"] for one in settings if one.get("follow_imports") == "normal"]
    used = {service for source in SOURCES for service in services_used(source)}
    assert {f"{service}.*" for service in used} == {module for module in read if module.endswith(".*")}


def test_services_are_always_reached_by_the_sdk_itself() -> None:
    """Else the test above would not see them."""
    froms = [
        f"{source.name}: {node.module}"
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(SDKS)
    ]
    assert froms == []
