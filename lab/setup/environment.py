"""The Python environment of the program, its commands, the lab and the tests: `python3 -m lab.setup.environment`.

Standard library only, because it runs before there is an environment.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import partial
from pathlib import Path

from lab.setup.cache import fingerprint, make_once
from lab.setup.steps import SetUpError, main, run, step

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements-lab.txt"
LINK = REPOSITORY / ".venv"


def environment(lock: Path = LOCK, name: str = "python", cost: str = "about a minute and 0.9 GB") -> Path:
    """The environment for a lock file and this Python, made if it is new. Raises SetUpError."""
    # ensurepip is what Debian leaves out of a Python without its venv package.
    if importlib.util.find_spec("ensurepip") is None:
        raise SetUpError(f"{sys.executable} cannot make environments: install python3-venv")
    full_name = f"{name}-{fingerprint(lock, sys.version, sys.base_prefix)}"
    return make_once(full_name, partial(_install, lock, cost))


def _install(lock: Path, cost: str, folder: Path) -> None:
    with step(f"Python environment from {lock.relative_to(REPOSITORY)} ({cost})"):
        run([sys.executable, "-m", "venv", folder])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # Compiling every module of three cloud SDKs takes longer than compiling what is imported, later.
        run([*pip, "--no-compile", "--require-hashes", "--requirement", str(lock)])


def link(folder: Path) -> None:
    """Point the checkout's `.venv` at the environment. Raises SetUpError where `.venv` is something else."""
    if LINK.exists() and not LINK.is_symlink():
        raise SetUpError(f"{LINK} is a folder that `make install` has not made: move it away and try again")
    if LINK.is_symlink() and LINK.readlink() == folder:
        return
    fresh = LINK.with_name(f".venv.{os.getpid()}")
    fresh.symlink_to(folder)
    fresh.replace(LINK)


if __name__ == "__main__":
    main(lambda: link(environment()))
