"""The audit chain in the formats of others: JSON Lines, CSV that is safe in a spreadsheet, and OCSF events."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from approvals.domain.audit import Entry
from approvals.web.proof import shown

COLUMNS = (
    "seq", "at", "action", "actor", "via", "request", "subject", "before", "after", "binding", "detail", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
OCSF_VERSION = "1.5.0"
_API_ACTIVITY = 6003
_ACTIVITIES = {"filed": 1, "added": 1, "saved": 3, "removed": 4, "revoked": 4}
"""OCSF's activity ids: 1 create, 2 read, 3 update, 4 delete, 99 other."""


def json_line(entry: Entry) -> str:
    """One entry on a line of JSON, in which it can be verified again."""
    return json.dumps({"kind": "entry", **shown(entry)}, ensure_ascii=True)


def csv_header() -> str:
    """The names of the columns."""
    return _csv(list(COLUMNS))


def csv_line(entry: Entry) -> str:
    """One entry as a line of CSV (RFC 4180); no cell begins like a formula."""
    values = shown(entry)
    values["detail"] = None if values["detail"] is None else json.dumps(values["detail"], ensure_ascii=True)
    return _csv([_safe(values[name]) for name in COLUMNS])


def ocsf(entry: Entry) -> dict[str, Any]:
    """One entry as an OCSF event of the class API Activity."""
    act = entry.act
    activity = _ACTIVITIES.get(act.action.rpartition(".")[2], 99)
    return {
        "category_uid": 6,
        "class_uid": _API_ACTIVITY,
        "type_uid": _API_ACTIVITY * 100 + activity,
        "activity_id": activity,
        "activity_name": act.action,
        "time": int(act.at.timestamp() * 1000),
        "severity_id": 1,
        "status_id": 2 if act.action.endswith("refused") else 1,
        "actor": {"user": _user(act.actor)},
        "api": {"operation": act.action, "service": {"name": "placet"}},
        "src_endpoint": {"name": act.via or "placet"},
        "resources": [{"uid": act.request or act.subject or "placet", "type": "request" if act.request else "object"}],
        "metadata": {
            "version": OCSF_VERSION,
            "uid": entry.hash,
            "sequence": entry.seq,
            "product": {"name": "Placet", "vendor_name": "Placet"},
        },
        "unmapped": {
            key: value for key, value in shown(entry).items() if key in {"before", "after", "binding", "prev"}
        },
    }


def _user(actor: str) -> dict[str, Any]:
    if "@" in actor:
        return {"uid": actor, "email_addr": actor, "type_id": 1}
    return {"uid": actor, "name": actor, "type_id": 3}


def _safe(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
