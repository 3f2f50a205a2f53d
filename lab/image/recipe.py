"""How an image is made: mmdebstrap installs it, mke2fs makes the disk. No mounting, and no root is needed for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.image.files import archive, tree
from lab.setup.cache import fingerprint
from lab.setup.debian import apt_options, mirror
from lab.setup.packages import SYSTEM_PATH, require
from lab.setup.steps import run

HERE = Path(__file__).resolve().parent
COMMON = HERE / "common"
MAKE_DISK = HERE / "make-disk"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides an image's content, but for the day its packages are fetched."""

    suite: str
    variant: str
    packages: tuple[str, ...]
    unpacked: tuple[str, ...] = ()
    files: Mapping[str, Path | str]
    finish: Path
    """A shell script, run with the root as $1."""
    disk_size: int

    @property
    def fingerprint(self) -> str:
        facts = repr((self.suite, self.variant, self.packages, self.unpacked, self.disk_size))
        files = [part for name, source in sorted({**tree(COMMON), **self.files}.items()) for part in (name, source)]
        return fingerprint(facts, *files, self.finish, MAKE_DISK, HERE / "files.py", Path(__file__))


def commands() -> dict[str, str]:
    """What making an image needs, and the Debian package of each."""
    needed = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "unshare": "util-linux"}
    if os.geteuid() != 0:
        # mmdebstrap then works in a namespace with the user's range of ids.
        needed["newuidmap"] = "uidmap"
    return needed


def make(recipe: Recipe, folder: Path) -> None:
    """Fill the folder with `disk.raw`, `kernel` and `initrd`. Raises SetUpError."""
    require(commands())
    disk = folder / "disk.raw"
    disk.touch()
    os.truncate(disk, recipe.disk_size)
    # Written through a descriptor by another user, the root of that namespace. The folder keeps all others away.
    folder.chmod(0o700)
    disk.chmod(0o666)
    with tempfile.TemporaryDirectory() as temporary:
        command = ["mmdebstrap", *_options(recipe, folder, Path(temporary)), recipe.suite, "/dev/null", mirror()]
        run(
            ["sh", "-c", 'exec 9<>"$0" && exec "$@"', disk, *command],
            env={**os.environ, "PATH": SYSTEM_PATH, "FABRIC_UNPACKED": " ".join(recipe.unpacked)},
        )
    disk.chmod(0o644)


def _options(recipe: Recipe, folder: Path, temporary: Path) -> list[str]:
    early = archive(tree(COMMON), temporary / "early.tar")
    late = archive(recipe.files, temporary / "late.tar")
    return [
        # The disk is what is wanted, and the last hook makes it.
        "--format=null",
        f"--variant={recipe.variant}",
        f"--include={','.join(recipe.packages)}",
        *[f"--aptopt={option}" for option in apt_options()],
        # Before there is a kernel, because these files shape its initrd.
        f"--essential-hook=tar-in {early} /",
        f"--customize-hook=tar-in {late} /",
        f"--customize-hook={recipe.finish.read_text()}",
        f"--customize-hook=download /vmlinuz {folder / 'kernel'}",
        f"--customize-hook=download /initrd.img {folder / 'initrd'}",
        f"--customize-hook={MAKE_DISK.read_text()}",
    ]
