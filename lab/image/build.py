"""Disk images of the lab's virtual machines: `python3 -m lab.image.build [name ...]` makes them, all if none is named.

The host's is Debian's EC2 image in what counts (packages.py); the fabric's has no more than its daemons need.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from lab.fabric.places import MIRROR_NAME
from lab.image.authority import authority
from lab.image.files import tree
from lab.image.packages import FABRIC, FABRIC_SUITE, FABRIC_UNPACKED, SUITES, Flavour, Os, host_packages
from lab.image.recipe import Recipe, make
from lab.setup.cache import make_once
from lab.setup.debian import apt_options
from lab.setup.steps import SetUpError, main, step

HERE = Path(__file__).resolve().parent

GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Image:
    """What QEMU boots: a raw disk that holds a file system (root=/dev/vda), and the kernel from it."""

    disk: Path
    kernel: Path
    initrd: Path


def host_image(os: Os, flavour: Flavour) -> Image:
    """A host as EC2 would boot it, made if it is new (about a minute). Raises SetUpError."""
    return _image(f"{os}-{flavour}", host_recipe(os, flavour))


def fabric_image() -> Image:
    """The network between the host and the clouds, made if it is new (half a minute). Raises SetUpError."""
    return _image("fabric", fabric_recipe())


def host_recipe(os: Os, flavour: Flavour) -> Recipe:
    suite = SUITES[os]
    return Recipe(
        suite=suite,
        variant="minbase",
        packages=host_packages(os, flavour),
        files={
            **tree(HERE / "host"),
            **_certificate(),
            "etc/apt/sources.list": f"deb http://{MIRROR_NAME}/debian {suite} main\n",
            "etc/apt/apt.conf.d/99mmdebstrap": "".join(f"{option}\n" for option in dated(apt_options())),
        },
        finish=HERE / "finish-host",
        # Room to install packages at first boot.
        disk_size=3 * GIGABYTE,
    )


def fabric_recipe() -> Recipe:
    return Recipe(
        suite=FABRIC_SUITE,
        variant="essential",
        packages=FABRIC,
        unpacked=FABRIC_UNPACKED,
        files={
            **tree(HERE / "fabric"),
            **_certificate(),
            "usr/local/sbin/fabric-init": HERE / "fabric-init",
        },
        finish=HERE / "finish-fabric",
        disk_size=2 * GIGABYTE,
    )


def dated(options: list[str]) -> list[str]:
    """Of this machine's apt options those about dates: its mirror may be a snapshot. The lab has no proxy."""
    return [option for option in options if option.startswith("Acquire::Check-")]


def _certificate() -> dict[str, Path | str]:
    return {"usr/local/share/ca-certificates/lab.crt": authority().certificate}


def _image(name: str, recipe: Recipe) -> Image:
    def build(folder: Path) -> None:
        with step(f"disk image {name} of Debian {recipe.suite} (about a minute)"):
            make(recipe, folder)

    folder = make_once(f"image-{name}-{recipe.fingerprint}", build)
    return Image(disk=folder / "disk.raw", kernel=folder / "kernel", initrd=folder / "initrd")


def names() -> list[str]:
    """What can be made."""
    return ["fabric", *(f"{os}-{flavour}" for os in get_args(Os) for flavour in get_args(Flavour))]


def build(wanted: list[str]) -> None:
    """Make these images. Raises SetUpError."""
    for name in wanted or names():
        if name not in names():
            raise SetUpError(f"no image {name}: there are {', '.join(names())}")
        if name == "fabric":
            image = fabric_image()
        else:
            [flavour] = [flavour for flavour in get_args(Flavour) if name.endswith(f"-{flavour}")]
            image = host_image(name.removesuffix(f"-{flavour}"), flavour)  # type: ignore[arg-type]
        print(image.disk)


if __name__ == "__main__":
    main(lambda: build(sys.argv[1:]))
