"""What became of hosts: lines with styles for people, documents for programs. Pure: prints nothing."""

from certify_automation.report.documents import SCHEMA_VERSION, document, host_json, problem_json
from certify_automation.report.findings import (
    WIDTH,
    finding_json,
    finding_lines,
    finding_link,
    findings_text,
    remedy_summary,
    severity_style,
)
from certify_automation.report.following import renewals_line
from certify_automation.report.lines import host_lines, recap_line, status_style, summary_line
from certify_automation.report.listed import (
    CertificateRow,
    certificate_json,
    certificate_row,
    certificate_warnings,
    certificates_csv,
    expiry_text,
    one_line,
)
from certify_automation.report.remedies import left_heads, remedies_json, remedies_lines
from certify_automation.report.segments import Line, Segment, plain_text
from certify_automation.report.served import judgement_json, remedy_text, verdict_style, verdict_text
from certify_automation.report.wording import change_text, counted, status_text, value_text

__all__ = [
    "SCHEMA_VERSION",
    "WIDTH",
    "CertificateRow",
    "Line",
    "Segment",
    "certificate_json",
    "certificate_row",
    "certificate_warnings",
    "certificates_csv",
    "change_text",
    "counted",
    "document",
    "expiry_text",
    "finding_json",
    "finding_lines",
    "finding_link",
    "findings_text",
    "host_json",
    "host_lines",
    "judgement_json",
    "left_heads",
    "one_line",
    "plain_text",
    "problem_json",
    "recap_line",
    "remedies_json",
    "remedies_lines",
    "remedy_summary",
    "remedy_text",
    "renewals_line",
    "severity_style",
    "status_style",
    "status_text",
    "summary_line",
    "value_text",
    "verdict_style",
    "verdict_text",
]
