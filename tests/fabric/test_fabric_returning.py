"""Oracle's choice of the tunnel for return traffic, over every history of tunnels that come and go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clouds.oci.store import Body
from lab.fabric.read_oci import counts
from lab.fabric.returning import LAG_SECONDS, Choice

LAG = 5.0
Moment = tuple[frozenset[int], float]
"""Tunnels that are up, and seconds since the moment before."""

moments: st.SearchStrategy[list[Moment]] = st.lists(
    st.tuples(st.frozensets(st.integers(1, 2)), st.sampled_from([0.0, 0.5, 1.0, 4.9, 5.0, 60.0])), max_size=12
)


def history(given_moments: list[Moment]) -> list[tuple[float, Choice]]:
    now, choice = 1000.0, Choice()
    kept = [(now, choice)]
    for up, later in given_moments:
        now += later
        choice = choice.after(up, now, LAG)
        kept.append((now, choice))
    return kept


@given(moments)
def test_traffic_stays_on_its_tunnel_while_that_is_up(given_moments: list[Moment]) -> None:
    kept = history(given_moments)
    for (_, before), (_, after) in zip(kept, kept[1:], strict=False):
        if before.sticky in after.up:
            assert after.sticky == before.sticky


@given(moments)
def test_traffic_moves_only_after_the_lag_without_a_break_and_only_to_a_tunnel_that_is_up(
    given_moments: list[Moment],
) -> None:
    kept = history(given_moments)
    for place, ((_, before), (now, after)) in enumerate(zip(kept, kept[1:], strict=False)):
        if after.sticky == before.sticky:
            continue
        assert after.sticky in after.up
        if before.sticky is not None:
            down: list[float] = []
            for moment, choice in reversed(kept[1 : place + 2]):
                if before.sticky in choice.up:
                    break
                down.append(moment)
            assert now - down[-1] >= LAG


@given(moments)
def test_traffic_does_move_once_the_lag_is_over(given_moments: list[Moment]) -> None:
    now, choice = history(given_moments)[-1]
    if choice.sticky is not None:
        other = frozenset({3 - choice.sticky})
        waiting = choice.after(other, now, LAG)
        # A little more, for sums of fractions are not exact.
        assert waiting.after(other, now + LAG + 0.01, LAG).sticky in other


@given(moments)
def test_without_ecmp_one_tunnel_carries_and_with_it_all_that_are_up(given_moments: list[Moment]) -> None:
    for _, choice in history(given_moments):
        assert choice.tunnels(ecmp=True) == choice.up
        assert choice.tunnels(ecmp=False) == frozenset({choice.sticky} - {None})


def test_one_failure_by_hand() -> None:
    both, one, two = frozenset({1, 2}), frozenset({1}), frozenset({2})
    choice = Choice().after(two, 0).after(both, 1)
    assert choice.sticky == 2
    assert [choice.after(one, 10).after(one, 10 + later).sticky for later in (0, LAG_SECONDS - 0.1, LAG_SECONDS)] == [
        2, 2, 1,
    ]  # fmt: skip
    # A moment up in between, and the lag begins anew.
    assert choice.after(one, 10).after(both, 12).after(one, 14).after(one, 16).sticky == 2
    # None is up: it stays where it was.
    assert choice.after(frozenset(), 10).after(frozenset(), 100).sticky == 2


STATIC, TUNNEL_1, TUNNEL_2 = (
    {"destination": "10.0.0.0/16", "routeProvenance": provenance, "isConflict": conflict}
    for provenance, conflict in (("STATIC", False), ("IPSEC_TUNNEL", False), ("IPSEC_TUNNEL", True))
)
OVERRULED = TUNNEL_1 | {"isConflict": True}


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ([TUNNEL_1, TUNNEL_2], [TUNNEL_1, TUNNEL_2]),
        ([STATIC, OVERRULED, TUNNEL_2], [STATIC]),
        ([TUNNEL_2 | {"destination": "10.9.0.0/16"}], [TUNNEL_2 | {"destination": "10.9.0.0/16"}]),
    ],
    ids=["the second tunnel stands by", "a static rule overrules both", "of another destination"],
)
def test_which_of_a_tables_rules_the_fabric_reads(rules: list[Body], left: list[Body]) -> None:
    """Without ECMP the second tunnel's rule is a conflict, and has to be there when the first tunnel goes."""
    assert [rule for rule in rules if counts(rule, rules)] == left
