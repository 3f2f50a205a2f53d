"""Which stacks are test environments, how many there may be, and what the sweep may touch. No cloud, no engine."""

from __future__ import annotations

from functools import partial

import pytest
from botocore.exceptions import ClientError

from ci import sweep
from ci.engine import PipelineError
from ci.environment import number_of, refuse_too_many
from ci.leftover import Leftover, stack_of
from components.labels import Tags
from tests.ci.pretend_github import PretendGitHub

PROJECT = "aws-oci-libreswan"


@pytest.mark.parametrize(
    ("stack", "number"),
    [("pr-7", 7), ("pr-70", 70), ("dev", None), ("pr-", None), ("pr-07", None), ("pr-7b", None), ("x-pr-7", None)],
)
def test_a_test_environment_is_known_by_its_name(stack: str, number: int | None) -> None:
    assert number_of(stack) == number


def test_one_more_than_the_cap_is_refused_and_says_which_there_are() -> None:
    refuse_too_many(9, ["dev", "pr-7"], 2)
    refuse_too_many(7, ["dev", "pr-7", "pr-8"], 2)
    with pytest.raises(PipelineError, match=r"^pr-9 is refused: there are 2 test environments \(pr-7, pr-8\), and at"):
        refuse_too_many(9, ["pr-8", "dev", "pr-7"], 2)


def test_the_programs_own_tags_make_a_resource_the_sweeps() -> None:
    def own(stack: str, project: str = PROJECT) -> dict[str, str]:
        return Tags(project=project, stack=stack, given={"cost-centre": "4711"}).aws("aws-vpc")

    assert stack_of(own("pr-7"), PROJECT) == "pr-7"
    assert stack_of(own("dev"), PROJECT) is None
    assert stack_of(own("pr-7", "another"), PROJECT) is None
    assert stack_of({}, PROJECT) is None
    for key in ("managed-by", "project", "stack"):
        assert stack_of({name: value for name, value in own("pr-7").items() if name != key}, PROJECT) is None
    assert stack_of({**own("pr-7"), "managed-by": "hand"}, PROJECT) is None


def test_swept_is_what_is_named_or_what_github_says_is_closed(github: PretendGitHub) -> None:
    stacks = ["pr-7", "pr-8", "dev"]
    assert [stack for stack in stacks if sweep.chosen(["pr-8"], {})(stack)] == ["pr-8"]
    github.closed = {7}
    assert [stack for stack in stacks if sweep.chosen(None, github.environment)(stack)] == ["pr-7"]


@pytest.mark.parametrize(
    ("given", "message"),
    [(["dev"], r"--stack 'dev' is refused: only pr-NUMBER is swept"), (None, "set GITHUB_TOKEN, or name stacks")],
)
def test_what_cannot_be_swept_is_refused(given: list[str] | None, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        sweep.chosen(given, {})


def test_the_sweep_needs_a_place() -> None:
    with pytest.raises(PipelineError, match="the base stack must say compartmentId and aws:region"):
        sweep.clouds({"aws:region": {"value": "us-east-1"}}, PROJECT, {})


class Things:
    """Resources of which each needs the one before it gone, and a clock."""

    def __init__(self, *names: str) -> None:
        self.there, self.now, self.looks = list(names), 0.0, 0

    def look(self) -> list[Leftover]:
        self.looks += 1
        return [Leftover("thing", name, "pr-7", partial(self.delete, name)) for name in reversed(self.there)]

    def delete(self, name: str) -> None:
        if name != self.there[0]:
            raise ClientError({"Error": {"Code": "DependencyViolation", "Message": "in use"}}, "DeleteThing")
        self.there.remove(name)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_is_refused_goes_in_a_later_round() -> None:
    things = Things("a", "b", "c")
    assert sweep.delete_all(things.look, 600, lambda: things.now, things.sleep) == []
    assert (things.there, things.looks) == ([], 4)


def test_what_is_left_when_the_time_is_over_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    things = Things("never", "b")
    things.delete = lambda name: Things.delete(Things("another"), name)  # type: ignore[method-assign]
    left = sweep.delete_all(things.look, 30, lambda: things.now, things.sleep)
    assert sweep.report(left) == 1
    assert "pr-7: thing never is left: An error occurred (DependencyViolation)" in capsys.readouterr().out
    assert sweep.report([]) == 0
