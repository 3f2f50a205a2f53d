"""What goes wrong in the lab, and what each has cost."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress

import pytest

from lab.fabric.outages import Observer
from lab.lab import Lab
from lab.machine.guest import GuestError
from tests.lab.asking import fabric

STORY = """\
vpn-status || true
journalctl -u tunnel-keeper -u pre-shared-keys -o short-monotonic --no-pager -n 60
journalctl -u ipsec -o short-monotonic --no-pager -n 400 | grep -E '"tunnel-[12]" #' | tail -n 60
"""


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
    """Seconds that were missed say nothing of why: the keeper, Libreswan and QEMU do."""
    report = yield
    watching = getattr(item, "funcargs", {}).get("observer")
    if report.failed and isinstance(watching, Observer):
        with suppress(GuestError):
            machines = (watching.fabric.machine, watching.machine)
            report.sections.append(("both machines", "\n".join(machine.condition for machine in machines)))
            report.sections.append(("the host", watching.host(STORY)))
    return report


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says at the end of the run what was measured."""
    return lambda text: record_property("measured", text)
