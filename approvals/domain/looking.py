"""What of a request is not what it looks like, one sentence a kind: the warnings of whatever surface shows it. Pure."""

from __future__ import annotations

from approvals.domain import plain
from approvals.domain.model import ApprovalRequest
from approvals.domain.redact import redact_text

WARNING = 400


def warnings_of(request: ApprovalRequest, arguments: object, *, hidden: int = 0) -> tuple[str, ...]:
    """Letters that pass for others, what cannot be seen, and how many values are hidden; secrets are masked in it."""
    found = [f"In the arguments, {warning}" for warning in plain.warnings(arguments)]
    said = {"tool": request.call.tool, "justification": request.justification or ""}
    found += [f"In what the agent says, {warning}" for warning in plain.warnings(said)]
    if hidden:
        values = "1 value is" if hidden == 1 else f"{hidden} values are"
        found.append(f"{values} hidden here because they look like secrets; the page shows the full call")
    return tuple(plain.shorten(plain.visible(redact_text(warning)), WARNING) for warning in found)
