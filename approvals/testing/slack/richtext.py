"""What Slack accepts inside a rich_text block: sections, lists, quotes and preformatted text."""

from __future__ import annotations

from approvals.testing.slack import limits
from approvals.testing.slack.schema import (
    Check,
    array,
    boolean,
    integer,
    one_of,
    record,
    string,
    tagged,
)

_MANY = 1000
_short = string(limits.IDENTIFIER)
_style = record({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight"), boolean))


def _styled(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return record(required, {**(optional or {}), "style": _style})


_text = _styled({"text": string(limits.POST_TEXT)})
_link = _styled({"url": string(limits.URL)}, {"text": string(limits.POST_TEXT), "unsafe": boolean})

INLINE = tagged(
    {
        "text": _text,
        "link": _link,
        "user": _styled({"user_id": _short}),
        "channel": _styled({"channel_id": _short}),
        "usergroup": _styled({"usergroup_id": _short}),
        "emoji": _styled({"name": _short}, {"unicode": _short, "skin_tone": integer(1, 6)}),
        "broadcast": _styled({"range": one_of("here", "channel", "everyone")}),
        "date": _styled(
            {"timestamp": integer(0, 10**11), "format": _short}, {"url": string(limits.URL), "fallback": _short}
        ),
        "color": _styled({"value": _short}),
    }
)
_inline_many = array(INLINE, _MANY, least=0)
_section = record({"elements": _inline_many})
_border = integer(0, 1)

PARTS = tagged(
    {
        "rich_text_section": _section,
        "rich_text_list": record(
            {
                "style": one_of("bullet", "ordered"),
                "elements": array(tagged({"rich_text_section": _section}), _MANY),
            },
            {"indent": integer(0, 8), "offset": integer(0, _MANY), "border": _border},
        ),
        "rich_text_preformatted": record(
            {"elements": array(tagged({"text": _text, "link": _link}), _MANY, least=0)},
            {"border": _border, "language": _short},
        ),
        "rich_text_quote": record({"elements": _inline_many}, {"border": _border}),
    }
)
RICH_TEXT = record({"elements": array(PARTS, _MANY)}, {"block_id": _short})
