"""A look that fails, those that come after it, and the table of them."""

from __future__ import annotations

import pytest

from commands.checks import Blind, Row, Verdict, both, row, table, then
from commands.invocation import CommandError
from commands.polling import TransientError


def failing(error: Exception) -> Verdict | Blind:
    def look(given: object) -> Verdict:
        raise error

    return then("second", "first", look)


def test_what_is_not_there_is_wrong_and_what_is_not_told_is_not() -> None:
    assert failing(LookupError("no such thing")) == Blind("wrong", "no such thing", "second")
    assert failing(CommandError("no right")) == Blind("could not look", "no right", "second")
    assert failing(TransientError("nobody answers")) == Blind("could not look", "nobody answers", "second")


def test_what_comes_after_a_failed_look_only_says_so() -> None:
    blind = failing(LookupError("no such thing"))
    after = then("third", both("given", blind), lambda given: Verdict("never"))
    assert row("third", after, "advice") == Row("third", "could not look", ("comes after: second",))


@pytest.mark.parametrize("fault", [KeyError("Vpcs"), IndexError("list index out of range")])
def test_a_fault_of_ours_is_not_taken_for_something_missing(fault: Exception) -> None:
    with pytest.raises(type(fault)):
        failing(fault)


def test_the_table() -> None:
    rows = [
        row("one", Verdict("fine"), "advice"),
        row("the other", Verdict.of("", ["first fault", "second\nin two lines"]), "do this"),
    ]
    assert table(rows) == (
        "one        ok     fine\n"
        "the other  wrong  first fault\n"
        "                  second\n"
        "                  in two lines\n"
        "                  -> do this"
    )
