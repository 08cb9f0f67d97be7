"""What Windows itself says of an endpoint and of the certificate it is to serve."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.model.certificate import ManagedCertificate, TlsBinding, TlsFacts
from certify_automation.model.renewal import Served
from certify_automation.verify.reading import ascii_name

_ANY_ADDRESS = ("0.0.0.0", "[::]")  # noqa: S104 - how http.sys names every address


@dataclass(frozen=True, slots=True)
class HostSide:
    """An endpoint as its host has it.

    Attributes:
        in_store: the managed certificate is in the computer's store.
        private_key: and its private key with it.
        binding: name of the http.sys binding for the endpoint, empty when there is none that can be told.
        bound_thumbprint: SHA-1 of the certificate bound there, in upper-case hex; empty without.
    """

    in_store: bool
    private_key: bool
    binding: str
    bound_thumbprint: str


def host_side(served: Served, presented_sha1: str, managed: ManagedCertificate, tls: TlsFacts) -> HostSide:
    """What the stores and bindings of a host say.

    Args:
        served: the declaration.
        presented_sha1: of what the endpoint presented; empty when it presented nothing.
        managed: what it is to serve.
        tls: of the host.
    """
    thumbprint = (managed.thumbprint or "").upper()
    entries = [one for one in tls.store if thumbprint and one.thumbprint.upper() == thumbprint]
    binding = _binding(served, presented_sha1, tls)
    return HostSide(
        bool(entries),
        any(one.has_private_key for one in entries),
        binding.name if binding else "",
        (binding.cert_hash or "").upper() if binding else "",
    )


def _binding(served: Served, presented_sha1: str, tls: TlsFacts) -> TlsBinding | None:
    """The binding that http.sys uses: by name before by address, a certain address before every address.

    Of an endpoint that is declared by name the address on the host is not known: then the binding with what is served,
    or the only one of the port. Something in front may lead to another port: then the name's with what is served.
    """
    name, by_name = ascii_name(served.sni), {(one.kind, one.name.casefold()): one for one in tls.bindings}
    addresses = (f"[{served.host}]" if ":" in served.host else served.host, *_ANY_ADDRESS)
    keys = [("sni", f"{name}:{served.port}"), *(("ip", f"{one}:{served.port}") for one in addresses)]
    exact = next((by_name[key] for key in keys if key in by_name), None)
    of_port = [one for one in tls.bindings if one.kind == "ip" and one.name.endswith(f":{served.port}")]
    of_name = [one for (kind, key), one in by_name.items() if kind == "sni" and key.rpartition(":")[0] == name]
    serving = [
        one for one in (*of_port, *of_name) if presented_sha1 and (one.cert_hash or "").upper() == presented_sha1
    ]
    return exact or next(iter(serving or (of_port if len(of_port) == 1 else [])), None)
