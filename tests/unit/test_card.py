"""Cards as people read them: whole cards, every sentence, everything invisible made visible."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.domain import plain
from approvals.domain.card import Card
from approvals.domain.excerpt import result_excerpt
from approvals.domain.fingerprint import canonical
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import advance, filed
from approvals.domain.model import Answer, ApprovalRequest, Cause, Client, Outcome, State
from approvals.domain.terms import Factor, OnTimeout
from approvals.testing import samples
from approvals.testing.channel_contract import ended_requests
from approvals.testing.samples import ADA, BOB, FINANCE, NOW, SECURITY

TWO_AND_ONE = samples.terms(Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY, "zoe@example.com")))


def test_a_pending_card_whole() -> None:
    asked = samples.request(owner="ada@example.com", justification="Rebalancing")
    assert samples.card(asked) == Card(
        request_id="req_sample",
        binding=asked.binding,
        revision=1,
        state=State.PENDING,
        cause=None,
        headline="new_order on binance asks for approval",
        tool="new_order",
        server="binance",
        agent="claude-ada",
        owner="ada@example.com",
        client="claude-code 2.1",
        risk="financial",
        severity="critical",
        rule="/tools/new_order/action",
        rule_reason="Orders need a person",
        justification="Rebalancing",
        arguments='{\n  "quantity": 1.5,\n  "symbol": "BTCUSDT"\n}',
        arguments_sha256=asked.call.arguments_sha256,
        hidden=0,
        warnings=(),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        until="14:17 UTC",
        needs_line="0 of 1 of finance",
        answers=(Answer.APPROVE, Answer.DENY),
        status_line="Waiting until 14:17 UTC for 1 of finance",
        result_excerpt=None,
        votes=(),
        waiting=False,
        url="https://placet.example.com/requests/req_sample",
        editable='{\n  "quantity": 1.5,\n  "symbol": "BTCUSDT"\n}',
    )


def test_the_card_of_an_edited_call_says_what_was_changed_and_hides_what_the_rule_hides() -> None:
    hides = samples.terms(redact=(("to", "iban"),))
    before = canonical({"amount": 500, "to": {"iban": "DE1"}, "password": "a"})
    asked = samples.request({"amount": 50, "to": {"iban": "DE2"}, "password": "b"}, given=hides, edited_from=before)
    shown = samples.card(asked)
    assert shown.edits == (
        "/amount: 500 → 50",
        '/password: "[redacted]" → "[redacted]"',
        '/to/iban: "[redacted]" → "[redacted]"',
    )
    assert shown.editable is None


BY_ADA = "Approved by Ada at 14:02 UTC via Slack"


@pytest.mark.parametrize(
    ("state", "headline", "status", "excerpt"),
    [
        ("approved", "new_order on binance: approved", f"{BY_ADA}; waits until 14:17 UTC for its agent", None),
        ("executing", "new_order on binance is running", f"{BY_ADA}; running", None),
        ("succeeded", "new_order on binance: succeeded", f"{BY_ADA}; ran, succeeded in 120 ms", "order 42"),
        (
            "failed",
            "new_order on binance: failed",
            f"{BY_ADA}; ran, and the server answered with an error in 120 ms",
            "no funds",
        ),
        (
            "unknown",
            "new_order on binance: outcome unknown",
            f"{BY_ADA}; sent, but no answer came: nobody can say whether it ran",
            "the connection was reset",
        ),
        ("denied", "new_order on binance: denied", "Denied by Ada at 14:02 UTC via Slack: “Not on a Friday”", None),
        ("expired", "new_order on binance: expired", "Expired at 14:17 UTC: nobody decided in time", None),
        ("cancelled", "new_order on binance: cancelled", "Cancelled: the policy changed", None),
    ],
)
def test_an_ended_card_says_who_when_and_what_came_of_it(
    state: str, headline: str, status: str, excerpt: str | None
) -> None:
    card = samples.card(ended_requests()[state])
    assert (card.headline, card.status_line, card.result_excerpt) == (headline, status, excerpt)
    assert card.answers == ()
    assert card.decided


ENDED = ended_requests()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(
            replace(ENDED["approved"], waiting=True), f"{BY_ADA}; about to run", id="its-agent-is-on-the-line"
        ),
        pytest.param(
            replace(ENDED["approved"], state=State.EXPIRED, cause=Cause.NOT_COLLECTED),
            f"{BY_ADA}; not run, because its agent did not come back by 14:17 UTC",
            id="not-collected",
        ),
        pytest.param(
            replace(ENDED["expired"], cause=Cause.UNDELIVERED),
            "Expired at 14:17 UTC: nobody could be reached",
            id="undelivered",
        ),
        pytest.param(
            replace(ENDED["failed"], cause=Cause.UNSENT),
            f"{BY_ADA}; not run, because nothing could be sent",
            id="unsent",
        ),
        pytest.param(
            replace(ENDED["unknown"], cause=Cause.RESOLVED_RAN), f"{BY_ADA}; no answer came, but it ran", id="it-ran"
        ),
        pytest.param(
            replace(ENDED["unknown"], cause=Cause.RESOLVED_DID_NOT_RUN),
            f"{BY_ADA}; no answer came, and it did not run",
            id="it-did-not",
        ),
        pytest.param(
            replace(ENDED["approved"], votes=(), cause=Cause.SILENCE_ALLOWS),
            "Approved by nobody at 14:02 UTC: the rule lets silence allow; waits until 14:17 UTC for its agent",
            id="silence",
        ),
    ],
)
def test_each_cause_has_its_sentence(request_: ApprovalRequest, status: str) -> None:
    assert samples.card(request_).status_line == status


@pytest.mark.parametrize("cause", list(Cause))
def test_no_cause_breaks_a_cancelled_card(cause: Cause) -> None:
    assert samples.card(replace(ENDED["cancelled"], cause=cause)).status_line.startswith("Cancelled")


def test_the_ledger_tells_who_took_it_back_and_why() -> None:
    asked = samples.request()
    took_back = Happened(event=Event.CANCELLED, actor=BOB.id, cause=Cause.CANCELLED_BY_PERSON, note="wrong\naccount")
    step = advance(asked, took_back, NOW + timedelta(minutes=3))
    card = samples.card(step.after, history=(filed(asked), step.record))
    assert card.status_line == "Cancelled by Bob at 14:05 UTC: a person took the call back (“wrong ⏎ account”)"


@pytest.mark.parametrize(
    ("actor", "named"), [("agent:claude-ada", "the agent claude-ada"), ("placet", "the gateway"), ("x@y.z", "x@y.z")]
)
def test_the_ledger_names_whoever_took_it_back(actor: str, named: str) -> None:
    asked = samples.request()
    step = advance(asked, Happened(event=Event.CANCELLED, actor=actor, cause=Cause.FROZEN), NOW)
    card = samples.card(step.after, history=(step.record,))
    assert card.status_line == f"Cancelled by {named} at 14:02 UTC: everything is frozen"


def test_a_denial_without_its_vote_still_says_denied() -> None:
    assert samples.card(replace(samples.request(), state=State.DENIED)).status_line == "Denied"


def test_an_address_that_has_no_plain_spelling_is_shown_as_it_is() -> None:
    (warning,) = samples.card(samples.request({"to": "https://" + "ä" * 80 + "/x"})).warnings
    assert warning.startswith("In the arguments, addresses with letters beyond a-z at /to: ää")


def test_the_ledger_tells_that_silence_allowed_also_after_it_ran() -> None:
    asked = samples.request(given=samples.terms(Factor(members=(FINANCE,), count=2), on_timeout=OnTimeout.ALLOW))
    voted = advance(asked, Happened(event=Event.VOTED, actor=ADA.id, vote=samples.vote(asked, ADA)), NOW)
    allowed = Happened(event=Event.DEFAULTED, actor="placet", cause=Cause.SILENCE_ALLOWS)
    step = advance(voted.after, allowed, NOW + timedelta(minutes=15))
    done = replace(step.after, state=State.SUCCEEDED, cause=None)
    line = samples.card(done, history=(filed(asked), voted.record, step.record)).status_line
    assert line == (
        "Approved by Ada and by no others until 14:17 UTC: the rule lets their silence allow; ran, succeeded"
    )


def test_a_partial_quorum_says_who_is_still_awaited() -> None:
    asked = samples.request(given=TWO_AND_ONE)
    card = samples.card(replace(asked, votes=(samples.vote(asked, ADA, reason="ok"),)))
    assert card.needs_line == "1 of 2 of finance, 0 of 1 of security or zoe@example.com"
    assert card.status_line == (
        "Waiting until 14:17 UTC for 1 of finance and 1 of security or zoe@example.com; approved by Ada"
    )
    assert [(v.name, v.answer, v.reason) for v in card.votes] == [("Ada", Answer.APPROVE, "ok")]


def test_several_approvers_are_all_named() -> None:
    asked = ENDED["succeeded"]
    both = replace(asked, votes=(samples.vote(asked, ADA), samples.vote(asked, BOB, via="web")))
    said = "Approved by Ada via Slack and Bob via the web page at 14:02 UTC; ran"
    assert samples.card(both).status_line.startswith(said), "each by their own way"
    same = replace(asked, votes=(samples.vote(asked, ADA), samples.vote(asked, BOB)))
    assert samples.card(same).status_line.startswith("Approved by Ada and Bob at 14:02 UTC via Slack; ran")


def test_a_moment_has_its_day_where_that_is_not_today() -> None:
    far = replace(samples.request(), expires_at=samples.NOW + timedelta(days=3))
    assert samples.card(far).until == "2026-11-27 14:02 UTC"
    assert samples.card(far).status_line == "Waiting until 2026-11-27 14:02 UTC for 1 of finance"
    later = samples.card(ENDED["denied"], now=samples.NOW + timedelta(days=1))
    assert later.status_line.startswith("Denied by Ada at 2026-11-24 14:02 UTC via Slack")
    moment = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)
    here = moment.astimezone(timezone(timedelta(hours=3)))
    assert plain.hour_of(here, moment) == "23:59 UTC"
    assert plain.hour_of(moment, moment + timedelta(minutes=2), seconds=True) == "2026-11-24 23:59:00 UTC"


def test_a_card_past_its_deadline_offers_no_answer() -> None:
    asked = samples.request()
    assert samples.card(asked, now=asked.expires_at - timedelta(microseconds=1)).answers
    assert not samples.card(asked, now=asked.expires_at).answers


def test_numbers_read_as_they_run() -> None:
    asked = samples.request({"a": 1e21, "b": 1e-7, "c": 123456789.5, "d": 1.0, "e": -0.0})
    assert samples.card(asked).arguments == (
        '{\n  "a": 1e+21,\n  "b": 1e-7,\n  "c": 123456789.5,\n  "d": 1,\n  "e": 0\n}'
    )


def test_nested_arguments_are_laid_out() -> None:
    asked = samples.request({"a": [1, {"b": []}], "c": {}})
    assert samples.card(asked).arguments == '{\n  "a": [\n    1,\n    {\n      "b": []\n    }\n  ],\n  "c": {}\n}'


def test_hidden_values_are_counted_and_said() -> None:
    card = samples.card(samples.request({"password": "a", "token": "b", "to": "acme"}))
    assert card.arguments == '{\n  "password": "[redacted]",\n  "to": "acme",\n  "token": "[redacted]"\n}'
    assert card.hidden == 2
    assert card.warnings == ("2 values are hidden here because they look like secrets; the page shows the full call",)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("pay \u202ebob", "In the arguments, characters that reorder the text at /to: U+202E"),
        ("pa\u200by", "In the arguments, invisible characters at /to: U+200B"),
        ("a\U000e0041b", "In the arguments, invisible characters at /to: U+E0041"),
        ("a\U000e0100b", "In the arguments, invisible characters at /to: U+E0100"),
        ("a\ufe0fb", "In the arguments, invisible characters at /to: U+FE0F"),
        ("a\u3164b", "In the arguments, invisible characters at /to: U+3164"),
        ("a\U0001d173b", "In the arguments, invisible characters at /to: U+1D173"),
        ("a\U0001bca0b", "In the arguments, invisible characters at /to: U+1BCA0"),
        ("a\u00a0b", "In the arguments, spaces that are not a plain space at /to: U+00A0"),
        ("a\u2028b", "In the arguments, spaces that are not a plain space at /to: U+2028"),
        ("a\x9bb", "In the arguments, control characters at /to: U+009B"),
        ("a\x1b[1mb", "In the arguments, control characters at /to: U+001B"),
        ("e\u0301", "In the arguments, text not in its normal form (NFC) at /to: U+0301"),
        ("\u0430cme", "In the arguments, words that mix alphabets at /to: \u0430cme"),
        (
            "https://\u0430pple.com/x",
            "In the arguments, words that mix alphabets at /to: \u0430pple",
        ),
        (
            "https://\u0430\u0440\u0440\u04cf\u0435.com/x",
            "In the arguments, addresses with letters beyond a-z at /to: xn--80ak6aa92e.com",
        ),
    ],
)
def test_what_is_not_what_it_looks_like_is_warned_about(text: str, warning: str) -> None:
    assert warning in samples.card(samples.request({"to": text})).warnings


@pytest.mark.parametrize(
    "text", ["plain", "Käse für Zoë", "日本語のテキスト", "USBメモリ", "Привет", "Να", "l\nl", "t\tt", "naïve 😀", "٣"]
)  # fmt: skip
def test_honest_text_is_not_warned_about(text: str) -> None:
    card = samples.card(samples.request({"to": text}))
    assert card.warnings == ()
    assert text in json.loads(card.arguments)["to"]


def test_many_odd_characters_are_counted_not_listed() -> None:
    text = "".join(chr(0x200B + n) for n in range(3)) + "\u2060\u2061\u2062\u2063\u2064"
    (warning,) = samples.card(samples.request({"a": {"b/c": text}})).warnings
    assert warning.startswith("In the arguments, invisible characters at /a/b~1c: U+200B, U+200C, U+200D, U+2060")
    assert warning.endswith("and 2 more")


def test_the_notation_of_the_invisible_cannot_be_forged() -> None:
    assert plain.visible("\u202e") == "⟦U+202E⟧"
    assert plain.visible("⟦U+202E⟧") == "⟦U+27E6⟧U+202E⟧"


def test_a_line_shows_its_line_breaks_and_a_text_keeps_them() -> None:
    assert plain.visible("a\nb\rc") == "a⟦U+000A⟧b⟦U+000D⟧c"
    assert plain.visible_lines("a\nb\rc\td") == "a\nb⟦U+000D⟧c\td"


def test_long_texts_say_how_much_is_missing() -> None:
    card = samples.card(samples.request(justification="x" * 1_500))
    assert card.justification == "x" * 1_000 + "… (500 more characters)"


def test_the_agents_words_and_the_clients_name_are_made_visible() -> None:
    asked = samples.request(justification="ok\u202e")
    hostile = replace(asked, caller=replace(asked.caller, client=Client(name="cl\x1b[2Jaude", version=None)))
    card = samples.card(hostile)
    assert card.client == "cl⟦U+001B⟧[2Jaude"
    assert card.justification == "ok⟦U+202E⟧"
    assert card.warnings == ("In what the agent says, characters that reorder the text at /justification: U+202E",)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        pytest.param({"content": []}, "(an empty answer)", id="empty"),
        pytest.param({"content": [{"type": "image", "data": "xx"}]}, "(image content)", id="image"),
        pytest.param(
            {"content": [{"type": "text", "text": '{"password": "p1", "n": 1}'}]},
            '{"password": "[redacted]", "n": 1}',
            id="json-in-text",
        ),
        pytest.param({"content": [{"type": "text", "text": "[not json"}]}, "[not json", id="almost-json"),
        pytest.param({"error": {"code": -1, "message": "no\x07"}}, "no⟦U+0007⟧", id="rpc-error"),
        pytest.param({"error": "x"}, '"x"', id="odd-error"),
        pytest.param({"content": [], "structuredContent": {"token": "t"}}, '{"token": "[redacted]"}', id="structured"),
        pytest.param({"content": "x"}, '{"content": "x"}', id="odd-content"),
        pytest.param({"content": ["x"]}, "(something that is not a content block)", id="odd-block"),
        pytest.param([1], "[1]", id="not-an-object"),
        pytest.param(
            {"content": [{"type": "text", "text": "y" * 700}]}, "y" * 600 + "… (100 more characters)", id="long"
        ),
        pytest.param(
            {"content": [{"type": "audio"}] * 22}, "(audio content)\n" * 20 + "(2 more parts)", id="many-parts"
        ),
    ],
)
def test_a_result_is_shown_in_short(result: Any, shown: str) -> None:
    assert result_excerpt(Outcome(kind="succeeded", result=json.dumps(result).encode())) == shown


def test_a_result_that_cannot_be_read_is_told_by_its_size() -> None:
    assert result_excerpt(Outcome(kind="succeeded", result=b"<html>")) == "(an answer of 6 bytes that is not JSON)"
    big = b'"' + b"x" * 200_000 + b'"'
    assert result_excerpt(Outcome(kind="succeeded", result=big)) == "(an answer of 200,002 bytes; the page shows it)"
    assert result_excerpt(Outcome(kind="unknown")) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_visible_text_is_printable_and_each_text_has_its_own(text: str) -> None:
    shown = plain.visible(text)
    assert shown.isprintable()
    assert _unspelled(shown) == text


def _unspelled(shown: str) -> str:
    out, rest = "", shown
    while "⟦U+" in rest:
        before, _, after = rest.partition("⟦U+")
        code, _, rest = after.partition("⟧")
        out += before + chr(int(code, 16))
    return out + rest


@given(
    st.dictionaries(TEXT, TEXT | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(TEXT, max_size=2), max_size=3), TEXT
)
@settings(max_examples=100, deadline=None)
def test_any_arguments_make_a_card_whose_texts_hide_nothing(arguments: Any, words: str) -> None:
    card = samples.card(samples.request(arguments, justification=words))
    texts = [card.arguments, card.justification or "", card.headline, *card.warnings]
    assert all(char.isprintable() or char in "\n\t" for text in texts for char in text)
