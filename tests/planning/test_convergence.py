"""Properties over many computers and declarations, against the pure model of an apply."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from certify_automation.diff import differences
from certify_automation.lab.certify.json_reader import CONFIGURATION, decode_text, read_json
from certify_automation.model.change import Change, FileWrite, ServiceRestart, ServiceStart, ServiceStop
from certify_automation.model.change_codec import recovery_to_json
from certify_automation.model.config_files import FileName
from certify_automation.model.host import HostState
from certify_automation.model.impact import Impact, Reversal
from certify_automation.model.plan import undo
from certify_automation.model.recovery import FailureAction, Recovery, RecoveryAction
from certify_automation.plan import PlanOptions, make_plan
from certify_automation.plan.changes import ORDER
from planning.computer import BLOCKING, EVERYWHERE, Computer, failure_actions
from planning.declared import host_state
from planning.descriptors import descriptor
from planning.situations import CONFIG, RUN, SERVERS

ADDRESSES = st.sampled_from(["127.0.0.1", "127.0.0.2", "127.0.0.3", *EVERYWHERE, "::1", "10.0.0.5", "nonsense"])
URLS = st.sampled_from(["http://127.0.0.2:9696/", "http://127.0.0.3:9700/", "http://+:80/x/"])
SDDL = st.sampled_from(["D:(A;;GX;;;SY)", "D:(A;;GX;;;WD)", "D:(A;;GA;;;BA)(A;;GX;;;NS)"])
MODES = st.sampled_from(["automatic", "automatic-delayed", "manual", "disabled"])
CONFIGS = st.sampled_from(
    [
        None,
        CONFIG,
        b"",
        b"{}",
        b'{"Port": 9696',
        b'{"Port": 9700, "Host": "127.0.0.3", "Mine": 1.10}',
        b'// old\r\n{"port": "9697", "HOST": "127.0.0.2", "UseHTTPS": null}',
        b'{"port": 9696, "Port": 9702}',
    ]
)
LISTS = st.sampled_from(
    [None, SERVERS, b"[]", b"{}", b'[{"DisplayName": "old", "IsDefault": true}, {"DisplayName": "(LOCAL)"}]', b"[1]"]
)
CORE_FILES = st.sampled_from(
    [
        None,
        b"{}",
        b'{"Kestrel": {"Endpoints": {"SvcHttpEndpoint": {"Url": "http://127.0.0.2:9696"}}}}',
        b'{// ours\n"kestrel:endpoints": {"a": {"url": "http://*:9700", "Protocols": "Http1"}}}',
        b'{"Kestrel": {"Endpoints": {"a": {"Url": "http://127.0.0.2:9696"}, "b": {"Url": "http://127.0.0.3:1"}}}}',
    ]
)
RESTARTS = Recovery(86400, (FailureAction(RecoveryAction.RESTART, 60000),), on_stop_with_error=True)
LISTS_OF_FOLDERS = [
    "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
    "D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)",
    "D:P(D;;FW;;;S-1-5-21-1-2-3-1105)(A;OICI;FA;;;WD)(A;OICI;FR;;;S-1-5-21-1-2-3-1104)",
    "D:NO_ACCESS_CONTROL",
]
LETS_IN = "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=9696|Name=theirs|"
COMPUTERS = st.builds(
    Computer,
    generation=st.sampled_from(["v6", "v7"]),
    state=st.sampled_from(["Running", "Stopped"]),
    start_mode=MODES,
    driver_state=st.sampled_from(["Running", "Running", "Stopped"]),
    driver_mode=st.sampled_from(["manual", "disabled"]),
    files=st.fixed_dictionaries({"serviceconfig": CONFIGS, "servers": LISTS, "appsettings_core": CORE_FILES}),
    listen=st.lists(ADDRESSES, max_size=3, unique=True),
    reservations=st.dictionaries(URLS, SDDL.map(descriptor), max_size=2),
    taken=st.sampled_from([(), (), (), (("127.0.0.2", 9696),)]),
    failure_actions=st.sampled_from([None, failure_actions(RESTARTS)[0], failure_actions(Recovery())[0]]),
    failure_flag=st.booleans(),
    acl=st.sampled_from(LISTS_OF_FOLDERS),
    rules=st.sampled_from([(), (BLOCKING.format(9696),), (BLOCKING.format(9700),), (LETS_IN,)]).map(list),
    environment=st.sampled_from([{}, {}, {"CERTIFY_SERVICE_AUTH_MODE": "none"}]),
)


def running(computer: Computer) -> Computer:
    """The computer as its service left it when it last started."""
    if computer.state == "Running":
        mode, computer.start_mode = computer.start_mode, "manual"
        computer.start()
        computer.start_mode = mode
    return computer


OPTIONS = st.builds(
    PlanOptions, st.just(RUN), allow_lockout=st.booleans(), visited_address=st.sampled_from([None, "10.0.0.5"])
)
CONNECTIONS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["(local)", "old", "new"])},
        optional={"Port": st.integers(9696, 9698), "absent": st.booleans(), "UseHTTPS": st.booleans()},
    ),
    max_size=3,
    unique_by=lambda entry: str(entry["name"]),
)


@st.composite
def declarations(draw: st.DrawFn) -> HostState:
    """Any declaration that the validator lets pass, with at most one default connection."""
    connections: list[dict[str, Any]] = [*draw(CONNECTIONS)]
    if connections and draw(st.booleans()):
        connections[0] |= {"IsDefault": True}
    parts: dict[str, Any] = {
        "service": draw(
            st.fixed_dictionaries({}, optional={"state": st.sampled_from(["running", "stopped"]), "start_mode": MODES})
        ),
        "driver": draw(
            st.fixed_dictionaries({}, optional={"state": st.just("running"), "start_mode": st.just("manual")})
        ),
        "config": draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "Host": st.sampled_from(["127.0.0.2", "127.0.0.3"]),
                    "Port": st.sampled_from([9696, 9700]),
                    "LogLevel": st.sampled_from(["information", "debug"]),
                    "Extra": st.integers() | st.lists(st.text(max_size=3), max_size=2),
                },
            )
        ),
        "connections": connections,
        "ip_listen": draw(
            st.sampled_from([{"reachable": ["127.0.0.2", "127.0.0.1"]}, {"include": ["127.0.0.3"]}, {"exactly": []}])
        ),
        "url_reservations": draw(
            st.lists(
                st.builds(
                    lambda url, sddl, absent: {"url": url, "sddl": sddl, "absent": absent}, URLS, SDDL, st.booleans()
                ),
                max_size=2,
                unique_by=lambda entry: str(entry["url"]),
            )
        ),
        "http_01": draw(st.booleans()),
        "kestrel_endpoint": draw(st.sampled_from(["align", "leave", "error"])),
        "recovery": recovery_to_json(draw(st.sampled_from([RESTARTS, Recovery()]))),
        "account": "localsystem",
        "data_directory_restricted": draw(st.booleans()),
        "api_exposure": draw(st.fixed_dictionaries({}, optional={"block": st.booleans(), "loopback": st.booleans()})),
        "environment": {"certify_service_auth_mode": None},
    }
    chosen = draw(st.sets(st.sampled_from(sorted(parts))))
    few = draw(st.booleans())
    return host_state({name: part for name, part in parts.items() if (name in chosen) is few})


@settings(max_examples=200, deadline=None)
@given(COMPUTERS.map(running), declarations(), OPTIONS)
def test_after_the_plan_there_is_nothing_left_to_plan(
    computer: Computer, state: HostState, options: PlanOptions
) -> None:
    plan = make_plan("host", state, computer.facts(), options)
    if plan.refusals:
        assert plan.changes == ()
        return
    lockout = any(change.impact is Impact.LOCKOUT for change in plan.changes)
    assert options.allow_lockout or not lockout
    assert plan.confirm_seconds == options.confirm_seconds if lockout else True
    for change in plan.changes:
        computer.apply(change)
    again = make_plan("host", state, computer.facts(), PlanOptions(RUN))
    assert again.differences == ()
    assert (again.changes, again.refusals) == ((), ())
    assert differences(state, computer.facts()) == ()


@settings(max_examples=200, deadline=None)
@given(COMPUTERS.map(running), declarations(), OPTIONS, st.data())
def test_undoing_what_was_done_so_far_brings_the_host_back(
    computer: Computer, state: HostState, options: PlanOptions, data: st.DataObject
) -> None:
    plan = make_plan("host", state, computer.facts(), options)
    before = copy.deepcopy(computer)
    # Something is undone because a later step failed; after a stop, which is the last one, nothing can.
    last = len(plan.changes) - any(isinstance(change, ServiceStop) for change in plan.changes)
    done = plan.changes[: data.draw(st.integers(0, last))]
    for change in done:
        computer.apply(change)
    for change in undo(done):
        computer.apply(change)
    if any(change.reversal is Reversal.KEPT for change in done) and before.state == "Running":
        # A driver that was started stays: the service may now listen where it could not.
        before.driver_state = "Running"
        before.bound = computer.bound
    assert without_bound(computer, done) == without_bound(before, done)


def without_bound(computer: Computer, done: tuple[Change, ...]) -> object:
    """The managed state; where the service listens only counts if the undo had a reason to start it anew."""
    restarted = any(isinstance(change, ServiceRestart | ServiceStop) for change in done)
    state = copy.deepcopy(computer)
    if restarted:
        state.bound = None
    return state.managed()


@settings(deadline=None)
@given(COMPUTERS.map(running), declarations())
def test_a_plan_keeps_the_order_and_acts_on_the_service_once_and_last(computer: Computer, state: HostState) -> None:
    plan = make_plan("host", state, computer.facts(), PlanOptions(RUN))
    kinds = [change.kind for change in plan.changes]
    assert kinds == sorted(kinds, key=ORDER.index)
    acts = [isinstance(change, ServiceRestart | ServiceStart | ServiceStop) for change in plan.changes]
    assert sum(acts) <= 1
    assert not any(acts[:-1])
    starts = any(isinstance(change, ServiceRestart | ServiceStart) for change in plan.changes)
    assert (plan.port_check is not None) is starts
    assert plan.health is not None if starts else True


@settings(deadline=None)
@given(COMPUTERS.map(running), declarations())
def test_files_are_written_as_the_product_reads_them_and_never_where_nothing_differs(
    computer: Computer, state: HostState
) -> None:
    plan = make_plan("host", state, computer.facts(), PlanOptions(RUN))
    for change in plan.changes:
        if isinstance(change, FileWrite):
            assert change.before == computer.files[change.file.value]
            assert change.after is not None
            assert change.after != change.before
            if change.file is FileName.APPSETTINGS_CORE:
                read_json(decode_text(change.after), CONFIGURATION)
            else:
                json.loads(change.after)
