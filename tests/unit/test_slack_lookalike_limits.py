"""The limits the look-alike of Slack enforces: the largest that fits, and one more that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from approvals.testing.slack import limits
from approvals.testing.slack.blocks import Surface, completed, problems_in, weight
from approvals.testing.slack.views import problems_in_view

Json = dict[str, Any]
Build = Callable[[int], list[Json]]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(number: int = 0, **fields: Any) -> Json:
    return {"type": "button", "action_id": f"a{number}", "text": plain("Go"), **fields}


def options(count: int, value: int = 1) -> list[Json]:
    return [{"text": plain("x"), "value": f"{n}".ljust(value, "v")} for n in range(count)]


def actions(*elements: Json) -> list[Json]:
    return [{"type": "actions", "elements": list(elements)}]


def with_input(**element: Any) -> list[Json]:
    return [{"type": "input", "label": plain("L"), "element": {"type": "plain_text_input", **element}}]


def confirm(**fields: Any) -> list[Json]:
    return actions(button(confirm={"title": plain("T"), "text": mrkdwn("x"), **fields}))


SIZES: list[tuple[str, int, Build, str]] = [
    ("blocks", limits.BLOCKS_PER_MESSAGE, lambda n: [{"type": "divider"}] * n, "/blocks"),
    ("header", limits.HEADER_TEXT, lambda n: [{"type": "header", "text": plain("x" * n)}], "/blocks/0/text/text"),
    ("section", limits.SECTION_TEXT, lambda n: [{"type": "section", "text": mrkdwn("x" * n)}], "/blocks/0/text/text"),
    (
        "field",
        limits.SECTION_FIELD,
        lambda n: [{"type": "section", "fields": [mrkdwn("x" * n)]}],
        "/blocks/0/fields/0/text",
    ),
    ("fields", limits.SECTION_FIELDS, lambda n: [{"type": "section", "fields": [mrkdwn("x")] * n}], "/blocks/0/fields"),
    (
        "context elements",
        limits.CONTEXT_ELEMENTS,
        lambda n: [{"type": "context", "elements": [mrkdwn("x")] * n}],
        "/blocks/0/elements",
    ),
    (
        "actions elements",
        limits.ACTIONS_ELEMENTS,
        lambda n: actions(*(button(i) for i in range(n))),
        "/blocks/0/elements",
    ),
    (
        "button text",
        limits.BUTTON_TEXT,
        lambda n: actions(button(text=plain("x" * n))),
        "/blocks/0/elements/0/text/text",
    ),
    ("button value", limits.BUTTON_VALUE, lambda n: actions(button(value="x" * n)), "/blocks/0/elements/0/value"),
    (
        "button url",
        limits.URL,
        lambda n: actions(button(url="https://e.com".ljust(n, "x"))),
        "/blocks/0/elements/0/url",
    ),
    (
        "action_id",
        limits.IDENTIFIER,
        lambda n: actions(button() | {"action_id": "x" * n}),
        "/blocks/0/elements/0/action_id",
    ),
    ("block_id", limits.IDENTIFIER, lambda n: [{"type": "divider", "block_id": "x" * n}], "/blocks/0/block_id"),
    (
        "confirm title",
        limits.CONFIRM_TITLE,
        lambda n: confirm(title=plain("x" * n)),
        "/blocks/0/elements/0/confirm/title/text",
    ),
    (
        "confirm text",
        limits.CONFIRM_TEXT,
        lambda n: confirm(text=mrkdwn("x" * n)),
        "/blocks/0/elements/0/confirm/text/text",
    ),
    (
        "confirm yes",
        limits.CONFIRM_BUTTON,
        lambda n: confirm(confirm=plain("x" * n)),
        "/blocks/0/elements/0/confirm/confirm/text",
    ),
    (
        "confirm no",
        limits.CONFIRM_BUTTON,
        lambda n: confirm(deny=plain("x" * n)),
        "/blocks/0/elements/0/confirm/deny/text",
    ),
    (
        "overflow options",
        limits.OVERFLOW_OPTIONS,
        lambda n: actions({"type": "overflow", "options": options(n)}),
        "/blocks/0/elements/0/options",
    ),
    (
        "select options",
        limits.SELECT_OPTIONS,
        lambda n: actions({"type": "static_select", "options": options(n)}),
        "/blocks/0/elements/0/options",
    ),
    (
        "option value",
        limits.OPTION_VALUE,
        lambda n: actions({"type": "static_select", "options": options(1, n)}),
        "/blocks/0/elements/0/options/0/value",
    ),
    (
        "radio options",
        limits.RADIO_OPTIONS,
        lambda n: actions({"type": "radio_buttons", "options": options(n)}),
        "/blocks/0/elements/0/options",
    ),
    (
        "checkboxes",
        limits.CHECKBOX_OPTIONS,
        lambda n: actions({"type": "checkboxes", "options": options(n)}),
        "/blocks/0/elements/0/options",
    ),
    (
        "initial value",
        limits.INPUT_VALUE,
        lambda n: with_input(initial_value="x" * n),
        "/blocks/0/element/initial_value",
    ),
    (
        "placeholder",
        limits.PLACEHOLDER,
        lambda n: with_input(placeholder=plain("x" * n)),
        "/blocks/0/element/placeholder/text",
    ),
    ("max_length", limits.INPUT_VALUE, lambda n: with_input(max_length=n), "/blocks/0/element/max_length"),
    ("markdown", limits.MARKDOWN_TEXT, lambda n: [{"type": "markdown", "text": "x" * n}], "/blocks/0/text"),
    (
        "markdown together",
        limits.MARKDOWN_TEXT,
        lambda n: [{"type": "markdown", "text": "x" * 6000}, {"type": "markdown", "text": "x" * (n - 6000)}],
        "/blocks",
    ),
    ("card title", limits.CARD_TITLE, lambda n: [{"type": "card", "title": mrkdwn("x" * n)}], "/blocks/0/title/text"),
    ("card body", limits.CARD_BODY, lambda n: [{"type": "card", "body": mrkdwn("x" * n)}], "/blocks/0/body/text"),
    (
        "card actions",
        limits.CARD_ACTIONS,
        lambda n: [{"type": "card", "actions": [button(i) for i in range(n)]}],
        "/blocks/0/actions",
    ),
    (
        "table rows",
        limits.TABLE_ROWS,
        lambda n: [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * n}],
        "/blocks/0/rows",
    ),
    (
        "table columns",
        limits.TABLE_COLUMNS,
        lambda n: [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * n]}],
        "/blocks/0/rows/0",
    ),
]


@pytest.mark.parametrize(("most", "build", "pointer"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_the_largest_fits_and_one_more_is_refused_where_it_stands(most: int, build: Build, pointer: str) -> None:
    assert problems_in(build(most), Surface.MESSAGE) == []
    assert pointer in [problem.pointer for problem in problems_in(build(most + 1), Surface.MESSAGE)]


WRONG: list[tuple[str, Any, str]] = [
    ("blocks that are no array", {}, "must provide an array [json-pointer:/blocks]"),
    ("a block that is no object", ["x"], "must provide an object [json-pointer:/blocks/0]"),
    ("a block without a type", [{}], "missing required field: type [json-pointer:/blocks/0]"),
    ("an unknown block", [{"type": "hero"}], "unsupported type: hero [json-pointer:/blocks/0/type]"),
    (
        "a key that is not known",
        [{"type": "divider", "color": "red"}],
        "invalid additional property: color [json-pointer:/blocks/0]",
    ),
    (
        "mrkdwn in a header",
        [{"type": "header", "text": mrkdwn("x")}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    (
        "a bare string as text",
        [{"type": "section", "text": "x"}],
        "must provide an object [json-pointer:/blocks/0/text]",
    ),
    (
        "empty text",
        [{"type": "section", "text": mrkdwn("")}],
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
    ),
    ("a section of nothing", [{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
    (
        "a made-up style",
        actions(button(style="danger!")),
        "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
    ),
    ("no elements", actions(), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    ("a script as url", actions(button(url="javascript:x")), "invalid url [json-pointer:/blocks/0/elements/0/url]"),
    (
        "an action_id twice in a block",
        actions(button(1), button(1)),
        '`action_id` "a1" already exists [json-pointer:/blocks/0/elements/1/action_id]',
    ),
    (
        "a block_id twice",
        [{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}],
        '`block_id` "b" already exists [json-pointer:/blocks/1/block_id]',
    ),
    (
        "emoji on mrkdwn",
        [{"type": "section", "text": mrkdwn("x") | {"emoji": False}}],
        "invalid additional property: emoji [json-pointer:/blocks/0/text]",
    ),
    (
        "a list item that is no section",
        [
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [{"type": "text"}]}],
            }
        ],
        "unsupported type: text [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    (
        "an alert outside a modal",
        [{"type": "alert", "text": plain("x")}],
        "unsupported type: alert [json-pointer:/blocks/0/type]",
    ),
]


@pytest.mark.parametrize(("blocks", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_named_in_slacks_words(blocks: Any, said: str) -> None:
    assert said in [str(problem) for problem in problems_in(blocks, Surface.MESSAGE)]


MODAL: Json = {"type": "modal", "title": plain("T"), "blocks": []}


@pytest.mark.parametrize(
    ("view", "said"),
    [
        pytest.param([], "must provide an object [json-pointer:/view]", id="no object"),
        pytest.param({"blocks": []}, "missing required field: type [json-pointer:/view]", id="no type"),
        pytest.param({"type": "page"}, "must be a valid enum value [json-pointer:/view/type]", id="unknown type"),
        pytest.param(
            {"type": "home", "blocks": []}, "must be a valid enum value [json-pointer:/view/type]", id="a home as modal"
        ),
        pytest.param(
            {"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]", id="no title"
        ),
        pytest.param(
            MODAL | {"title": plain("x" * 25)},
            "must be less than 25 characters [json-pointer:/view/title/text]",
            id="a long title",
        ),
        pytest.param(
            MODAL | {"submit": plain("x" * 25)},
            "must be less than 25 characters [json-pointer:/view/submit/text]",
            id="a long submit",
        ),
        pytest.param(
            MODAL | {"private_metadata": "x" * 3001},
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
            id="much metadata",
        ),
        pytest.param(
            MODAL | {"blocks": [{"type": "divider"}] * 101},
            "no more than 100 items allowed [json-pointer:/view/blocks]",
            id="many blocks",
        ),
        pytest.param(
            MODAL | {"blocks": with_input()},
            "missing required field: submit [json-pointer:/view]",
            id="input, no submit",
        ),
        pytest.param(
            MODAL | {"blocks": [{"type": "markdown", "text": "x"}]},
            "unsupported type: markdown [json-pointer:/view/blocks/0/type]",
            id="a block for messages only",
        ),
    ],
)
def test_a_view_is_checked_like_its_blocks(view: Any, said: str) -> None:
    assert said in [str(problem) for problem in problems_in_view(view, "modal")]


def test_a_full_modal_passes() -> None:
    blocks = [*with_input(action_id="t", multiline=True), {"type": "alert", "text": mrkdwn("x"), "level": "warning"}]
    view = MODAL | {"submit": plain("Go"), "close": plain("Back"), "private_metadata": "x" * 3000, "blocks": blocks}
    assert problems_in_view(view, "modal") == []


def test_the_weight_of_all_blocks_counts_text_and_containers() -> None:
    assert weight([{"type": "section", "text": plain("x" * 100)}]) == 100 + 2 * limits.WEIGHT_PER_OBJECT
    assert weight("text outside blocks") == 0


def test_completing_blocks_fills_ids_and_leaves_the_given_ones_alone() -> None:
    given = [{"type": "actions", "block_id": "mine", "elements": [button(1), {"type": "button", "text": plain("Go")}]}]
    stored = completed(given, iter(["new"]).__next__)
    assert stored[0]["block_id"] == "mine"
    assert [element["action_id"] for element in stored[0]["elements"]] == ["a1", "new"]
    assert stored[0]["elements"][0]["text"]["emoji"] is True
    assert "emoji" not in given[0]["elements"][0]["text"]  # type: ignore[index]  # a literal of mixed values
