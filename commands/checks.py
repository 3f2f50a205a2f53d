"""A look that may fail, what is made of it, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from commands.invocation import CommandError
from commands.polling import TransientError

State = Literal["ok", "wrong", "could not look"]
Given = TypeVar("Given")
Other = TypeVar("Other")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Blind:
    """In place of what could not be seen."""

    state: State
    why: str
    check: str
    """The look that failed."""


@dataclass(frozen=True)
class Verdict:
    """What was seen, and what is wrong with it."""

    seen: str
    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: str, faults: Iterable[str] = ()) -> Verdict:
        return cls(seen, tuple(faults))


@dataclass(frozen=True)
class Row:
    """One check, as a person reads it."""

    check: str
    state: State
    notes: tuple[str, ...]


def then(check: str, given: Given | Blind, look: Callable[[Given], Found]) -> Found | Blind:
    """
    What the look finds with what an earlier one has given; Blind where either failed.

    LookupError means that something is not there, which is wrong; CommandError and TransientError that the cloud
    did not say.
    """
    if isinstance(given, Blind):
        return Blind("could not look", f"comes after: {given.check}", given.check)
    try:
        return look(given)
    except (KeyError, IndexError):
        # An answer of another shape than thought: a fault of ours, and nothing that is missing in the cloud.
        raise
    except LookupError as missing:
        return Blind("wrong", str(missing.args[0]), check)
    except (CommandError, TransientError) as failure:
        return Blind("could not look", str(failure), check)


def both(one: Given | Blind, other: Other | Blind) -> tuple[Given, Other] | Blind:
    """Both of them, or the first that is missing."""
    if isinstance(one, Blind):
        return one
    return other if isinstance(other, Blind) else (one, other)


def seen(outcome: Given | Blind, describe: Callable[[Given], Verdict]) -> Verdict | Blind:
    """The verdict on a look that is a check by itself: where it failed, that is told with its own reason."""
    return outcome if isinstance(outcome, Blind) else describe(outcome)


def row(check: str, outcome: Verdict | Blind, advice: str = "") -> Row:
    """The table's row; `advice` follows what is wrong."""
    if isinstance(outcome, Blind):
        wrong = outcome.state == "wrong"
        return Row(check, outcome.state, (outcome.why, *([f"-> {advice}"] if wrong and advice else [])))
    if outcome.faults:
        return Row(check, "wrong", (*outcome.faults, *([f"-> {advice}"] if advice else [])))
    return Row(check, "ok", (outcome.seen,))


def table(rows: Sequence[Row]) -> str:
    """All rows under each other; a check's second and further lines are indented."""
    check_width = max(len(each.check) for each in rows)
    state_width = max(len(each.state) for each in rows)
    lines = []
    for each in rows:
        first, *more = [line for note in each.notes for line in note.splitlines()]
        lines.append(f"{each.check:<{check_width}}  {each.state:<{state_width}}  {first}")
        lines += [f"{'':<{check_width}}  {'':<{state_width}}  {line}" for line in more]
    return "\n".join(lines)
