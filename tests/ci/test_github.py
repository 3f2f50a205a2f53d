"""The calls of GitHub's API: one text in place, and nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ci.engine import PipelineError
from ci.github import GitHub
from tests.ci.pretend_github import PretendGitHub

MARK = "<!-- mark -->"


@pytest.fixture
def caller(github: PretendGitHub) -> GitHub:
    github.comments.clear()
    github.issues.clear()
    found = GitHub.of(github.environment)
    assert found is not None
    return found


def test_the_comment_is_made_once_and_edited_in_place(caller: GitHub, github: PretendGitHub) -> None:
    for other in range(150):
        github.comment(5, f"other {other}")
    assert caller.put_comment(5, MARK, f"{MARK}\nfirst") == "comment-151"
    assert caller.put_comment(5, MARK, f"{MARK}\nsecond") == "comment-151"
    assert caller.put_comment(6, MARK, f"{MARK}\nthird") == "comment-152"
    assert [one["body"] for one in github.comments[150:]] == [f"{MARK}\nsecond", f"{MARK}\nthird"]


def test_somebody_elses_comment_is_not_written_over(caller: GitHub, github: PretendGitHub) -> None:
    theirs = github.comment(5, f"{MARK}\nmine", login="mallory")
    quoted = github.comment(5, f"> {MARK}\nno", login="github-actions[bot]")
    assert caller.put_comment(5, MARK, f"{MARK}\nours") == "comment-3"
    assert (theirs["body"], quoted["body"]) == (f"{MARK}\nmine", f"> {MARK}\nno")


def test_one_issue_is_opened_updated_and_closed(caller: GitHub, github: PretendGitHub) -> None:
    assert caller.close_issue("drift", MARK, "why") is None
    first = caller.put_issue("Drift: dev", "drift", MARK, f"{MARK}\nfirst")
    assert caller.put_issue("Drift: dev", "drift", MARK, f"{MARK}\nsecond") == first
    assert caller.close_issue("drift", MARK, "nothing differs") == first
    [issue] = github.issues
    assert (issue["state"], issue["body"], issue["labels"]) == ("closed", f"{MARK}\nsecond", ["drift"])
    assert [one["body"] for one in github.comments] == ["nothing differs"]
    assert caller.put_issue("Drift: dev", "drift", MARK, f"{MARK}\nthird") != first


def test_a_refusal_names_the_call_and_no_token(caller: GitHub) -> None:
    stranger = replace(caller, token="another-token")
    with pytest.raises(PipelineError, match=r"GitHub refuses GET pulls/5: 401 Unauthorized") as refused:
        stranger.is_closed(5)
    assert "another-token" not in str(refused.value) + repr(stranger)


def test_a_server_that_is_away_is_said_so() -> None:
    with pytest.raises(PipelineError, match="GitHub cannot be reached for GET pulls/5: .*refused"):
        GitHub("team/network", "token", "http://127.0.0.1:9").is_closed(5)


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_without_a_job_there_is_no_github(github: PretendGitHub, missing: str) -> None:
    assert GitHub.of({**github.environment, missing: ""}) is None
