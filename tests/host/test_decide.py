"""What the keeper decides, without a kernel or a daemon: tables and properties over invented histories.

Does not prove that what is decided can be done (the lab does).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeper.answers import ANSWERED, SILENT, UNANSWERED
from keeper.decide import (
    FLAPPING,
    GRACE,
    LONGEST_HOLD,
    LONGEST_RETRY,
    RETRY,
    SPACING,
    Decision,
    Memory,
    Seen,
    decide,
)

TICK = 0.5

CARRIES = Seen(child=True, device=True, probe=ANSWERED, inbound=True)
DEAF = Seen(child=True, device=True, probe=SILENT, inbound=True)
GONE = Seen(child=False, device=True, probe=UNANSWERED, inbound=False)
NEW_CHILD = Seen(child=True, device=True, probe=UNANSWERED, inbound=False)
NEW_CHILD_HEARD = Seen(child=True, device=True, probe=UNANSWERED, inbound=True)
NO_DEVICE = Seen(child=True, device=False, probe=ANSWERED, inbound=True)

ANY = st.builds(
    Seen,
    child=st.booleans(),
    device=st.booleans(),
    probe=st.sampled_from([ANSWERED, SILENT, UNANSWERED]),
    inbound=st.booleans(),
)
Moment = tuple[Seen, Seen]


def decisions(
    history: Iterable[Moment], memories: tuple[Memory, ...] = (Memory(since=0.0), Memory(since=0.0))
) -> Iterator[tuple[float, Decision]]:
    """What is decided at every tick of a history."""
    for tick, seen in enumerate(history):
        decision = decide(tick * TICK, seen, memories)
        memories = decision.memories
        yield tick * TICK, decision


def during(*parts: tuple[float, Seen, Seen]) -> list[Moment]:
    """A history of so many seconds of this, then so many of that."""
    return [(one, other) for seconds, one, other in parts for _ in range(round(seconds / TICK))]


def routes(history: Iterable[Moment]) -> list[tuple[float, tuple[int, ...]]]:
    """When the routes changed, and the places of the tunnels that they went over from then on."""
    changes: list[tuple[float, tuple[int, ...]]] = []
    for now, decision in decisions(history):
        if not changes or changes[-1][1] != decision.in_use:
            changes.append((now, decision.in_use))
    return changes


BOTH_UP = (10.0, CARRIES, CARRIES)


def test_the_first_tunnel_carries_at_once_and_the_second_when_it_has_stayed() -> None:
    assert routes(during((2.0, GONE, GONE), (1.0, NEW_CHILD, GONE), BOTH_UP)) == [
        (0.0, ()),
        (2.0, (0,)),
        (3.0 + SPACING, (0, 1)),
    ]


@pytest.mark.parametrize("fault", [DEAF, GONE, NO_DEVICE])
def test_what_no_longer_carries_is_withdrawn_at_once(fault: Seen) -> None:
    assert routes(during(BOTH_UP, (1.0, fault, CARRIES)))[-1] == (10.0, (1,))


def test_what_comes_back_carries_again() -> None:
    assert routes(during(BOTH_UP, (5.0, DEAF, CARRIES), BOTH_UP))[-1] == (15.0 + SPACING, (0, 1))


@pytest.mark.parametrize("last", [DEAF, GONE])
@pytest.mark.parametrize("first", [DEAF, GONE])
def test_the_last_route_stays(first: Seen, last: Seen) -> None:
    assert routes(during(BOTH_UP, (5.0, CARRIES, first), (100.0, last, first)))[-1] == (10.0, (0,))


def test_where_nothing_good_is_in_use_what_comes_up_first_carries_at_once() -> None:
    assert routes(during(BOTH_UP, (60.0, GONE, GONE), (3.0, GONE, NEW_CHILD)))[-1] == (70.0, (1,))


def test_a_rekey_moves_nothing() -> None:
    """The new child SA has not answered for a moment, and nothing has come in through it."""
    assert routes(during(BOTH_UP, (0.5, NEW_CHILD, CARRIES), BOTH_UP))[-1][0] < 10.0


def test_headends_that_never_answer_are_judged_by_their_child_sa() -> None:
    assert routes(during((10.0, NEW_CHILD, NEW_CHILD))) == [(0.0, (0, 1))]
    assert routes(during((10.0, NEW_CHILD, NEW_CHILD), (1.0, GONE, NEW_CHILD)))[-1] == (10.0, (1,))


@pytest.mark.parametrize(("proof", "comes_back"), [(NEW_CHILD, False), (NEW_CHILD_HEARD, True), (CARRIES, True)])
def test_what_had_fallen_silent_has_to_prove_itself(proof: Seen, comes_back: bool) -> None:
    """A new child SA says that IKE works, which it may have done all the time."""
    history = during(BOTH_UP, (2.0, DEAF, CARRIES), (10.0, GONE, CARRIES), (4.5, proof, CARRIES))
    assert (routes(history)[-1][1] == (0, 1)) is comes_back


def test_in_doubt_is_better_than_nothing() -> None:
    history = during(BOTH_UP, (2.0, DEAF, CARRIES), (10.0, GONE, CARRIES), (3.0, NEW_CHILD, GONE))
    assert routes(history)[-1] == (22.0, (0,))


def test_what_comes_and_goes_is_believed_later_each_time() -> None:
    again = ((1.0, GONE, CARRIES), (40.0, CARRIES, CARRIES))
    back = [now for now, in_use in routes(during(BOTH_UP, *again * 6)) if in_use == (0, 1)][1:]
    # It is up again one second after it has gone, every 41 seconds.
    assert [now - 11.0 - 41.0 * number for number, now in enumerate(back)] == [
        SPACING,
        2 * SPACING,
        4 * SPACING,
        8 * SPACING,
        LONGEST_HOLD,
        LONGEST_HOLD,
    ]


def test_after_a_while_old_withdrawals_are_forgotten() -> None:
    again = ((1.0, GONE, CARRIES), (FLAPPING, CARRIES, CARRIES))
    back = [now for now, in_use in routes(during(BOTH_UP, *again * 3)) if in_use == (0, 1)][1:]
    assert [now - 11.0 - (FLAPPING + 1.0) * number for number, now in enumerate(back)] == [SPACING] * 3


def test_a_deaf_tunnel_is_negotiated_anew_once_in_a_while() -> None:
    """At once, for a headend that has lost its memory; again only if it stays as it is."""
    restarted = [
        now for now, decision in decisions(during(BOTH_UP, (30.0, DEAF, CARRIES))) if decision.initiate == (0,)
    ]
    assert restarted == [10.0 + n * RETRY for n in range(5)]


def test_up_again_and_still_deaf_it_is_taken_down_so_that_oracle_moves_too() -> None:
    history = during(BOTH_UP, (1.0, DEAF, CARRIES), (GRACE + TICK, NEW_CHILD, CARRIES))
    taken = [now for now, decision in decisions(history) if decision.take_down == (0,)]
    assert taken == [11.0 + GRACE]


def test_what_is_taken_down_late_is_told_so_once() -> None:
    """Libreswan was busy, and the tunnel's SA is still there a second later."""
    history = during(BOTH_UP, (1.0, DEAF, CARRIES), (RETRY + 2.0, NEW_CHILD, CARRIES), (RETRY + TICK, GONE, CARRIES))
    *_, (_, last) = decisions(history)
    assert last.memories[0].failures == 1


def test_the_last_is_left_as_it_is() -> None:
    history = during(BOTH_UP, (60.0, DEAF, GONE))
    assert not any(decision.take_down for _, decision in decisions(history))


def test_a_tunnel_without_a_child_sa_is_brought_up_again_and_again() -> None:
    history = during(BOTH_UP, (60.0, GONE, CARRIES))
    tried = [now for now, decision in decisions(history) if decision.initiate == (0,)]
    assert tried == [10.0 + RETRY * (n + 1) for n in range(8)]


def test_a_tunnel_that_comes_up_deaf_is_tried_less_and_less() -> None:
    """IKE works and nothing else: while it is up, Oracle may use it."""
    now = 0.0
    memories: tuple[Memory, ...] = (Memory(since=0.0), Memory(since=0.0))
    seen, tried = CARRIES, []
    while now < 2000.0:
        if now == 10.0:
            seen = DEAF
        decision = decide(now, (seen, CARRIES), memories)
        memories = decision.memories
        if decision.take_down:
            seen = GONE
        if decision.initiate:
            tried.append(now)
            seen = NEW_CHILD
        now += TICK
    waits = [later - earlier for earlier, later in zip(tried, tried[1:], strict=False)]
    # At first it is deaf on the SAs that it had.
    assert waits[0] < 3 * RETRY
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(LONGEST_RETRY + GRACE, abs=2.0)


def test_a_tunnel_with_a_child_sa_is_left_alone() -> None:
    for seen in (CARRIES, NEW_CHILD, NEW_CHILD_HEARD):
        assert not any(d.initiate or d.take_down for _, d in decisions(during((60.0, seen, CARRIES))))


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=200))
def test_no_tunnel_changes_twice_within_the_spacing(history: list[Moment]) -> None:
    changed = [float("-inf"), float("-inf")]
    before: tuple[int, ...] = ()
    for now, decision in decisions(history):
        for place in set(before) ^ set(decision.in_use):
            assert now - changed[place] >= SPACING
            changed[place] = now
        before = decision.in_use


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=200))
def test_routes_that_were_there_are_never_all_withdrawn(history: list[Moment]) -> None:
    before: tuple[int, ...] = ()
    for _, decision in decisions(history):
        assert decision.in_use or not before
        before = decision.in_use


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=200))
def test_never_all_are_taken_down_and_none_that_carries(history: list[Moment]) -> None:
    for now, decision in decisions(history):
        assert len(decision.take_down) < 2
        assert not set(decision.take_down) & {*decision.in_use, *decision.initiate}
        assert all(history[round(now / TICK)][place] != CARRIES for place in decision.initiate)


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=200))
def test_no_tunnel_gets_two_orders_within_the_time_that_one_takes(history: list[Moment]) -> None:
    """Whatever Libreswan has yet to do: each take-down makes the next attempt twice as late."""
    never = float("-inf")
    initiated, taken_down = [never, never], [never, never]
    for now, decision in decisions(history):
        for place in decision.initiate:
            assert now - max(initiated[place], taken_down[place]) >= RETRY
            initiated[place] = now
        for place in decision.take_down:
            assert now - initiated[place] >= GRACE and now - taken_down[place] >= RETRY
            taken_down[place] = now


@given(st.lists(st.tuples(ANY, ANY), max_size=200), ANY)
def test_a_tunnel_that_carries_and_stays_so_is_used_in_the_end(history: list[Moment], other: Seen) -> None:
    settled = [*history, *during((LONGEST_HOLD + SPACING + 1.0, CARRIES, other))]
    *_, (_, last) = decisions(settled)
    assert 0 in last.in_use


@given(st.lists(st.tuples(ANY, ANY), max_size=200), st.sampled_from([GONE, DEAF, NO_DEVICE]))
def test_a_tunnel_that_does_not_carry_is_not_used_beside_one_that_does(history: list[Moment], bad: Seen) -> None:
    settled = [*history, *during((2 * SPACING + LONGEST_HOLD, bad, CARRIES))]
    *_, (_, last) = decisions(settled)
    assert last.in_use == (1,)


def test_a_daemon_that_has_just_started_is_left_to_begin_by_itself() -> None:
    away = Seen(child=False, device=True, probe=UNANSWERED, inbound=False, daemon=False)
    history = during((100.0, away, away), (RETRY + TICK, GONE, GONE))
    assert [now for now, decision in decisions(history) if decision.initiate] == [100.0 + RETRY - TICK]
