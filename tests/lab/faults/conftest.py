"""One lab for all tests of this folder, in which things go wrong, and what each has cost.

LAB_HOST_OS is its host's operating system, which is Debian 13 in `make test`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import get_args

import pytest

from lab.fabric.outages import Observer
from lab.image.packages import Os
from lab.lab import Lab
from lab.machine.guest import GuestError
from lab.machines import Machines
from tests.lab.asking import fabric

STORY = """\
vpn-status || true
journalctl -u tunnel-keeper -u pre-shared-keys -o short-monotonic --no-pager -n 60
journalctl -u ipsec -o short-monotonic --no-pager -n 400 | grep -E '"tunnel-[12]" #' | tail -n 60
"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    wanted = os.environ.get("LAB_HOST_OS", "debian-13")
    system = next((one for one in get_args(Os) if one == wanted), None)
    if system is None:
        raise pytest.UsageError(f"LAB_HOST_OS is {wanted!r}: it must be one of {', '.join(get_args(Os))}")
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines(systems=(system,)))
    try:
        started.configure(hostOs=system)
        started.project.up().check()
        yield started
    finally:
        started.stop()


@pytest.fixture
def observer(lab: Lab) -> Observer:
    """Both tunnels carry."""
    watching = Observer(fabric(lab))
    watching.wait()
    return watching


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Seconds that were missed say nothing of why: the keeper and Libreswan do."""
    report = yield
    watching = getattr(item, "funcargs", {}).get("observer")
    if report.failed and isinstance(watching, Observer):
        with suppress(GuestError):
            report.sections.append(("the host", watching.host(STORY)))
    return report


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says at the end of the run what was measured."""
    return lambda text: record_property("measured", text)
