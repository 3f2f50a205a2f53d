"""Identity policies as IAM evaluates them: denials win, wildcards fit, what is not understood never allows.

Does not prove that AWS agrees in every corner: principals, sessions and resource policies are not evaluated.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clouds.aws.authorization import Verdict, allows, judge

ACTION = "ssm:GetParameter"
RESOURCE = "arn:aws:ssm:eu-central-1:123456789012:parameter/libreswan/dev/tunnel-1/pre-shared-key"
CONDITION = {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": ACTION, "Resource": RESOURCE, **elements}


def deny(**elements: Any) -> dict[str, Any]:
    return {**allow(**elements), "Effect": "Deny"}


def without(statement: dict[str, Any], element: str) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != element}


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        ([], Verdict.NOT_ALLOWED),
        ([allow()], Verdict.ALLOWED),
        ([allow(Action=["kms:Decrypt", ACTION], Resource=["*"])], Verdict.ALLOWED),
        ([allow(Action="SSM:getparameter")], Verdict.ALLOWED),
        ([allow(Action="ssm:Get*")], Verdict.ALLOWED),
        ([allow(Action="ssm:GetParamete?")], Verdict.ALLOWED),
        ([allow(Action="ssm:GetParameter?")], Verdict.NOT_ALLOWED),
        ([allow(Action="ssm:GetParameters")], Verdict.NOT_ALLOWED),
        ([allow(Action="ssm.GetParameter")], Verdict.NOT_ALLOWED),
        ([allow(Resource=RESOURCE.upper())], Verdict.NOT_ALLOWED),
        ([allow(Resource=RESOURCE.replace("tunnel-1", "tunnel-2"))], Verdict.NOT_ALLOWED),
        ([allow(Resource=RESOURCE.replace("tunnel-1", "tunnel-?"))], Verdict.ALLOWED),
        ([allow(Resource=RESOURCE.replace("eu-central-1", "*"))], Verdict.ALLOWED),
        ([allow(Resource=RESOURCE[:-1])], Verdict.NOT_ALLOWED),
        ([allow(), deny()], Verdict.DENIED),
        ([deny(Resource="*"), allow()], Verdict.DENIED),
        ([deny(Action="ssm:PutParameter"), allow()], Verdict.ALLOWED),
        ([allow(Condition=CONDITION)], Verdict.NOT_ALLOWED),
        ([allow(Condition={})], Verdict.ALLOWED),
        ([allow(), deny(Condition=CONDITION)], Verdict.DENIED),
        ([allow(Resource="arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/team}/*")], Verdict.NOT_ALLOWED),
        ([allow(), deny(Resource="arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/team}/*")], Verdict.DENIED),
        ([{**without(allow(), "Action"), "NotAction": "iam:*"}], Verdict.ALLOWED),
        ([{**without(allow(), "Action"), "NotAction": ["iam:*", "ssm:get*"]}], Verdict.NOT_ALLOWED),
        ([{**without(allow(), "Resource"), "NotResource": "arn:aws:s3:::*"}], Verdict.ALLOWED),
        ([{**without(allow(), "Resource"), "NotResource": [RESOURCE]}], Verdict.NOT_ALLOWED),
        ([{**without(allow(), "Resource"), "NotResource": "arn:${x}"}], Verdict.NOT_ALLOWED),
        ([allow(), {**without(deny(), "Resource"), "NotResource": "arn:${x}"}], Verdict.DENIED),
        ([without(allow(), "Resource")], Verdict.NOT_ALLOWED),
    ],
)
def test_verdicts(statements: list[dict[str, Any]], verdict: Verdict) -> None:
    assert judge([policy(*statements)], ACTION, RESOURCE) is verdict
    # One policy of all the statements, or one for each: the same.
    assert judge([policy(one) for one in statements], ACTION, RESOURCE) is verdict
    assert allows([policy(*statements)], ACTION, RESOURCE) is (verdict is Verdict.ALLOWED)


def test_a_single_statement_needs_no_list() -> None:
    assert allows([{"Version": "2012-10-17", "Statement": allow()}], ACTION, RESOURCE)


NAMES = st.sampled_from(["ssm:GetParameter", "ssm:Get*", "ssm:*", "*", "kms:Decrypt", "ssm:Put?arameter", "SSM:*"])
PLACES = st.sampled_from(["*", RESOURCE, RESOURCE[:-3] + "*", "arn:aws:s3:::b", "arn:aws:ssm:*", "arn:${x}"])
STATEMENTS = st.builds(
    lambda effect, actions, resources, condition: {
        "Effect": effect,
        "Action": actions,
        "Resource": resources,
        **({"Condition": CONDITION} if condition else {}),
    },
    st.sampled_from(["Allow", "Deny"]),
    st.lists(NAMES, min_size=1, max_size=3),
    st.lists(PLACES, min_size=1, max_size=3),
    st.booleans(),
)
POLICIES = st.lists(STATEMENTS, max_size=5)


@given(POLICIES, st.randoms())
def test_order_does_not_matter(statements: list[dict[str, Any]], chance: Any) -> None:
    shuffled = list(statements)
    chance.shuffle(shuffled)
    assert judge([policy(*statements)], ACTION, RESOURCE) is judge([policy(*shuffled)], ACTION, RESOURCE)


@given(POLICIES, POLICIES)
def test_a_denial_is_not_undone_by_more_policies(first: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    together = judge([policy(*first), policy(*more)], ACTION, RESOURCE)
    apart = [judge([policy(*one)], ACTION, RESOURCE) for one in (first, more)]
    if Verdict.DENIED in apart:
        assert together is Verdict.DENIED
    else:
        assert together is (Verdict.ALLOWED if Verdict.ALLOWED in apart else Verdict.NOT_ALLOWED)


@given(st.text("ab/.*?", max_size=8), st.text("ab/.", max_size=8))
def test_wildcards_fit_as_documented(pattern: str, text: str) -> None:
    def fits(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return fits(rest[1:], left) or (bool(left) and fits(rest, left[1:]))
        return bool(left) and rest[0] in ("?", left[0]) and fits(rest[1:], left[1:])

    assert allows([policy(allow(Resource=pattern))], ACTION, text) is fits(pattern, text)


@given(st.text("abAB:*", min_size=1, max_size=8), st.text("abAB:", min_size=1, max_size=8))
def test_actions_have_no_case(pattern: str, action: str) -> None:
    verdicts = {
        allows([policy(allow(Action=one))], other, RESOURCE)
        for one in (pattern, pattern.swapcase())
        for other in (action, action.swapcase())
    }
    assert len(verdicts) == 1


def test_expressions_in_a_pattern_are_text() -> None:
    assert not allows([policy(allow(Resource=r"arn:.+"))], ACTION, RESOURCE)
    assert re.match(r"arn:.+", RESOURCE)
