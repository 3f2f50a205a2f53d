"""All that the tests need and that takes minutes to make, two things at a time: `python -m tests.ready [--long]`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lab.engine.install import engine_folder
from lab.image import recipe
from lab.image.build import fabric_image, host_image
from lab.lint.install import actionlint
from lab.machine import qemu
from lab.pairwise import PROVEN, SHORT, Stack
from lab.setup.packages import require
from lab.setup.steps import main
from tests.parsers import roots
from tests.policy import pack


def ready(stacks: Sequence[Stack]) -> None:
    """Raises SetUpError with what cannot be made."""
    # All at once, for apt-get's lock is not waited for.
    require({**recipe.commands(), **qemu.COMMANDS})
    work: list[Callable[[], object]] = [engine_folder, fabric_image, actionlint]
    work += [partial(host_image, *kind) for kind in sorted({(stack.os, stack.image) for stack in stacks})]
    work += [roots.make_all, pack.interpreter]
    with ThreadPoolExecutor(max_workers=2) as two:
        for made in [two.submit(one) for one in work]:
            made.result()


if __name__ == "__main__":
    main(partial(ready, PROVEN if "--long" in sys.argv[1:] else SHORT))
