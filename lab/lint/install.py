"""actionlint, which reads GitHub's workflows as GitHub does: built from a pinned Go module, kept in the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.setup.cache import fingerprint, make_once
from lab.setup.steps import SetUpError, run, step

MODULE = Path(__file__).resolve().parent / "actionlint"
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def actionlint() -> Path:
    """The program. Raises SetUpError where it cannot be had."""
    return make_once(f"actionlint-{fingerprint(MODULE / 'go.mod', MODULE / 'go.sum')}", _build) / "actionlint"


def _build(folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise SetUpError("no go on PATH: please install Go, to build actionlint")
    # No C compiler is needed, and no flag or workspace of the user's may change what is built.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    with step("actionlint from Go modules (about half a minute)"):
        run(
            [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", folder / "actionlint", PACKAGE],
            cwd=MODULE,
            env=environment,
        )
