"""The table of booted stacks: every two choices meet, and the document says what is left."""

from __future__ import annotations

from lab.pairwise import DOCUMENT, PROVEN, document, every_stack, pairs


def test_every_two_choices_meet_in_a_booted_stack() -> None:
    possible = set().union(*map(pairs, every_stack()))
    assert set().union(*map(pairs, PROVEN)) == possible


def test_what_is_booted_is_what_the_program_accepts() -> None:
    assert set(PROVEN) < set(every_stack())
    assert len(set(PROVEN)) == len(PROVEN)


def test_the_document_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == document(), "run `python -m lab.pairwise`"
