"""pywinrm's Transport with what it lets through: clear text, foreign answers, endless waits.

pywinrm keeps a requests session whose logon has failed, and then posts in clear what it should encrypt; it takes
unencrypted answers on an encrypted connection; and it does not look at whose answer it got.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import NoReturn

import requests
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError
from winrm.transport import Transport

from certify_automation.model.host import Connection, Scheme
from certify_automation.remote.authentication import MUTUAL, PYWINRM_NAMES, effective_auth, login, offered
from certify_automation.remote.line import Line, LineAdapter, endpoint_url
from certify_automation.remote.session import Deadline, Deadlines
from certify_automation.remote.symptoms import Noticed

_MESSAGE_ID = re.compile(rb"<(?:\w+:)?MessageID[^>]*>\s*([^<\s]+)\s*<")
_RELATES_TO = re.compile(rb"<(?:\w+:)?RelatesTo[^>]*>\s*([^<\s]+)\s*<")
_LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; pywinrm announces a MaxEnvelopeSize of 150 kB."""


class VisitTransport(Transport):
    """The HTTP side of one pywinrm Protocol: one TCP connection, one logon, one deadline.

    Attributes:
        deadline: of whatever is under way; may be replaced between two messages.
        line: the TCP connection.
    """

    def __init__(
        self, connection: Connection, patience: float, deadlines: Deadlines, admit: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._auth = effective_auth(connection)
        self._sealed = connection.scheme is Scheme.HTTP
        self._connect_seconds = deadlines.connect
        self._patience = patience
        self.deadline = Deadline(deadlines.connect)
        self.line = Line(admit)
        self._adapter = LineAdapter(connection, self.line)
        super().__init__(
            endpoint_url(connection),
            username=connection.username or None,
            password=connection.password.reveal() if connection.password else None,
            auth_method=PYWINRM_NAMES[self._auth],
            cert_pem=connection.certificate_file,
            cert_key_pem=connection.certificate_key_file,
            server_cert_validation="validate" if connection.verify else "ignore",
        )

    def build_session(self) -> requests.Session:
        """The requests session, logged on where encryption needs that first.

        Unlike pywinrm's it is not kept when the logon fails, and takes nothing from the environment: proxies and CA
        bundles named there are not meant for WinRM, and looking for them costs more than the request.
        """
        if self.session is not None:
            return self.session
        session = requests.Session()
        session.trust_env = False
        session.verify = self._connection.verify
        session.mount("http://", self._adapter)
        session.mount("https://", self._adapter)
        session.headers.update(self.default_headers)
        session.auth = login(self._connection)
        if session.auth is None:
            session.headers["Authorization"] = MUTUAL
        if self._sealed:
            try:
                self._log_on(session)
            except BaseException:
                session.close()
                raise
        self.session = session
        return session

    def send_message(self, message: str | bytes) -> bytes:
        """Send a SOAP envelope and return the one that answers it, encrypted both ways unless TLS does it.

        Raises:
            Noticed: what came back is not the answer to this message.
        """
        session = self.build_session()
        body = message.encode() if isinstance(message, str) else message
        if self.encryption is not None:
            prepared = self.encryption.prepare_encrypted_request(session, self.endpoint, body)
        else:
            prepared = session.prepare_request(requests.Request("POST", self.endpoint, data=body))
        text = self._get_message_response_text(self._send_message_request(session, prepared))
        answered, asked = _RELATES_TO.search(text), _MESSAGE_ID.search(body)
        if answered is None or asked is None or answered[1].lower() != asked[1].lower():
            raise Noticed("malformed", "it answers another message")
        return text

    def _log_on(self, session: requests.Session) -> None:
        """Do what encryption needs to have been done."""
        self.setup_encryption(session)
        if getattr(session.auth, "session_security", session.auth) is None:
            raise Noticed("not_winrm", "it asks nobody to log on")

    def _send_message_request(
        self, session: requests.Session, prepared_request: requests.PreparedRequest
    ) -> requests.Response:
        remaining = self.deadline.remaining()
        if remaining <= 0:
            raise Noticed("deadline")
        patience = (min(self._connect_seconds, remaining), min(self._patience, remaining))
        try:
            response = session.send(prepared_request, timeout=patience, stream=True, allow_redirects=False)
        except KeyError as error:  # requests-ntlm looks for the challenge in an answer that has none
            raise Noticed("logon_broken_off") from error
        except PermissionError as error:  # or finds a refusal in its place
            raise InvalidCredentialsError from error
        _read_all(response)
        if response.status_code != requests.codes.ok:
            self._refuse(response)
        return response

    def _refuse(self, response: requests.Response) -> NoReturn:
        status = response.status_code
        if status == requests.codes.unauthorized:
            schemes = response.headers.get("WWW-Authenticate", "")
            if not offered(self._auth, schemes):
                raise Noticed("scheme_not_offered", schemes, status)
            raise InvalidCredentialsError
        if status == requests.codes.bad_request and self.encryption is not None:
            raise Noticed("undecryptable", http_status=status)
        faulty = status == requests.codes.server_error and (self.encryption is not None or not self._sealed)
        text = self._get_message_response_text(response) if faulty and response.content else b""
        raise WinRMTransportError("http", status, text.decode())

    def _get_message_response_text(self, response: requests.Response) -> bytes:
        kind = response.headers.get("Content-Type", "").lower()
        if self.encryption is None:
            if response.status_code == requests.codes.ok and "soap+xml" not in kind:
                raise Noticed("not_winrm", kind or "no content type", response.status_code)
            return response.content
        if self.encryption.protocol_string.decode().lower() not in kind:
            raise Noticed("unsealed", http_status=response.status_code)
        return self.encryption.parse_encrypted_response(response)


def _read_all(response: requests.Response) -> None:
    """Take the body in, but not without end.

    Raises:
        Noticed: it is longer than any answer of a WinRM service.
    """
    body = response.raw.read(_LONGEST_ANSWER + 1, decode_content=True)
    if len(body) > _LONGEST_ANSWER:
        response.close()
        raise Noticed("too_much")
    response.raw.release_conn()
    response.raw = BytesIO(body)
