"""When a command looks again, what it tells meanwhile, when it gives up.

Does not prove how long OCI really takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commands.polling import Look, TimeOverError, TransientError, pause, poll


def looks(*found: Look[str] | Exception) -> Any:
    """A look that finds these, one after the other, the last one for ever."""

    def each() -> Iterator[Look[str] | Exception]:
        yield from found
        while True:
            yield found[-1]

    following = each()

    def look(_: float) -> Look[str]:
        now = next(following)
        if isinstance(now, Exception):
            raise now
        return now

    return look


@pytest.mark.parametrize(("elapsed", "seconds"), [(0, 1.0), (9, 1.0), (30, 3.0), (70, 7.0), (100, 10.0), (1000, 10.0)])
def test_pause_is_a_second_then_a_tenth_of_the_wait_then_ten(elapsed: float, seconds: float) -> None:
    assert pause(elapsed) == pytest.approx(seconds)


def test_result_of_the_first_look_needs_no_sleep(desk: Any) -> None:
    assert poll(looks(Look("there", "it")), 60, desk.invocation()) == "it"
    assert desk.now == 1000
    assert desk.told == ["[   0 s] there"]


def test_an_empty_result_is_a_result(desk: Any) -> None:
    assert poll(looks(Look("nothing to do", "")), 60, desk.invocation()) == ""


def test_progress_is_told_when_it_changes(desk: Any) -> None:
    found = [Look[str]("a"), Look[str]("a"), Look[str]("b"), Look("c", "it")]
    assert poll(looks(*found), 60, desk.invocation()) == "it"
    assert desk.told == ["[   0 s] a", "[   2 s] b", "[   3 s] c"]


def test_a_heartbeat_comes_every_thirty_seconds(desk: Any) -> None:
    with pytest.raises(TimeOverError) as over:
        poll(looks(Look[str]("still DOWN")), 100, desk.invocation())
    assert str(over.value) == "still DOWN"
    times = [float(line[1:5]) for line in desk.told]
    assert times[0] == 0
    assert all(30 <= later - earlier <= 40 for earlier, later in zip(times, times[1:], strict=False))
    assert len(times) == 4


def test_ends_exactly_when_the_time_is_over(desk: Any) -> None:
    with pytest.raises(TimeOverError):
        poll(looks(Look[str]("no")), 33, desk.invocation())
    assert desk.now == 1033


def test_a_transient_failure_is_told_and_tried_again(desk: Any) -> None:
    found = looks(TransientError("OCI says 429"), Look("there", "it"))
    assert poll(found, 60, desk.invocation()) == "it"
    assert desk.told == ["[   0 s] trying again: OCI says 429", "[   1 s] there"]


def test_the_last_transient_failure_is_the_reason_of_a_time_out(desk: Any) -> None:
    with pytest.raises(TimeOverError, match="^trying again: OCI says 500$"):
        poll(looks(TransientError("OCI says 500")), 5, desk.invocation())


def test_any_other_failure_ends_it(desk: Any) -> None:
    with pytest.raises(ValueError, match="broken"):
        poll(looks(ValueError("broken")), 60, desk.invocation())
    assert desk.now == 1000
