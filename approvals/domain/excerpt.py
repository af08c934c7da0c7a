"""A short look at an upstream's answer, for reviewers: redacted, visible, bounded, never rendered.

The answer itself is the agent's, byte for byte; here is only enough to see that the right thing happened.
"""

from __future__ import annotations

import json
from typing import Any

from approvals.domain import plain
from approvals.domain.model import Cause, Outcome, State
from approvals.domain.redact import Redactor

SHOWN = 600
READ_MAX = 128 * 1024
"""A longer answer is not parsed for a card: it is told by its size."""
BLOCKS_MAX = 20


def result_label(state: State, cause: Cause | None) -> str:
    """What stands before it: where nothing was sent, or nobody knows, it is no word of the server's."""
    if cause is Cause.UNSENT:
        return "Not sent because"
    return "What is known" if state is State.UNKNOWN else "The server answered"


def result_excerpt(outcome: Outcome | None) -> str | None:
    """The beginning of what came back, or None if nothing did."""
    if outcome is None:
        return None
    if outcome.result is None:
        return _shown(outcome.error) if outcome.error else None
    if len(outcome.result) > READ_MAX:
        return f"(an answer of {len(outcome.result):,} bytes; the page shows it)"
    try:
        answer = json.loads(outcome.result)
    except ValueError:
        return f"(an answer of {len(outcome.result):,} bytes that is not JSON)"
    return _shown("\n".join(_parts(answer))) or "(an empty answer)"


def _parts(answer: Any) -> list[str]:
    if not isinstance(answer, dict):
        return [_json(answer)]
    if "error" in answer and "content" not in answer:
        error = answer["error"]
        return (
            [error["message"]] if isinstance(error, dict) and isinstance(error.get("message"), str) else [_json(error)]
        )
    blocks = answer.get("content")
    if not isinstance(blocks, list):
        return [_json(answer)]
    parts = [_block(block) for block in blocks[:BLOCKS_MAX]]
    if len(blocks) > BLOCKS_MAX:
        parts.append(f"({len(blocks) - BLOCKS_MAX} more parts)")
    if not blocks and "structuredContent" in answer:
        parts.append(_json(answer["structuredContent"]))
    return parts


def _block(block: Any) -> str:
    if not isinstance(block, dict):
        return "(something that is not a content block)"
    if block.get("type") == "text" and isinstance(block.get("text"), str):
        return _text(block["text"])
    return f"({block.get('type') or 'unnamed'} content)"


def _text(text: str) -> str:
    # Many servers answer JSON inside a text: its member names tell the redactor what is secret.
    if text[:1] in ("{", "["):
        try:
            return json.dumps(Redactor().value(json.loads(text)), ensure_ascii=False)
        except (ValueError, RecursionError):
            return text
    return text


def _json(value: Any) -> str:
    return json.dumps(Redactor().value(value), ensure_ascii=False)


def _shown(text: str) -> str:
    return plain.shorten(plain.visible_lines(Redactor().text(text)), SHOWN)
