"""Refusals about who can get at the product, and about what is asserted and never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certify_automation.config_merge import kestrel_endpoints
from certify_automation.diff import content_of, folder_goal, letting_in, observed_recovery
from certify_automation.evidence import effective_variable, exposed_at
from certify_automation.model.accounts import same_account
from certify_automation.model.config_files import FileName
from certify_automation.model.plan import Refusal
from certify_automation.model.security import DeclaredVariable
from certify_automation.model.service import ServiceState
from certify_automation.plan.situation import Situation


def _recovery(at: Situation) -> Iterator[Refusal]:
    if at.desired.recovery is None:
        return
    try:
        observed_recovery(at.facts)
    except ValueError as error:
        yield Refusal(
            "CA3029",
            f"what happens when the service fails cannot be read, so that it could not be put back: {error}",
            "see on the host what `sc.exe qfailure` says and set it once with `sc.exe failure`",
        )


def _account(at: Situation) -> Iterator[Refusal]:
    service, declared = at.facts.service, at.desired.account
    if service is None or declared is None:
        return
    if service.account is None or not same_account(declared, service.account, at.facts.host.name):
        yield Refusal(
            "CA3030",
            f"the service {service.name} runs as {service.account or 'an account Windows does not tell'}, "
            f"declared is {declared}",
            "the account is never changed from here: the secrets the product has stored can be read by the account "
            "that stored them only. Export the settings, change it in the Services console and import them again, or "
            "declare the account it has",
        )


def _data_folder(at: Situation) -> Iterator[Refusal]:
    try:
        folder_goal(at.desired, at.facts)
    except ValueError as error:
        yield Refusal(
            "CA3031",
            f"who may get at the product's data folder cannot be judged: {error}",
            "see on the host what `icacls` says of the folder; entries with conditions have to be set by hand",
        )


def _exposure(at: Situation) -> Iterator[Refusal]:
    """The API would be open to other machines after the plan, and nothing in it changes that."""
    if not at.judges_exposure or at.desired.service.state is ServiceState.STOPPED:
        return
    urls, pinned = at.exposed_after, at.comparison.files.pinned
    if urls and (at.starts or exposed_at(at.facts)):
        rules = letting_in(at.facts, at.endpoint.port)
        yield Refusal(
            "CA3032",
            f"security.api_exposure: loopback is declared, but other machines can reach the API at {', '.join(urls)}, "
            f"because of {_cause(at)}{'; ' if rules else ''}{rules}",
            "declare service.config.host: 127.0.0.2"
            + (", service.kestrel_endpoint: align, and see that no variable says otherwise" if pinned else ""),
        )


def _cause(at: Situation) -> str:
    pinned = at.comparison.files.pinned
    if pinned:
        return "; ".join(f"{one.name} = {one.url} in {one.source}" for one in pinned)
    host = at.comparison.files.configured.host
    if host.casefold() == "localhost":
        return "Host = localhost in serviceconfig.json, a name that callers from elsewhere can send as Host header"
    return f"Host = {host} in serviceconfig.json"


def _firewall(at: Situation) -> Iterator[Refusal]:
    exposure = at.desired.api_exposure
    if exposure is not None and exposure.block is not None and at.facts.firewall_rules is None:
        yield Refusal(
            "CA3035",
            "the firewall's rules cannot be read in the registry",
            "see that the Windows Defender Firewall service (mpssvc) is installed and runs",
        )


def _environment(at: Situation) -> Iterator[Refusal]:
    for declared in at.desired.environment:
        found = effective_variable(at.facts, declared.name)
        value = found.value if found else None
        if value == declared.value:
            continue
        is_ = f"is {value} ({found.scope} environment)" if found else "is not set"
        wanted = "not to be set" if declared.value is None else f"to be {declared.value}"
        yield Refusal(
            "CA3033",
            f"the variable {declared.name} {is_}, and is declared {wanted}",
            _by_hand(declared, found.scope if found else "machine", at),
        )


def _by_hand(declared: DeclaredVariable, scope: str, at: Situation) -> str:
    why = "it is never changed from here, because user interface and command line need the same"
    service = at.facts.service.name if at.facts.service else "NAME"
    if scope == "service":
        key = rf"HKLM\SYSTEM\CurrentControlSet\Services\{service}"
        return f"{why}: edit the value Environment of {key} and restart the service"
    value = "$null" if declared.value is None else "'" + declared.value.replace("'", "''") + "'"
    return (
        f"{why}: run [Environment]::SetEnvironmentVariable('{declared.name}', {value}, 'Machine') on the host and "
        "restart Windows; services see the machine's variables only after that"
    )


def _kestrel_file(at: Situation) -> Iterator[Refusal]:
    """A malformed file hides where version 7 would listen."""
    desired = at.desired
    concerned = at.judges_exposure or desired.service_config is not None or desired.kestrel_urls or at.starts
    if at.generation != "v7" or not concerned:
        return
    try:
        kestrel_endpoints(content_of(at.facts, FileName.APPSETTINGS_CORE), at.facts.product.environment)
    except ValueError as error:
        yield Refusal(
            "CA3009",
            f"appsettings-core.json is malformed ({error}); version 7 ends at start because of it",
            "restore the file from the product's installer, then plan again",
        )


SECURITY_RULES: tuple[Callable[[Situation], Iterator[Refusal]], ...] = (
    _kestrel_file,
    _recovery,
    _account,
    _data_folder,
    _exposure,
    _firewall,
    _environment,
)
