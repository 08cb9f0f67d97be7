"""Who is at the other end of one connection: Negotiate (NTLM and SPNEGO), CredSSP, Basic, client certificates."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from functools import lru_cache

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import BadBindingsError, SpnegoError

from certify_automation.lab.authority import USER_PRINCIPAL_NAME
from certify_automation.lab.winrm.accounts import Accounts
from certify_automation.lab.winrm.host import Account, ChannelBinding, Logon
from certify_automation.lab.winrm.tls import credssp_context

MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
"""Authorization header of a client that logs in with its TLS certificate (DSP0226 C.3.5)."""

_NTLM_TYPE_1 = b"NTLMSSP\0\x01"
_NTLM = b"NTLMSSP\0"
_SPNEGO_INIT = b"\x60"
_MALFORMED = (SpnegoError, struct.error, ValueError, IndexError, KeyError, TypeError, NotImplementedError)
_UTF8_STRING_HEAD = 2


@dataclass(frozen=True, slots=True)
class Login:
    """Who was let in, and into which kind of logon session."""

    account: Account
    logon: Logon


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request's credentials: a login, or None with what WWW-Authenticate shall say."""

    login: Login | None
    challenges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """What is known of the transport: for HTTPS the server's certificate and the client's, both DER."""

    server_certificate: bytes | None = None
    client_certificate: bytes | None = None

    @property
    def secure(self) -> bool:
        """Whether this is TLS."""
        return self.server_certificate is not None


class Authentication:
    """The authentication state of one connection.

    Negotiate and CredSSP authenticate the connection: once complete, further requests need no header, and `context`
    seals messages. Basic and certificate authenticate each request.
    """

    def __init__(self, accounts: Accounts, channel: Channel, binding: ChannelBinding) -> None:
        self._accounts = accounts
        self._channel = channel
        self._binding = binding
        self._context: spnego.ContextProxy | None = None
        self._login: Login | None = None

    @property
    def context(self) -> spnego.ContextProxy | None:
        """The completed security context, if there is one."""
        return self._context if self._login else None

    def refuse(self) -> Verdict:
        """Forget whoever was logged in, and offer the schemes again."""
        self._context = None
        self._login = None
        return Verdict(None, self.offers())

    def offers(self) -> tuple[str, ...]:
        """The schemes, one header each; Basic would be in clear over HTTP and is not offered there."""
        schemes = ("Negotiate", "Kerberos", "CredSSP")
        return (*schemes, 'Basic realm="WSMAN"') if self._channel.secure else schemes

    def judge(self, header: str | None) -> Verdict:
        """The verdict on a request with this Authorization header."""
        if header is None:
            return Verdict(self._login) if self._login else Verdict(None, self.offers())
        scheme, _, token = header.strip().partition(" ")
        match scheme.lower():
            case "negotiate" | "credssp":
                return self._step(scheme, token)
            case "basic" if self._channel.secure:
                return self._verdict(self._basic(token), Logon.NETWORK)
            case _ if header.strip() == MUTUAL and self._channel.client_certificate:
                name = account_name(self._channel.client_certificate)
                return self._verdict(self._accounts.find(name), Logon.NETWORK)
            case _:
                return self.refuse()

    def _verdict(self, account: Account | None, logon: Logon) -> Verdict:
        return Verdict(Login(account, logon)) if account else self.refuse()

    def _basic(self, token: str) -> Account | None:
        try:
            name, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._accounts.check(name, password)

    def _step(self, scheme: str, text: str) -> Verdict:
        try:
            token = base64.b64decode(text, validate=True)
            credssp = scheme.lower() == "credssp"
            if self._login or self._context is None or token.startswith((_NTLM_TYPE_1, _SPNEGO_INIT)):
                self._login = None
                self._context = self._new_context(token, credssp=credssp)
            with self._accounts.for_acceptor():
                answer = self._context.step(token) if credssp else self._step_bound(self._context, token)
        except _MALFORMED:
            return self.refuse()
        encoded = (f"{scheme} {base64.b64encode(answer).decode()}",) if answer else ()
        if not self._context.complete:
            return Verdict(None, encoded or self.offers())
        account = self._accounts.find(self._context.client_principal)
        if account is None:
            return self.refuse()
        self._login = Login(account, Logon.CREDSSP if credssp else Logon.NETWORK)
        return Verdict(self._login, encoded)

    def _new_context(self, token: bytes, *, credssp: bool) -> spnego.ContextProxy:
        options = spnego.NegotiateOptions
        with self._accounts.for_acceptor():
            if credssp:
                return spnego.server(protocol="credssp", credssp_tls_context=credssp_context())
            if token.startswith(_NTLM):
                return spnego.server(protocol="ntlm", options=options.use_ntlm)
            return spnego.server(protocol="negotiate", options=options.use_negotiate)

    def _step_bound(self, context: spnego.ContextProxy, token: bytes) -> bytes | None:
        certificate = self._channel.server_certificate
        if certificate is None or self._binding is ChannelBinding.NONE:
            return context.step(token)
        try:
            return context.step(token, channel_bindings=channel_bindings(certificate))
        except BadBindingsError as error:
            if self._binding is ChannelBinding.STRICT or "not present" not in str(error):
                raise
            return context.step(token)


@lru_cache(maxsize=1024)
def channel_bindings(certificate: bytes) -> GssChannelBindings:
    """The tls-server-end-point binding of a DER certificate (RFC 5929 section 4.1)."""
    algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None or algorithm.name in {"md5", "sha1"}:
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


@lru_cache(maxsize=1024)
def account_name(certificate: bytes) -> str | None:
    """The account a DER client certificate is mapped to: the part of its user principal name before the `@`."""
    try:
        extension = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return None
    for other in extension.value.get_values_for_type(x509.OtherName):
        if other.type_id == USER_PRINCIPAL_NAME:
            return other.value[_UTF8_STRING_HEAD:].decode("utf-8", "replace").rpartition("@")[0]
    return None
