"""TLS servers of simulated computers: what a client is sent, by name, address, binding and store."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certify_automation.errors import UsageError
from certify_automation.lab.certify.acme import AcmeAuthority, Issued
from certify_automation.lab.endpoints import EndpointFaults, TlsEndpoints
from certify_automation.lab.windows import Computer, Installation, StillClock, make_computer, stored

NOW = datetime.now(UTC)
AUTHORITY = AcmeAuthority("letsencrypt.org", NOW)
NAME = "www.example.com"
ISSUED = AUTHORITY.order([NAME], NOW)
OTHER = AUTHORITY.order(["shop.example.com"], NOW)
LOOPBACK = "127.0.0.1"
HEALTHY = EndpointFaults()


def make_served() -> Computer:
    """A computer with one name bound to its certificate."""
    computer = make_computer(Installation("WEB01"), StillClock(NOW))
    keep(computer, ISSUED)
    computer.sni_bindings[f"{NAME}:443"] = binding(ISSUED)
    return computer


def keep(computer: Computer, issued: Issued) -> None:
    computer.certificates.add("My", stored(issued.der, issued.key_pem))
    chain = x509.load_pem_x509_certificate(issued.chain_pem).public_bytes(Encoding.DER)
    computer.certificates.add("CA", stored(chain))


def binding(issued: Issued, store: str = "My") -> dict[str, bytes | str]:
    return {"SslCertHash": bytes.fromhex(issued.thumbprint), "SslCertStoreName": store}


@asynccontextmanager
async def serving(computer: Computer, faults: EndpointFaults = HEALTHY) -> AsyncIterator[int]:
    endpoints = TlsEndpoints()
    try:
        yield await endpoints.add(computer, LOOPBACK, faults)
    finally:
        await endpoints.close()


def client_context(*, trust: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = trust
    context.verify_mode = ssl.CERT_REQUIRED if trust else ssl.CERT_NONE
    context.load_verify_locations(cadata=AUTHORITY.root_pem.decode())
    return context


async def shown(port: int, name: str | None = NAME, *, trust: bool = False) -> bytes:
    """The certificate a client is sent; with `trust` the chain and the name are verified."""

    def handshake() -> bytes:
        context = client_context(trust=trust)
        with (
            socket.create_connection((LOOPBACK, port)) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            der = tls.getpeercert(binary_form=True)
            tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert tls.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
            assert der is not None
            return der

    return await asyncio.to_thread(handshake)


def test_a_name_is_served_the_certificate_it_is_bound_to_with_its_chain() -> None:
    async def run() -> None:
        async with serving(make_served()) as port:
            assert await shown(port, trust=True) == ISSUED.der
            assert await shown(port, NAME.upper()) == ISSUED.der

    asyncio.run(run())


def test_a_server_that_finds_no_issuers_sends_its_certificate_alone() -> None:
    async def run() -> None:
        computer = make_served()
        async with serving(computer) as port:
            await shown(port, trust=True)
            computer.certificates.finds_issuers = False
            assert await shown(port) == ISSUED.der
            with pytest.raises(ssl.SSLCertVerificationError):
                await shown(port, trust=True)

    asyncio.run(run())


def test_what_is_served_follows_the_bindings() -> None:
    async def run() -> None:
        computer = make_served()
        renewed = AUTHORITY.order([NAME], NOW)
        async with serving(computer) as port:
            assert await shown(port) == ISSUED.der
            keep(computer, renewed)
            assert await shown(port) == ISSUED.der
            computer.sni_bindings[f"{NAME}:443"] = binding(renewed)
            assert await shown(port, trust=True) == renewed.der

    asyncio.run(run())


def test_the_binding_is_chosen_by_address_then_name_then_for_everybody() -> None:
    async def run() -> None:
        computer = make_served()
        keep(computer, OTHER)
        wildcard, own = AUTHORITY.order(["*.example.com"], NOW), AUTHORITY.order(["own.example.com"], NOW)
        keep(computer, wildcard)
        keep(computer, own)
        computer.sni_bindings["*.example.com:443"] = binding(wildcard)
        computer.sni_bindings["Wiki.Example.org:443"] = binding(wildcard)
        computer.ssl_bindings["0.0.0.0:443"] = binding(OTHER)
        async with serving(computer) as port:
            assert await shown(port) == ISSUED.der
            assert await shown(port, "any.example.com") == wildcard.der
            assert await shown(port, "wiki.example.org") == wildcard.der
            assert await shown(port, "www.example.org") == OTHER.der
            assert await shown(port, None) == OTHER.der
            computer.ssl_bindings[f"{computer.installation.address}:443"] = binding(own)
            assert await shown(port) == own.der

    asyncio.run(run())


@pytest.mark.parametrize("case", ["no binding", "other store", "no key", "driver stopped", "powered off"])
def test_without_a_certificate_or_a_driver_the_connection_is_reset(case: str) -> None:
    computer = make_served()
    if case == "no binding":
        computer.sni_bindings.clear()
    elif case == "other store":
        computer.sni_bindings[f"{NAME}:443"] = binding(ISSUED, "WebHosting")
    elif case == "no key":
        computer.certificates.add("My", stored(ISSUED.der))
    elif case == "driver stopped":
        computer.services.stop("WinRM")
        computer.clock.advance(10)
        computer.services.stop("HTTP")
        computer.clock.advance(10)
    else:
        computer.powered = False

    async def run() -> None:
        async with serving(computer) as port:
            with pytest.raises(ConnectionResetError):
                await shown(port)

    asyncio.run(run())


def test_expired_certificates_and_those_for_other_names_are_served_all_the_same() -> None:
    async def run() -> None:
        computer = make_served()
        expired = AUTHORITY.issue([NAME], NOW - timedelta(days=91), NOW - timedelta(days=1))
        keep(computer, expired)
        keep(computer, OTHER)
        async with serving(computer) as port:
            for wrong in (expired, OTHER):
                computer.sni_bindings[f"{NAME}:443"] = binding(wrong)
                assert await shown(port) == wrong.der
                with pytest.raises(ssl.SSLCertVerificationError):
                    await shown(port, trust=True)

    asyncio.run(run())


def test_nobody_listens_at_a_closed_endpoint() -> None:
    async def run() -> None:
        async with serving(make_served(), EndpointFaults(closed=True)) as port:
            with pytest.raises(ConnectionRefusedError):
                await shown(port)

    asyncio.run(run())


def test_an_endpoint_that_hangs_says_nothing() -> None:
    async def run() -> None:
        async with serving(make_served(), EndpointFaults(hangs=True)) as port:
            with socket.create_connection((LOOPBACK, port)) as plain:
                plain.setblocking(False)  # noqa: FBT003 - the standard library's own signature
                plain.sendall(b"anything")
                async with serving(make_served()) as other:
                    # By the end of a whole handshake elsewhere the same loop has had its turn here.
                    await shown(other)
                with pytest.raises(BlockingIOError):
                    plain.recv(1)

    asyncio.run(run())


def test_a_certificate_that_cannot_be_read_comes_through_tls() -> None:
    async def run() -> None:
        async with serving(make_served(), EndpointFaults(unreadable=("WWW.*",))) as port:
            der = await shown(port)
            assert len(der) == len(ISSUED.der)
            with pytest.raises(x509.InvalidVersion):
                x509.load_der_x509_certificate(der)

    asyncio.run(run())


def test_thousands_of_names_share_a_listener() -> None:
    async def run() -> None:
        computer = make_served()
        computer.sni_bindings |= {f"site{number}.example.com:443": binding(ISSUED) for number in range(2000)}
        async with serving(computer) as port:
            names = [f"site{number}.example.com" for number in range(0, 2000, 200)]
            found = await asyncio.gather(*(shown(port, name) for name in names))
            assert set(found) == {ISSUED.der}

    asyncio.run(run())


def test_only_loopback_addresses_are_listened_on() -> None:
    async def run() -> None:
        endpoints = TlsEndpoints()
        with pytest.raises(UsageError) as refused:
            await endpoints.add(make_served(), "192.0.2.1")
        assert refused.value.id == "CA5060"
        await endpoints.close()

    asyncio.run(run())


def test_closing_takes_every_connection_along() -> None:
    def connect(port: int) -> ssl.SSLSocket:
        return client_context().wrap_socket(socket.create_connection((LOOPBACK, port)), server_hostname=NAME)

    def ended(client: ssl.SSLSocket) -> bool:
        client.settimeout(30)
        try:
            return client.recv(1) == b""
        except ConnectionResetError:
            return True

    async def run() -> None:
        endpoints = TlsEndpoints()
        port = await endpoints.add(make_served(), LOOPBACK)
        with await asyncio.to_thread(connect, port) as client:
            await endpoints.close()
            assert await asyncio.to_thread(ended, client)

    asyncio.run(run())
