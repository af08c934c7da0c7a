"""Text objects, options, confirm dialogs and interactive elements: what Slack accepts of each.

Tables only; the numbers are in `limits`, the machinery in `schema`. Which element may stand in
which block is said at the end.
"""

from __future__ import annotations

from approvals.testing.slack import limits
from approvals.testing.slack.schema import (
    Check,
    anything,
    array,
    boolean,
    both,
    integer,
    needs_any,
    one_of,
    record,
    string,
    tagged,
    web_url,
    within,
)

MISMATCH = "failed to match all allowed schemas"

identifier = string(limits.IDENTIFIER)


def plain(longest: int, *, shortest: int = 1) -> Check:
    """A plain_text object."""
    kinds = {"plain_text": record({"text": string(longest, shortest=shortest)}, {"emoji": boolean})}
    return within(tagged(kinds), says=MISMATCH)


def text(longest: int) -> Check:
    """A plain_text or mrkdwn object."""
    body = string(longest)
    kinds = {
        "plain_text": record({"text": body}, {"emoji": boolean}),
        "mrkdwn": record({"text": body}, {"verbatim": boolean}),
    }
    return within(tagged(kinds), says=MISMATCH)


confirm = record(
    {"title": plain(limits.CONFIRM_TITLE), "text": text(limits.CONFIRM_TEXT)},
    {
        "confirm": plain(limits.CONFIRM_BUTTON),
        "deny": plain(limits.CONFIRM_BUTTON),
        "style": one_of("primary", "danger"),
    },
)
plain_option = record(
    {"text": plain(limits.OPTION_TEXT), "value": string(limits.OPTION_VALUE)},
    {"description": plain(limits.OPTION_TEXT), "url": both(string(limits.URL), web_url)},
)
rich_option = record(
    {"text": text(limits.OPTION_TEXT), "value": string(limits.OPTION_VALUE)},
    {"description": text(limits.OPTION_TEXT)},
)
option_group = record(
    {"label": plain(limits.OPTION_TEXT), "options": array(plain_option, limits.SELECT_OPTIONS)},
)
dispatch = record({}, {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2)})

_shared: dict[str, Check] = {"action_id": identifier}
_asking: dict[str, Check] = {**_shared, "confirm": confirm, "focus_on_load": boolean}
_placeheld: dict[str, Check] = {**_asking, "placeholder": plain(limits.PLACEHOLDER)}
_typed: dict[str, Check] = {
    **_shared,
    "placeholder": plain(limits.PLACEHOLDER),
    "focus_on_load": boolean,
    "dispatch_action_config": dispatch,
}

button = record(
    {"text": plain(limits.BUTTON_TEXT)},
    {
        **_shared,
        "url": both(string(limits.URL), web_url),
        "value": string(limits.BUTTON_VALUE),
        "style": one_of("primary", "danger"),
        "confirm": confirm,
        "accessibility_label": string(limits.BUTTON_TEXT),
    },
)
image = record(
    {"alt_text": string(limits.ALT_TEXT)},
    {"image_url": both(string(limits.IMAGE_URL), web_url), "slack_file": anything},
    needs_any("image_url", "slack_file"),
)
plain_text_input = record(
    {},
    {
        **_typed,
        "initial_value": string(limits.INPUT_VALUE, shortest=0),
        "multiline": boolean,
        "min_length": integer(0, limits.INPUT_VALUE),
        "max_length": integer(1, limits.INPUT_VALUE),
    },
)
_select: dict[str, Check] = {
    **_placeheld,
    "options": array(plain_option, limits.SELECT_OPTIONS),
    "option_groups": array(option_group, limits.SELECT_OPTIONS),
}
static_select = record({}, {**_select, "initial_option": plain_option}, needs_any("options", "option_groups"))
multi_static_select = record(
    {},
    {
        **_select,
        "initial_options": array(plain_option, limits.SELECT_OPTIONS),
        "max_selected_items": integer(1, limits.SELECT_OPTIONS),
    },
    needs_any("options", "option_groups"),
)
radio_buttons = record(
    {"options": array(rich_option, limits.RADIO_OPTIONS)}, {**_asking, "initial_option": rich_option}
)
checkboxes = record(
    {"options": array(rich_option, limits.CHECKBOX_OPTIONS)},
    {**_asking, "initial_options": array(rich_option, limits.CHECKBOX_OPTIONS)},
)
overflow = record({"options": array(plain_option, limits.OVERFLOW_OPTIONS)}, {**_shared, "confirm": confirm})
number_input = record(
    {"is_decimal_allowed": boolean},
    {**_typed, "initial_value": anything, "min_value": anything, "max_value": anything},
)
text_field = record({}, {**_typed, "initial_value": string(limits.INPUT_VALUE, shortest=0)})


def _picker(initial: str) -> Check:
    return record({}, {**_placeheld, initial: anything})


PICKERS: dict[str, Check] = {
    "datepicker": _picker("initial_date"),
    "timepicker": _picker("initial_time"),
    "datetimepicker": _picker("initial_date_time"),
    "users_select": _picker("initial_user"),
    "channels_select": _picker("initial_channel"),
    "conversations_select": _picker("initial_conversation"),
    "multi_users_select": _picker("initial_users"),
}
CHOICES: dict[str, Check] = {
    "static_select": static_select,
    "multi_static_select": multi_static_select,
    "radio_buttons": radio_buttons,
    "checkboxes": checkboxes,
    **PICKERS,
}
IN_ACTIONS = tagged({"button": button, "overflow": overflow, **CHOICES})
IN_SECTION = tagged({"button": button, "overflow": overflow, "image": image, **CHOICES})
IN_INPUT = tagged(
    {
        "plain_text_input": plain_text_input,
        "number_input": number_input,
        "email_text_input": text_field,
        "url_text_input": text_field,
        **CHOICES,
    }
)
IN_CONTEXT = tagged(
    {
        "image": image,
        "plain_text": text(limits.CONTEXT_TEXT),
        "mrkdwn": text(limits.CONTEXT_TEXT),
    }
)
