from __future__ import annotations

import pytest
from conftest import Host

from certify_automation import onhost
from certify_automation.model.host import Auth

TEXT = "'visited'"
SCRIPT = onhost.Script("Observe", TEXT, "0" * 64)


@pytest.mark.parametrize("auth", [Auth.NEGOTIATE, Auth.NTLM])
def test_a_visit_over_http_is_answered(host: Host, auth: Auth) -> None:
    value = host.session(auth=auth).run(SCRIPT, {"a": ["ü", 1, None]}, acts=False)
    assert value["parameters"] == {"a": ["ü", 1, None]}


@pytest.mark.parametrize("auth", [Auth.NEGOTIATE, Auth.BASIC])
def test_a_visit_over_https_is_answered(host: Host, auth: Auth) -> None:
    value = host.session(host.https, auth=auth).run(SCRIPT, {}, acts=False)
    assert value["script"] == "Observe"
