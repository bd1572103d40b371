"""What a terminal reports besides the value: repairs, what was left out, checks, the failure (PROTOCOL.md §4)."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

import msgspec

from gateway.core import messages
from gateway.core.checks import Checked
from gateway.core.parser import Repair
from gateway.core.redaction import Redaction
from gateway.core.validation import refusal
from gateway.core.values import JsonValue
from gateway.errors import GatewayError

__all__ = ["MAX_DROPPED", "Fault", "check_reports", "dropped_report", "failure_report", "repair_report"]

MAX_DROPPED = 100
"""Of the items that were left out are reported."""

Fault = dict[str, str]
"""A place and what is wrong there: `{path, message}`."""


def repair_report(repair: Repair) -> dict[str, JsonValue]:
    """Return a member of `repairs`."""
    return {"kind": repair.kind, "offset": repair.offset}


def check_reports(
    checks: Iterable[Checked] | None, redaction: Redaction
) -> list[messages.CheckReport] | msgspec.UnsetType:
    """Return `checks`, with places as they may be told."""
    return msgspec.UNSET if checks is None else [_check_report(result, redaction) for result in checks]


def _check_report(result: Checked, redaction: Redaction) -> messages.CheckReport:
    is_told = result.check.message and not result.is_passed
    message = result.check.message if is_told else msgspec.UNSET
    return messages.CheckReport(
        path=redaction.places([result.path])[0], name=result.check.name, passed=result.is_passed, message=message
    )


def dropped_report(
    dropped: Mapping[str, Mapping[int, list[Fault]]], shown: Callable[[GatewayError], GatewayError]
) -> list[dict[str, JsonValue]] | msgspec.UnsetType:
    """Return `dropped`, with errors as they may be told."""
    reports: list[dict[str, JsonValue]] = []
    for path, items in dropped.items():
        for index, faults in islice(items.items(), MAX_DROPPED - len(reports)):
            told = [dict[str, JsonValue](fault) for fault in shown(refusal(faults)).errors]
            reports.append({"path": f"{path}/{index}", "errors": [*told]})
    return reports or msgspec.UNSET


def failure_report(error: GatewayError) -> messages.Failure:
    """Return the `error` of `failed`."""
    return messages.Failure(
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        retry_after_ms=msgspec.UNSET if error.retry_after_ms is None else error.retry_after_ms,
        phase=msgspec.UNSET if error.phase is None else error.phase,
        errors=list(error.errors) if error.errors else msgspec.UNSET,
        param=msgspec.UNSET if error.param is None else error.param,
    )
