"""What a run changed, field by field, to be as it was before: by the host's own record, compared with now. Pure."""

from certify_automation.rollback.record import (
    ID_DIGITS,
    NO_RUN,
    asked_for,
    changes_of,
    check_kept,
    run_meant,
    run_text,
    summary_of,
)
from certify_automation.rollback.taking_back import TakenBack, as_planned, take_back

__all__ = [
    "ID_DIGITS",
    "NO_RUN",
    "TakenBack",
    "as_planned",
    "asked_for",
    "changes_of",
    "check_kept",
    "run_meant",
    "run_text",
    "summary_of",
    "take_back",
]
