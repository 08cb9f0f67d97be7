"""From the flags of `renew` to what its run asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify_automation.cli.filters import filters_of
from certify_automation.errors import UsageError
from certify_automation.fleet.renewal_run import RunTerms
from certify_automation.fleet.rollout import waves
from certify_automation.renewal import Wanted

_SETTLED = ("due", "failing", "expires_within", "issuer", "domain", "ids", "force", "reissue", "most", "waves")
_WRITTEN = {"most": "max", "ids": "id"}


def terms_of(flags: Mapping[str, Any]) -> RunTerms:
    """What the flags of the command ask for.

    Raises:
        UsageError: CA5031 --force without --max, CA5032 --reissue without --issuer, CA5033 --pause without waves,
            CA5034 with --resume what the run has settled, CA3220 --waves.
    """
    _check(flags)
    wanted = Wanted(flags["force"], flags["reissue"], flags["outside_window"], filters_of(flags))
    return RunTerms(wanted, flags["restart_stalled"], flags["most"], flags["waves"] or "")


def _check(flags: Mapping[str, Any]) -> None:
    settled = [name for name in _SETTLED if flags[name]] if flags["resume"] else []
    if settled:
        names = ", ".join(f"--{_WRITTEN.get(name, name.replace('_', '-'))}" for name in settled)
        raise UsageError("CA5034", f"{names}: that is settled by the run that goes on", hint="leave it out")
    if flags["force"] and flags["most"] is None:
        hint = "say how many at most: `renew --force --max 1 --domain www.example.com`"
        raise UsageError("CA5031", "--force requests what is not due, and --max does not say how many", hint=hint)
    if flags["reissue"] and not flags["issuer"]:
        hint = "say of which certification authority: `renew --issuer letsencrypt.org --reissue`"
        raise UsageError(
            "CA5032", "--reissue has every certificate of an issuer issued again, and none is named", hint=hint
        )
    if flags["pause"] and not (flags["waves"] or flags["resume"]):
        raise UsageError("CA5033", "--pause is between waves, and there are none", hint="say --waves 1,10%,100%")
    if flags["waves"]:
        waves(flags["waves"], 1)
