"""Rules of the patterns that say which certificates a policy is for."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.desired.rules.declared import Declared, warning
from certify_automation.desired.words import shown
from certify_automation.errors import Problem


def check_patterns(declared: Declared) -> Iterator[Problem]:
    """Problems of `renewals.include` and `renewals.exclude`."""
    include, exclude = declared.policy.get("include"), declared.policy.get("exclude", [])
    where = declared.where("renewals.exclude", "renewals.include")
    if include == []:
        message, hint = "include is empty: nothing would be renewed", "without include every certificate is meant"
        yield Problem("CA1266", message, declared.where("renewals.include"), hint)
        return
    folded = {pattern.casefold() for pattern in exclude}
    both = [pattern for pattern in include or () if pattern.casefold() in folded]
    covering = [next((one for one in exclude if covers(one, pattern)), None) for pattern in include or ("*",)]
    if both:
        place = declared.where("renewals.include")
        message = f"exclude has {shown(both[0])}, which stands in include too, at {place}"
        yield Problem("CA1265", message, where, "keep it in one of them")
    elif include and all(covering):
        message = f"exclude leaves nothing of include: what fits {shown(include[0])} fits {shown(covering[0])} too"
        yield Problem("CA1266", message, where, "exclude less, or take the policy back with renewals: null")
    elif not include and covering[0]:
        message = f"exclude has {shown(covering[0])}: no certificate is renewed by this policy"
        yield warning("CA1266", message, where, "renewals: null takes the policy back")


def covers(wider: str, pattern: str) -> bool:
    """Whether all that fits a pattern fits the wider one; read sign by sign, so that `?` never stands for a `*`."""
    wider, pattern = wider.casefold(), pattern.casefold()
    at, sign = 0, 0
    star, resumed = -1, 0
    while at < len(pattern):
        expected = wider[sign : sign + 1]
        if expected == "*":
            star, resumed = sign, at
            sign += 1
        elif expected and (expected == pattern[at] or (expected == "?" and pattern[at] != "*")):
            at, sign = at + 1, sign + 1
        elif star >= 0:
            resumed += 1
            at, sign = resumed, star + 1
        else:
            return False
    return not wider[sign:].strip("*")
