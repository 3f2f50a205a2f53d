"""`pytest tests/pure --write-golden` writes the golden files from what is rendered now; read the diff afterwards."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write tests/pure/golden from what is rendered now")
