"""AWS's evaluation of policies, against a plain evaluator that tries every way unknown conditions can fall."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.discovery.readers._aws_policies import (
    MAYBE,
    NO,
    YES,
    Mandate,
    Statement,
    bound,
    contains,
    fits,
    meet,
    statements,
)

ACTIONS = ("s:ga", "s:gb", "t:ga")
ARNS = ("aa", "ab", "ba", "bb")
PATTERNS = st.sampled_from(["*", "a*", "*b", "aa", "ab", "b?", "?a", "c"])
FACTS = {"known": "x"}
CONDITIONS = st.sampled_from([
    {}, {}, {"StringEquals": {"known": "x"}}, {"StringNotEquals": {"known": ["x", "y"]}},
    {"StringLike": {"known": "y*"}}, {"Bool": {"unknown": "true"}},
])  # fmt: skip
RAW = st.builds(
    lambda allow, inverted, actions, beside, resources, condition: {
        "Effect": "Allow" if allow else "Deny",
        "NotAction" if inverted else "Action": actions,
        "NotResource" if beside else "Resource": resources,
        **({"Condition": condition} if condition else {}),
    },
    st.booleans(), st.sampled_from([False, False, False, True]),
    st.lists(st.sampled_from(["*", "s:*", "s:g?", "S:GA", "t:ga", "t:*"]), min_size=1, max_size=2),
    st.sampled_from([False, False, False, True]), st.lists(PATTERNS, min_size=1, max_size=2), CONDITIONS,
)  # fmt: skip
SETS = st.lists(RAW, min_size=1, max_size=4)


def mandate(own: Sequence[Any], limits: Sequence[Sequence[Any]] = ()) -> Mandate:
    mine = statements({"Statement": list(own)})
    others = [statements({"Statement": list(one)}) for one in limits]
    every = [*mine, *itertools.chain(*others)]
    return Mandate(
        tuple(one for one in mine if one.allow), tuple(one for one in every if not one.allow),
        tuple(tuple(one for one in other if one.allow) for other in others),
    )  # fmt: skip


def slowly(own: Sequence[Any], limits: Sequence[Sequence[Any]], action: str, arn: str) -> int:
    """By the definition: an explicit denial wins, every set has to allow; each unknown condition may fall both ways."""
    every = [(number, one) for number, rules in enumerate([own, *limits]) for one in rules]
    open_ones = [place for place, (_, one) in enumerate(every) if "Bool" in one.get("Condition", {})]
    answers = set()
    for fallen in itertools.product((False, True), repeat=len(open_ones)):
        held = dict(zip(open_ones, fallen, strict=True))
        said = [(number, one) for place, (number, one) in enumerate(every)
                if _speaks(one, action, arn) and held.get(place, _known(one))]  # fmt: skip
        denied = any(one["Effect"] == "Deny" for _, one in said)
        allowed = {number for number, one in said if one["Effect"] == "Allow"}
        answers.add(not denied and len(allowed) == 1 + len(limits))
    return YES if answers == {True} else NO if answers == {False} else MAYBE


def _speaks(one: Any, action: str, arn: str) -> bool:
    names = one.get("Action") or one["NotAction"]
    places = one.get("Resource") or one["NotResource"]
    by_action = any(_like(name.lower(), action) for name in names) != ("NotAction" in one)
    return by_action and any(_like(place, arn) for place in places) != ("NotResource" in one)


def _like(pattern: str, value: str) -> bool:
    if not pattern or not value:
        return not pattern.strip("*") and not value
    if pattern[0] == "*":
        return _like(pattern[1:], value) or _like(pattern, value[1:])
    return pattern[0] in ("?", value[0]) and _like(pattern[1:], value[1:])


def _known(one: Any) -> bool:
    condition = one.get("Condition", {})
    return not condition or "StringEquals" in condition


@settings(max_examples=300)
@given(SETS, st.lists(SETS, max_size=2), st.sampled_from(ACTIONS), st.sampled_from(ARNS))
def test_what_is_allowed_is_what_the_definition_says(own: Any, limits: Any, action: str, arn: str) -> None:
    assert mandate(own, limits).answer(action, arn, FACTS) == slowly(own, limits, action, arn)


@settings(max_examples=300)
@given(SETS, st.lists(SETS, max_size=1), st.sampled_from(ACTIONS), PATTERNS)
def test_somewhere_misses_nothing_and_everywhere_claims_nothing(
    own: Any, limits: Any, action: str, pattern: str
) -> None:
    one = mandate(own, limits)
    answers = [one.answer(action, arn, FACTS) for arn in ARNS if fits(pattern, arn)]
    assert one.somewhere(action, pattern, FACTS) >= max(answers, default=NO)
    assert one.everywhere(action, pattern, FACTS) <= min(answers, default=YES)


@given(SETS, st.sampled_from(ACTIONS), st.sampled_from(ARNS))
def test_every_right_includes_each_right(own: Any, action: str, arn: str) -> None:
    one = mandate(own)
    assert one.unlimited(FACTS) <= one.answer(action, arn, FACTS)


TEXT = st.text("ab*?", max_size=5)
WORDS = ["".join(one) for size in range(5) for one in itertools.product("ab", repeat=size)]


@given(TEXT, TEXT)
def test_patterns_meet_where_something_fits_both(left: str, right: str) -> None:
    # What fits both patterns of at most five signs has a shortest form of at most ten; four signs show most.
    if any(fits(left, word) and fits(right, word) for word in WORDS):
        assert meet(left, right)
    if "*" not in left + right:
        assert meet(left, right) == any(fits(left, w) and fits(right, w) for w in _of(len(left)))


def _of(size: int) -> list[str]:
    return ["".join(one) for one in itertools.product("ab", repeat=size)]


@given(TEXT, TEXT)
def test_a_pattern_that_contains_another_lets_all_of_it_fit(outer: str, inner: str) -> None:
    if contains(outer, inner):
        assert all(fits(outer, word) for word in WORDS if fits(inner, word))
    assert contains(outer, outer)
    assert contains("*", inner)


def test_a_denial_of_some_is_no_denial_of_the_rest() -> None:
    one = mandate([
        {"Effect": "Allow", "Action": "s:*", "Resource": "*"}, {"Effect": "Deny", "Action": "s:ga", "Resource": "a*"},
    ])  # fmt: skip
    assert (one.answer("s:ga", "ab", {}), one.answer("s:ga", "bb", {})) == (NO, YES)
    assert (one.somewhere("s:ga", "*", {}), one.somewhere("s:ga", "aa", {})) == (YES, NO)
    assert one.everywhere("s:ga", "*", {}) == NO


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}, YES),
        ({"StringLikeIfExists": {"iam:PassedToService": ["ec2.*", "LAMBDA.*"]}}, YES),
        ({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}, NO),
        ({"StringNotEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}, YES),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalTag/team": "red"}}, MAYBE),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:role/deploy-*"}}, YES),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, MAYBE),
        ({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com", "aws:RequestedRegion": "eu-west-1"}}, MAYBE),
        ({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com", "aws:RequestedRegion": "eu-west-1"}}, NO),
        ({"StringEquals": {"iam:PassedToService": "${aws:PrincipalTag/service}"}}, MAYBE),
    ],
)  # fmt: skip
def test_conditions_hold_fail_or_are_not_known(condition: Any, wanted: int) -> None:
    raw = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": condition}
    facts = {"iam:passedtoservice": "lambda.amazonaws.com", "aws:principalarn": "arn:aws:iam::1:role/deploy-web"}
    assert mandate([raw]).answer("iam:passrole", "x", facts) == wanted


def test_variables_stand_for_who_asks() -> None:
    raw = {"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/${aws:username}"}
    rules = statements({"Statement": raw})
    mine = Mandate(tuple(bound(rules, {"aws:username": "kim"})))
    assert mine.answer("iam:putuserpolicy", "arn:aws:iam::1:user/kim", {}) == YES
    assert mine.answer("iam:putuserpolicy", "arn:aws:iam::1:user/lee", {}) == NO
    assert bound(rules, {"aws:username": ""}) == []
    tagged = statements({"Statement": {**raw, "Resource": "arn:aws:iam::*:user/${aws:PrincipalTag/who}"}})
    assert Mandate(tuple(bound(tagged, {}))).answer("iam:x", "arn:aws:iam::1:user/kim", {}) == MAYBE


def test_a_star_that_is_meant_as_a_letter_is_one() -> None:
    (rule,) = bound([Statement(True, ("s:ga",), False, ("a${*}",), False)], {})
    assert not rule.names("ab")
