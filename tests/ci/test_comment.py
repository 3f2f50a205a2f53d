"""The texts for GitHub: what stands first, what is folded, what is cut, and that nothing breaks out of its block."""

from __future__ import annotations

from typing import Any

from ci.changes import rows, summary
from ci.comment import LIMIT, About, marker, preview
from lab.engine.result import Result

ABOUT = About(stack="dev", commit="0123456789abcdef", log="https://github.example/run/1")


def step(op: str, kind: str, name: str, *paths: str) -> dict[str, Any]:
    detailed = {path: {"diffKind": "update"} for path in paths}
    urn = f"urn:pulumi:dev::aws-oci-libreswan::{kind}::{name}"
    return {"resourcePreEvent": {"metadata": {"op": op, "type": kind, "urn": urn, "detailedDiff": detailed}}}


def result(*events: dict[str, Any], text: str = "said", exit_code: int = 0) -> Result:
    return Result(command=("preview",), exit_code=exit_code, text=text, events=events)


REPLACED = [
    step(op, "aws:ec2/instance:Instance", "host-instance", "userDataBase64")
    for op in ("create-replacement", "replace", "delete-replaced")
]


def test_what_takes_something_away_stands_first_and_a_replacement_is_one_row() -> None:
    done = result(
        step("same", "aws:ec2/vpc:Vpc", "aws-vpc"),
        step("create", "aws:ec2/eip:Eip", "aws-address"),
        step("update", "aws:ec2/subnet:Subnet", "aws-host", "tags", "a", "b", "c", "d", "e"),
        *REPLACED,
        step("delete", "aws:ec2/route:Route", "aws-route"),
    )
    assert [(row.op, row.name) for row in rows(done)] == [
        ("delete", "aws-route"),
        ("replace", "host-instance"),
        ("update", "aws-host"),
        ("create", "aws-address"),
    ]
    text = preview(done, ABOUT)
    assert text.startswith(
        "<!-- aws-oci-libreswan preview: dev -->\n"
        "### Preview of `dev` at 0123456: 1 to delete, 1 to replace, 1 to update, 1 to create\n\n| |"
    )
    assert "| 🟠 replace | `host-instance` | `aws:ec2/instance:Instance` | `userDataBase64` |" in text
    assert "| 🟡 update | `aws-host` | `aws:ec2/subnet:Subnet` | `tags`, `a`, `b`, `c`, 2 more |" in text


def test_nothing_changes() -> None:
    quiet = result(step("same", "aws:ec2/vpc:Vpc", "aws-vpc"))
    assert summary(rows(quiet)) == "nothing changes"
    assert "Preview of `dev` at 0123456: nothing changes\n" in preview(quiet, ABOUT)
    assert "| |" not in preview(quiet, ABOUT)


def test_a_long_table_is_folded() -> None:
    many = [step("create", "aws:ec2/route:Route", f"route-{number}") for number in range(26)]
    assert "<summary>26 resources</summary>" in preview(result(*many), ABOUT)
    assert "<summary>25 resources</summary>" not in preview(result(*many[1:]), ABOUT)


def test_a_failure_shows_its_error_and_what_policy_was_broken() -> None:
    error = {"diagnosticEvent": {"severity": "error", "message": "<{%fg 1%}>pathMtu: 1 is refused\n"}}
    broken = {
        "policyEvent": {
            "resourceUrn": "urn:pulumi:dev::p::aws:ec2/instance:Instance::host-instance",
            "policyName": "imdsv2",
            "enforcementLevel": "mandatory",
            "message": "<{%fg 1%}>ask for\ntokens",
        }
    }
    text = preview(result(error, broken, broken, exit_code=255), ABOUT)
    assert "Preview of `dev` at 0123456: it fails\n" in text
    assert "```diff\npathMtu: 1 is refused\n```" in text
    assert text.count("- policy `imdsv2` (mandatory), `host-instance`: ask for tokens") == 1


def test_a_long_preview_is_cut_at_a_line_and_says_where_the_rest_is() -> None:
    long = "\n".join(f"    + line {number} é" for number in range(9000))
    text = preview(result(*REPLACED, text=long), ABOUT)
    assert LIMIT - 1000 < len(text) <= LIMIT
    assert "more lines: a comment holds no more. The job's log has all of it: https://github.example/run/1" in text
    kept = text.count("line ")
    assert f"… {9000 - kept} more lines" in text
    assert text.endswith("\n```\n\n</details>\n")
    short = preview(result(*REPLACED, text="    + line"), ABOUT)
    assert "more lines" not in short


def test_no_text_breaks_out_of_its_block() -> None:
    text = preview(result(text="before\n````\n</details> @everyone"), ABOUT)
    assert "`````diff\nbefore\n````\n</details> @everyone\n`````" in text


def test_signs_stand_where_github_colours_them() -> None:
    text = preview(result(text="  + added\n    - gone\n  ~ changed\n    [urn=x]\n      +-replaced"), ABOUT)
    assert "\n+   added\n-     gone\n!   changed\n    [urn=x]\n+      -replaced\n" in text


def test_texts_of_other_stacks_and_kinds_have_other_marks() -> None:
    assert len({marker("preview", "dev"), marker("preview", "prod"), marker("drift", "dev")}) == 3
