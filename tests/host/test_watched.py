"""Which child SA the probes of a tunnel are about, and what has come in through it. Without a kernel or a daemon."""

from __future__ import annotations

import pytest
from keeper import kernel
from keeper.__main__ import Watched
from keeper.answers import ANSWERED, UNANSWERED
from keeper.libreswan import Child

from tests.host.hosts import HOST

FIRST, OLD_AGAIN = Child(serial=4, in_bytes=900), Child(serial=4, in_bytes=900)
NEXT = Child(serial=6, in_bytes=0)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(kernel, "is_up", lambda device: True)
    return Watched(HOST.tunnels[0])


def answered(watched: Watched, now: float) -> None:
    watched.answers.answer(watched.answers.ask(now), now + 0.01)


def test_bytes_count_from_when_it_was_first_seen(watched: Watched) -> None:
    watched.is_now(FIRST)
    assert not watched.seen(1.0, daemon=True).inbound
    watched.is_now(Child(serial=4, in_bytes=901))
    assert watched.seen(1.0, daemon=True).inbound


def test_an_old_child_that_is_the_newest_again_has_to_carry_anew(watched: Watched) -> None:
    """A negotiation that came to nothing leaves the SA before it, with the bytes of better days."""
    for child in (FIRST, NEXT, OLD_AGAIN):
        watched.is_now(child)
    sight = watched.seen(1.0, daemon=True)
    assert (sight.child, sight.probe, sight.inbound) == (True, UNANSWERED, False)


def test_a_daemon_that_has_not_answered_once_has_not_lost_its_child(watched: Watched) -> None:
    watched.is_now(FIRST)
    answered(watched, 1.0)
    watched.is_now(None)
    assert not watched.seen(1.1, daemon=False).child
    watched.is_now(FIRST)
    assert watched.seen(1.2, daemon=True).probe == ANSWERED
