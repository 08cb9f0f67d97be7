"""One wrong password costs one failed logon."""

from __future__ import annotations

import threading

import pytest

from certify_automation.errors import AuthenticationRefused
from certify_automation.model.host import Connection
from certify_automation.model.secret import Secret
from certify_automation.remote import Credentials

FIRST = Connection("web01", username="CORP\\svc", password=Secret("a"))
SECOND = Connection("web02", username="corp\\SVC", password=Secret("a"))
THIRD = Connection("web03", username="corp\\svc", password=Secret("a"))
OTHER = Connection("web03", username="CORP\\svc", password=Secret("b"))


def test_a_refusal_holds_for_the_same_credential_only() -> None:
    credentials = Credentials()
    credentials.refused(FIRST)
    with pytest.raises(AuthenticationRefused) as caught:
        credentials.check(SECOND)
    assert caught.value.message == "web02: not tried, because web01 has refused the credential of corp\\SVC"
    credentials.check(OTHER)


def test_the_second_host_waits_for_the_first_and_is_then_turned_away() -> None:
    credentials, inside, leave, told = Credentials(), threading.Event(), threading.Event(), []

    def first() -> None:
        with credentials.trial(FIRST):
            inside.set()
            leave.wait()
            credentials.refused(FIRST)

    def second() -> None:
        try:
            with credentials.trial(SECOND):
                told.append("in")
        except AuthenticationRefused as error:
            told.append(error.id)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    inside.wait()
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join()
    assert told == ["CA2011"]


def test_a_host_that_fails_otherwise_lets_the_next_one_try() -> None:
    credentials = Credentials()
    with pytest.raises(OSError, match="gone"), credentials.trial(FIRST):
        raise OSError("gone")
    with credentials.trial(SECOND):
        pass


def test_nobody_waits_for_ever() -> None:
    credentials = Credentials(patience=0.01)
    with credentials.trial(FIRST), credentials.trial(SECOND):
        pass


def test_nobody_waits_once_a_host_has_accepted() -> None:
    credentials = Credentials(patience=1000)
    credentials.accepted(OTHER)
    credentials.accepted(FIRST)
    with credentials.trial(FIRST), credentials.trial(SECOND):
        pass


def test_a_host_that_has_let_it_in_is_still_asked_after_another_has_refused_it() -> None:
    credentials = Credentials()
    credentials.accepted(FIRST)
    credentials.refused(SECOND)
    with credentials.trial(FIRST):
        pass
    for connection in (SECOND, THIRD):
        with pytest.raises(AuthenticationRefused):
            credentials.check(connection)


def test_one_odd_host_stops_no_other_and_two_do() -> None:
    credentials = Credentials()
    for connection in (FIRST, SECOND, THIRD):
        credentials.accepted(connection)
    credentials.refused(FIRST)
    with pytest.raises(AuthenticationRefused):
        credentials.check(FIRST)
    credentials.check(THIRD)
    credentials.refused(SECOND)
    with pytest.raises(AuthenticationRefused):
        credentials.check(THIRD)
