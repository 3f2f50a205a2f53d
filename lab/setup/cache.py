"""Folders that are slow to make: kept outside the repository, made once, also by two runs at the same time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.setup.steps import say

PROJECT = "aws-oci-libreswan"

# Written last: a folder without it was left by a run that was interrupted.
READY = ".ready"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/aws-oci-libreswan`, or `~/.cache/…` where that is not set (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / PROJECT


def fingerprint(*parts: str | Path) -> str:
    """Twelve hex digits that change when a text, or the content of a file, does."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


def make_once(name: str, build: Callable[[Path], None]) -> Path:
    """
    The cache's folder `name`, filled by `build(folder)` unless an earlier run has done that to the end.

    The folder is built where it stays, because a Python environment cannot be moved. It counts only once
    its mark is there; what an interrupted run left is thrown away. A second run waits for the first.
    """
    folder = cache_folder() / name
    if (folder / READY).exists():
        return folder
    with _lock(cache_folder() / "locks" / name):
        if (folder / READY).exists():
            return folder
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        build(folder)
        (folder / READY).touch()
    return folder


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f".. waiting for another run that makes {path.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
