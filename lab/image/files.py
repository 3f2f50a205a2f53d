"""Files that the lab puts into an image, as a tar archive in which everything belongs to root."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def tree(folder: Path) -> dict[str, Path]:
    """The files below a folder, by their paths in the image."""
    return {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}


def archive(files: Mapping[str, Path | str], target: Path) -> Path:
    """
    Write the archive: a Path is a file to copy, a str the content itself.

    It has no folders, so that unpacking it changes none of the image's.
    """
    with tarfile.open(target, "w") as tar:
        for name, source in sorted(files.items()):
            content = source.read_bytes() if isinstance(source, Path) else source.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            # Only the run bit counts: a checkout's other bits are whatever the umask was.
            entry.mode = 0o755 if isinstance(source, Path) and source.stat().st_mode & 0o100 else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return target
