"""What a user should know about a host before its plan is carried out; never in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from certify_automation.config_merge import effective_config
from certify_automation.diff import content_of, ip_listen_entries
from certify_automation.errors import Problem
from certify_automation.evidence import (
    KERNEL,
    NEGOTIATED_STEP,
    answers,
    effective_endpoints,
    endpoint_url,
    probe,
    reaches_api,
    url_path,
)
from certify_automation.model.change import ServiceRestart, ServiceStop
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import Facts
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.service import StartMode
from certify_automation.plan.lockout import listen_list_warnings
from certify_automation.plan.open_runs import open_run_warnings
from certify_automation.plan.problems import warning
from certify_automation.plan.situation import Situation
from certify_automation.plan.warnings_security import SECURITY_WARNINGS

_CLOCK_LIMIT_MS = 300_000
_ROOT_VARIABLES = ("CERTIFY_APPDATA_PATH", "CERTIFY_APP_DATA", "CERTIFY_ENABLE_PER_INSTANCE_SETTINGS")


def warnings(at: Situation) -> tuple[Problem, ...]:
    """All warnings of a host and the changes that are to be made."""
    return tuple(found for rule in _RULES for found in rule(at))


def _restart(at: Situation) -> Iterator[Problem]:
    if any(isinstance(change, ServiceRestart | ServiceStop) for change in at.changes):
        yield warning("CA3051", "stopping the service interrupts certificate requests that are running")


def _pending_reboot(at: Situation) -> Iterator[Problem]:
    if at.changes and at.facts.host.pending_reboot:
        yield warning("CA3052", f"Windows waits for a restart ({', '.join(at.facts.host.pending_reboot)})")


def _lost(at: Situation) -> Iterator[Problem]:
    files = at.comparison.files
    written = (
        ("serviceconfig.json", files.service_config),
        ("servers.json", files.servers),
        ("appsettings-core.json", files.core),
    )
    for name, merged in written:
        if at.changes and merged is not None and merged.content is not None and merged.lost:
            yield warning("CA3054", f"writing {name} does not keep {'; '.join(merged.lost)}")


def _negotiated_port(at: Situation) -> Iterator[Problem]:
    # Negotiation drops https together with the port.
    moved = replace(at.endpoint, port=at.endpoint.port + NEGOTIATED_STEP, https=False)
    if at.generation == "v6" and endpoint_url(moved.url) in effective_endpoints(at.facts):
        yield warning(
            "CA3055",
            f"automatic port negotiation has moved the API to port {moved.port}; "
            "no file says so, and it happens again at every start while the port is taken",
            "declare service.config.auto_port_negotiation: false",
        )


def _fault_message(at: Situation) -> Iterator[Problem]:
    config = at.desired.service_config
    found = content_of(at.facts, FileName.SERVICE_CONFIG)
    if config is not None and "ServiceFaultMsg" not in config.removed and effective_config(found)["ServiceFaultMsg"]:
        yield warning(
            "CA3056",
            "serviceconfig.json holds a ServiceFaultMsg, which the user interface shows whenever it cannot connect",
            "it is the product's own and left alone; remove it by hand once it no longer applies",
        )


def _disabled_driver(at: Situation) -> Iterator[Problem]:
    driver = at.facts.driver
    unmanaged = at.desired.driver.start_mode is None
    if at.generation == "v6" and unmanaged and driver and driver.start_mode is StartMode.DISABLED:
        yield warning(
            "CA3057",
            "the HTTP driver is disabled: version 6 cannot listen once Windows has been restarted",
            "declare http_sys.driver.start_mode: manual",
        )


def _data_folder(at: Situation) -> Iterator[Problem]:
    found = [v for v in at.facts.product.environment if v.name.upper() in _ROOT_VARIABLES]
    if found:
        names = ", ".join(f"{v.name} ({v.scope})" for v in found)
        yield warning(
            "CA3058",
            f"{names} can move the product's data folder; {at.facts.product.data_dir} is the one managed here",
            "see that service, user interface and command line all have the same variables",
        )


def _beside_another(at: Situation) -> Iterator[Problem]:
    """Without a listen list http.sys opens the port on every address, whatever the URL says."""
    listed = at.listen_list() or IpListen(ListenRule.EXACTLY, ip_listen_entries(at.facts) or ())
    if at.generation != "v6" or not at.starts or listed.effective():
        return
    own = {KERNEL, at.facts.service.process_id if at.facts.service else KERNEL}
    for found in at.facts.sockets:
        if found.port == at.endpoint.port and found.process_id not in own:
            yield warning(
                "CA3075",
                f"{found.process_name or 'an unnamed process'} (process {found.process_id}) listens on "
                f"{found.address}:{found.port}; the IP listen list is empty, so that http.sys opens the port on every "
                "address and may fail because of it",
                "if the service does not listen after its start, stop that program, or declare another "
                "service.config.port",
            )


def _silent_api(at: Situation) -> Iterator[Problem]:
    api = probe(at.facts, at.endpoint.url)
    listening = endpoint_url(at.endpoint.url) in effective_endpoints(at.facts)
    if at.desired.endpoint is not None and listening and api is not None and not answers(api):
        said = f"status {api.status}" if api.status is not None else api.error or "no answer"
        yield warning("CA3060", f"the service listens at {at.endpoint.url}, but its API did not answer ({said})")


def _lock(at: Situation) -> Iterator[Problem]:
    if at.facts.lock.held:
        yield warning("CA3061", f"another run holds this host's lock: {at.facts.lock.holder or 'holder unknown'}")


def _clock(at: Situation) -> Iterator[Problem]:
    if at.options.now_utc_ms is not None:
        yield from clock_warnings(at.facts, at.options.now_utc_ms, judges=at.desired.renewals is not None)


def clock_warnings(facts: Facts, now_utc_ms: int, *, judges: bool) -> Iterator[Problem]:
    """That the clocks of the host and of the one who looks are far apart (CA3062); judges = it says what is due."""
    ahead_ms = facts.host.clock_utc_ms - now_utc_ms
    if abs(ahead_ms) > _CLOCK_LIMIT_MS:
        off = f"{round(abs(ahead_ms) / 60_000)} minutes {'ahead' if ahead_ms > 0 else 'behind'}"
        judged = "; what is due is judged by the host's clock" if judges else ""
        yield warning(
            "CA3062",
            f"the host's clock is {off}{judged}",
            "Kerberos and certificate authorities refuse a clock that is more than five minutes off",
        )


def _weak_wildcards(at: Situation) -> Iterator[Problem]:
    weak = {f"{scheme}://*:{at.endpoint.port}" for scheme in ("http", "https")}
    for found in at.facts.url_reservations if at.generation == "v6" else ():
        if endpoint_url(found.url) in weak and reaches_api(url_path(found.url)):
            yield warning("CA3063", f"{found.url} is reserved as well: others can share the API's port through it")


_RULES: tuple[Callable[[Situation], Iterator[Problem]], ...] = (
    _restart,
    _pending_reboot,
    _lost,
    listen_list_warnings,
    _negotiated_port,
    _disabled_driver,
    _beside_another,
    _silent_api,
    _fault_message,
    _data_folder,
    *SECURITY_WARNINGS,
    _weak_wildcards,
    _lock,
    open_run_warnings,
    _clock,
)
