"""Cards and modals of Slack: whole, as people read them, within every limit, and never more than text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.channels import slack_blocks as blocks
from approvals.channels import slack_buttons as buttons
from approvals.channels import slack_parts as parts
from approvals.channels import slack_readable as readable
from approvals.channels import slack_views as views
from approvals.channels.slack_blocks import draw
from approvals.channels.slack_readable import Reach, reach
from approvals.domain.card import Card
from approvals.domain.card_line import CardLine
from approvals.domain.model import Cause, Outcome, Overrun, State
from approvals.testing import samples
from approvals.testing.channel_contract import HOSTILE, ended_requests
from approvals.testing.slack import limits
from approvals.testing.slack.blocks import Surface, problems_in, weight
from approvals.testing.slack.views import problems_in_view

CARD = samples.card(samples.request(owner="ada@example.com", justification="Rebalancing, as agreed"))
VALUE = f"req_sample {CARD.binding}"


def read(shown: list[dict[str, Any]]) -> list[str]:
    """Blocks as lines: what a person reads, buttons in brackets, times as <seconds>."""
    return [line for block in shown for line in _lines(block)]


def _lines(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield f"# {block['text']['text']}"
        case "section":
            yield block["text"]["text"]
        case "context":
            yield f"({block['elements'][0]['text']})"
        case "actions":
            yield " ".join(f"[{element['text']['text']}]" for element in block["elements"] if "text" in element)
        case "input":
            yield f"{block['label']['text']}: …"
        case "rich_text":
            for part in block["elements"]:
                yield _marks(part["type"]) + "".join(map(_run, part["elements"]))
        case other:
            raise AssertionError(f"a block nobody can read: {other}")


def _marks(kind: str) -> str:
    return {"rich_text_section": "", "rich_text_preformatted": "```", "rich_text_quote": "> "}[kind]


def _run(element: dict[str, Any]) -> str:
    if element["type"] == "date":
        return f"<{element['timestamp']}|{element['fallback']}>"
    text = str(element["text"])
    return f"*{text.strip()}* " if element.get("style") == {"bold": True} else text


def test_a_pending_card_reads_from_the_risk_to_the_buttons() -> None:
    assert read(draw(CARD).blocks) == [
        "# Financial, critical · new_order",
        "*Tool* new_order on binance",
        "*Agent* claude-ada (its client says, unverified: “claude-code 2.1”)",
        "*For* ada@example.com",
        "*Rule* /tools/new_order/action: Orders need a person",
        "*Needs* 0 of 1 of finance",
        "*Until* <1795529820|2026-11-24 14:17 UTC>",
        "*The agent says, unverified* ",
        "> Rebalancing, as agreed",
        "*Arguments* ",
        '```{\n  "quantity": 1.5,\n  "symbol": "BTCUSDT"\n}',
        f"(req_sample · sha256 {CARD.arguments_sha256[:12]})",
        "[Approve] [Deny…] [Edit…] [View full call] [Open the page]",
    ]


@pytest.mark.parametrize(
    ("state", "head", "status"),
    [
        (
            "approved",
            "✓ Approved · new_order",
            "Approved by Ada at 14:02 UTC via Slack; waits until 14:17 UTC for its agent",
        ),
        ("executing", "✓ Running · new_order", "Approved by Ada at 14:02 UTC via Slack; running"),
        ("succeeded", "✓ Done · new_order", "Approved by Ada at 14:02 UTC via Slack; ran, succeeded in 120 ms"),
        (
            "failed",
            "✕ Failed · new_order",
            "Approved by Ada at 14:02 UTC via Slack; ran, and the server answered with an error in 120 ms",
        ),
        (
            "unknown",
            "? Outcome unknown · new_order",
            "Approved by Ada at 14:02 UTC via Slack; sent, but no answer came: nobody can say whether it ran",
        ),
        ("denied", "✕ Denied · new_order", "Denied by Ada at 14:02 UTC via Slack: “Not on a Friday”"),
        ("expired", "– Expired · new_order", "Expired at 14:17 UTC: nobody decided in time"),
        ("cancelled", "– Cancelled · new_order", "Cancelled: the policy changed"),
    ],
)
def test_a_card_that_is_over_says_who_and_when_and_offers_no_decision(state: str, head: str, status: str) -> None:
    shown = draw(samples.card(ended_requests()[state]))
    lines = read(shown.blocks)
    assert lines[:3] == [f"# {head}", f"*{status}* ", "Open the call"]
    offered = [block["block_id"] for block in shown.blocks if block["type"] == "actions"]
    assert offered == (["outcome"] if state in {"succeeded", "failed", "unknown"} else [])


def test_a_card_whose_time_is_up_offers_nothing_before_it_is_swept() -> None:
    late = replace(CARD, answers=())
    assert read(draw(late).blocks)[0] == "# – Time is up · new_order"


def test_the_result_is_shown_as_the_servers_own_words() -> None:
    lines = read(draw(samples.card(ended_requests()["succeeded"])).blocks)
    assert lines[lines.index("*The server answered* ") + 1] == "```order 42"


@pytest.mark.parametrize(
    ("state", "cause", "label"),
    [
        ("failed", Cause.UNSENT, "Not sent because"),
        ("failed", None, "The server answered"),
        ("unknown", Cause.LEASE_LOST, "What is known"),
    ],
)
def test_what_is_ours_is_not_said_to_be_the_servers(state: str, cause: Cause | None, label: str) -> None:
    outcome = Outcome(kind=state, error="shop was ended by SIGKILL")
    ended = replace(ended_requests()[state], cause=cause, outcome=outcome)
    lines = read(draw(samples.card(ended)).blocks)
    assert lines[lines.index(f"*{label}* ") + 1] == "```shop was ended by SIGKILL"


def test_the_button_is_the_request_and_the_binding_and_nothing_else() -> None:
    (row,) = [block for block in draw(CARD).blocks if block["type"] == "actions"]
    assert [element.get("value") for element in row["elements"]] == [VALUE, VALUE, VALUE, VALUE, None, None]
    assert row["elements"][4]["url"] == CARD.url
    verbs = ("snooze", "extend", "reassign", "ask", "comment")
    assert [one["value"] for one in row["elements"][5]["options"]] == [f"{verb} {VALUE}" for verb in verbs]


@pytest.mark.parametrize(
    ("risk", "severity", "asks"),
    [
        pytest.param("financial", "high", True, id="money"),
        pytest.param("destructive", "medium", True, id="destroys"),
        pytest.param("write", "critical", True, id="critical"),
        pytest.param("write", "medium", False, id="neither"),
    ],
)
def test_approve_asks_once_more_where_it_cannot_be_taken_back(risk: str, severity: str, asks: bool) -> None:
    assert ("confirm" in buttons.approve_button(replace(CARD, risk=risk, severity=severity))) is asks


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        pytest.param({}, Reach.CARD, id="everything is on the card"),
        pytest.param({"arguments": "x" * 5_000}, Reach.FULL_CALL, id="long arguments"),
        pytest.param({"arguments": "x\n" * 17}, Reach.FULL_CALL, id="many lines"),
        pytest.param({"justification": "x" * 601}, Reach.FULL_CALL, id="a long justification"),
        pytest.param({"warnings": ("odd",) * 5}, Reach.FULL_CALL, id="more warnings than fit"),
        pytest.param({"arguments": "x" * 60_000}, Reach.PAGE, id="too long for Slack altogether"),
    ],
)
def test_a_call_is_approved_where_all_of_it_can_be_read(changes: dict[str, Any], where: Reach) -> None:
    card = replace(CARD, **changes)
    assert reach(card) is where
    buttons = read(draw(card).blocks)[-1]
    assert (
        buttons.split("] [")[0]
        == {
            Reach.CARD: "[Approve",
            Reach.FULL_CALL: "[Approve…",
            Reach.PAGE: "[Read and decide on the page",
        }[where]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("x\n" * 86 + "x", "16 of 87 lines shown."),
        ("y" * 50_000, "1,799 of 50,000 characters shown."),
    ],
)
def test_a_cut_says_how_much_there_is(arguments: str, said: str) -> None:
    lines = read(draw(replace(CARD, arguments=arguments)).blocks)
    assert f"({said} Approve opens the full call; its last page decides.)" in lines


def test_the_full_call_shows_every_character_and_decides_on_its_last_page() -> None:
    arguments = "\n".join(f'  "key{number}": "{"v" * 40}",' for number in range(300))
    card = replace(CARD, arguments=arguments)
    pages = [views.full_call(card, number) for number in range(len(readable.pages(arguments)))]
    assert len(pages) > 2
    assert "\n".join(_preformatted(page) for page in pages) == arguments
    offers = ["[Approve]" in " ".join(read(page["blocks"])) for page in pages]
    assert offers == [False] * (len(pages) - 1) + [True]
    assert [json.loads(page["private_metadata"])["decides"] for page in pages] == offers
    assert [_turns(page) for page in pages] == [
        "[Next page]",
        *["[Previous page] [Next page]"] * (len(pages) - 2),
        "[Previous page]",
    ]


def test_a_call_too_long_for_slack_is_never_decided_in_it() -> None:
    card = replace(CARD, arguments="x" * 60_000)
    page = views.full_call(card, 99)
    text = " ".join(read(page["blocks"]))
    assert "Slack cannot show the last 4,000 characters" in text
    assert "[Approve]" not in text
    assert json.loads(page["private_metadata"])["decides"] is False


def test_the_full_call_of_something_over_cannot_be_answered() -> None:
    text = " ".join(read(views.full_call(samples.card(ended_requests()["denied"]))["blocks"]))
    assert "Denied by Ada" in text
    assert "[Approve]" not in text
    assert "[Deny…]" not in text


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_never_parsed(kind: str) -> None:
    """Agents' words stand in rich_text, which Slack parses for nothing; the rest is escaped plain text."""
    text = HOSTILE[kind]
    request = samples.request({"note": text, text: 1}, justification=text, call=samples.call({"n": text}, tool=text))
    card = samples.card(request)
    for drawing in (draw(card), blocks.draw_minimal(replace(card, url="https://p.example")), blocks.draw_stray(card)):
        assert "mrkdwn" not in json.dumps(drawing.blocks)
        for said in (drawing.text.partition(" <https://")[0], *_plain_texts(drawing.blocks)):
            assert "<" not in said
            assert ">" not in said
        assert ":white_check_mark:" not in drawing.text


def test_notifications_never_have_arguments_or_the_agents_words() -> None:
    request = samples.request({"secret_plan": "CANARY-1"}, justification="CANARY-2")
    for shown in (samples.card(request), samples.card(replace(request, state=State.EXPIRED))):
        for drawing in (draw(shown), blocks.draw_minimal(shown), blocks.draw_stray(shown)):
            assert "CANARY" not in drawing.text


def test_our_numbers_are_the_ones_of_the_strict_look_alike() -> None:
    ours = parts.LIMITS
    assert ours == {
        "blocks per message": limits.BLOCKS_PER_MESSAGE,
        "blocks per view": limits.BLOCKS_PER_VIEW,
        "header": limits.HEADER_TEXT,
        "section text": limits.SECTION_TEXT,
        "actions": limits.ACTIONS_ELEMENTS,
        "button text": limits.BUTTON_TEXT,
        "button value": limits.BUTTON_VALUE,
        "url": limits.URL,
        "confirm title": limits.CONFIRM_TITLE,
        "confirm text": limits.CONFIRM_TEXT,
        "confirm button": limits.CONFIRM_BUTTON,
        "view title": limits.VIEW_TITLE,
        "view button": limits.VIEW_BUTTON,
        "private_metadata": limits.PRIVATE_METADATA,
        "input": limits.INPUT_VALUE,
        "label": limits.LABEL,
        "option text": limits.OPTION_TEXT,
        "option value": limits.OPTION_VALUE,
        "message text": limits.UPDATE_TEXT,
        "whole message": limits.BLOCKS_WEIGHT,
    }


awkward = st.text(alphabet=st.sampled_from('a&<>\n"\\*`:é𝄞 😀'), max_size=40).flatmap(
    lambda seed: st.integers(0, 400).map(lambda times: seed * times)
)
names = st.text(alphabet=st.sampled_from("ab&<> 𝄞"), min_size=1, max_size=230)
cards = st.builds(
    lambda state, **changes: replace(samples.card(ended_requests()[state]) if state else CARD, **changes),
    state=st.sampled_from(["", "denied", "succeeded", "unknown"]),
    tool=names,
    server=names,
    agent=names,
    owner=st.none() | names,
    client=st.none() | names,
    rule=names,
    rule_reason=st.none() | awkward,
    justification=st.none() | awkward.map(lambda text: text[:1_030]),
    arguments=awkward,
    warnings=st.lists(names.map(lambda text: text * 2), max_size=12).map(tuple),
    needs_line=names.map(lambda text: text * 4),
    status_line=names.map(lambda text: text * 20),
    result_excerpt=st.none() | awkward.map(lambda text: text[:630]),
)


@settings(max_examples=60, deadline=None)
@given(cards)
def test_whatever_a_card_says_slack_takes_it(card: Card) -> None:
    drawing = draw(card)
    assert problems_in(drawing.blocks, Surface.MESSAGE) == []
    assert weight(drawing.blocks) <= limits.BLOCKS_WEIGHT
    for text in (drawing.text, blocks.draw_minimal(card).text, blocks.draw_stray(card).text):
        assert 0 < len(text) <= limits.UPDATE_TEXT
    last = len(readable.pages(card.arguments)) - 1
    for view in (
        views.full_call(card),
        views.full_call(card, last, note="n" * 4_000),
        views.deny(card, ("x" * 75,) * 9),
    ):
        assert problems_in_view(view, "modal") == []
    line = CardLine(**{field.name: getattr(card, field.name) for field in fields(CardLine)})
    assert problems_in_view(views.home([line] * 20, more=True), "home") == []
    assert problems_in_view(views.notice("t" * 50, card.status_line, card.url), "modal") == []


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab\n😀")).flatmap(lambda t: st.integers(1, 300).map(lambda n: t * n)))
def test_pages_lose_nothing_and_fit(text: str) -> None:
    pages = readable.pages(text)
    assert "".join(pages).replace("\n", "") == text.replace("\n", "")
    assert all(parts.units(page) <= readable.PAGE_CHARACTERS for page in pages)


def _preformatted(view: dict[str, Any]) -> str:
    boxes = [p for b in view["blocks"] if b["type"] == "rich_text" for p in b["elements"]]
    return str(next(p for p in boxes if p["type"] == "rich_text_preformatted")["elements"][0]["text"])


def _turns(view: dict[str, Any]) -> str:
    (row,) = [block for block in view["blocks"] if block["block_id"] == "turning"]
    return read([row])[0]


def _plain_texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _plain_texts(inner)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text":
            assert value["emoji"] is False
            yield value["text"]
        for inner in value.values():
            yield from _plain_texts(inner)


OVER = Overrun(
    counter="paid/day", scope="x", name="paid", most="100", to="220", words="usd per day for each agent and args.to"
)


def test_a_call_over_a_limit_says_so_and_offers_to_raise_it() -> None:
    shown = samples.card(samples.request(over=(OVER,)))
    assert shown.raises == ("paid: 220 instead of 100 usd per day for each agent and args.to",)
    drawn = blocks.draw(shown)
    text = json.dumps(drawn.blocks)
    assert "paid: 100 usd per day for each agent and args.to" in text
    buttons = {one["action_id"]: one for one in drawn.blocks[-1]["elements"]}
    assert list(buttons) == ["approve", "raise", "deny", "edit", "view", "open", "more"]
    assert "paid: 220 instead of 100" in buttons["raise"]["confirm"]["text"]["text"]


@pytest.mark.parametrize(
    "changes",
    [
        {"over": (OVER,), "given": samples.terms(grants="never")},
        {"over": (OVER,), "arguments": {"long": "x" * 5000}},
        {},
    ],
    ids=["the rule gives no standing permission", "the call is not read whole on the card", "it goes over nothing"],
)
def test_nothing_is_raised_from_a_card_where_that_is_not_on_offer(changes: dict[str, Any]) -> None:
    drawn = blocks.draw(samples.card(samples.request(**changes)))
    assert "raise" not in {one["action_id"] for one in drawn.blocks[-1]["elements"]}
