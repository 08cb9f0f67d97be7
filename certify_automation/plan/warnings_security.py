"""Warnings about who can get at the product, and about certificates bound to its port."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certify_automation.diff import authentication_off
from certify_automation.errors import Problem
from certify_automation.evidence import endpoint_url, exposed_at
from certify_automation.model.accounts import account_sid
from certify_automation.model.change import DataDirectoryAcl
from certify_automation.model.facts import SslBinding
from certify_automation.model.folder_acl import ADMINISTRATORS, SYSTEM
from certify_automation.model.host import KestrelRule
from certify_automation.plan.problems import warning
from certify_automation.plan.situation import Situation

_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"  # NT SERVICE\TrustedInstaller
_EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - compared, never bound
_SHA1_DIGITS = 40
_APPLICATION = "{af3a0c50-73eb-4159-a36f-82c7c77a2766}"  # the id version 6 binds its own certificate under


def _authentication(at: Situation) -> Iterator[Problem]:
    """Without authentication every caller of the API is an administrator of it."""
    found = [text for text, _ in authentication_off(at.facts)]
    if found:
        yield warning(
            "CA3059",
            f"critical: {' and '.join(found)}: every caller of the API is an administrator of it",
            "remove it, then restart Windows; environment: {CERTIFY_SERVICE_AUTH_MODE: {state: absent}} refuses a host "
            "that has the variable",
        )


def _kestrel_left(at: Situation) -> Iterator[Problem]:
    files = at.comparison.files
    left = at.desired.service_config is not None and at.desired.kestrel_endpoint is KestrelRule.LEAVE
    if left and files.pinned and files.listens != (endpoint_url(files.configured.url),):
        yield warning(
            "CA3066",
            f"version 7 listens at {', '.join(files.listens)} and not at {files.configured.url}, which clients take "
            "from serviceconfig.json: Kestrel:Endpoints is declared to be left alone",
            "declare service.kestrel_endpoint: align, or the address it listens at",
        )


def _owner(at: Situation) -> Iterator[Problem]:
    """Whoever owns a folder can change its list, whatever the list says."""
    access = at.facts.data_access
    if not at.desired.data_directory_restricted or access is None or access.owner is None:
        return
    own = account_sid(at.facts.service.account or "") if at.facts.service else None
    if access.owner not in {SYSTEM, ADMINISTRATORS, _INSTALLER, own}:
        yield warning(
            "CA3067",
            f"the product's data folder belongs to {access.owner}, who can give itself access again at any time",
            f'on the host, as an administrator, run: icacls "{at.facts.product.data_dir}" /setowner *{ADMINISTRATORS}',
        )


def _custom_account(at: Situation) -> Iterator[Problem]:
    account = at.facts.service.account if at.facts.service else None
    restricts = at.desired.data_directory_restricted and any(isinstance(c, DataDirectoryAcl) for c in at.changes)
    if restricts and account and account_sid(account) is None:
        yield warning(
            "CA3073",
            f"the service runs as {account}; once the data folder is restricted it needs an entry there of its own, or "
            "membership of Administrators",
            f'where it has neither, run on the host: icacls "{at.facts.product.data_dir}" /grant "{account}:(OI)(CI)F"',
        )


def _exposed_later(at: Situation) -> Iterator[Problem]:
    urls = at.exposed_after if at.judges_exposure else ()
    if urls and not at.starts and not exposed_at(at.facts):
        yield warning(
            "CA3072",
            f"other machines will be able to reach the API at {', '.join(urls)} after the service's next start",
            "declare service.config.host: 127.0.0.2",
        )


def _certificates(at: Situation) -> Iterator[Problem]:
    """Version 6 binds a certificate to its port only when it makes one, and never takes a binding away."""
    if at.generation != "v6":
        return
    port, host = at.endpoint.port, at.endpoint.host
    bound = [b for b in at.facts.ssl_bindings if b.name.rpartition(":")[2] == str(port)]
    used = [b for b in bound if b.name.rpartition(":")[0].strip("[]") in {host, *(e.strip("[]") for e in _EVERYWHERE)}]
    if not at.endpoint.https:
        for one in bound:
            yield warning(
                "CA3071",
                f"a certificate is bound to {one.name}, while the API is declared to use http there",
                f"when nothing else uses it, run on the host: netsh http delete sslcert ipport={one.name}",
            )
    elif not any(_usable(one) for one in used):
        yield warning(
            "CA3070",
            f"https is declared, and no usable certificate is bound to port {port}; version 6 binds one only when it "
            "makes a new one, so that the API may not answer",
            f"on the host run: netsh http add sslcert ipport=0.0.0.0:{port} certhash=THUMBPRINT appid={_APPLICATION} "
            "certstorename=MY",
        )
    for one in bound:
        if one.cert_hash and one.store is None:
            yield warning(
                "CA3074",
                f"the certificate bound to {one.name} names no store: IIS's own tools fail on such a binding",
                "delete and add it again with certstorename=MY",
            )


def _usable(binding: SslBinding) -> bool:
    return binding.cert_hash is not None and len(binding.cert_hash) == _SHA1_DIGITS


SECURITY_WARNINGS: tuple[Callable[[Situation], Iterator[Problem]], ...] = (
    _authentication,
    _kestrel_left,
    _owner,
    _custom_account,
    _exposed_later,
    _certificates,
)
