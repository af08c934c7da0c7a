"""What is taken from a thread in Slack: which messages, and their words as their writer sees them."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.channels.slack_payloads import Malformed
from approvals.channels.slack_threads import as_written, reply_in

MESSAGE = {
    "type": "message",
    "channel": "C1MONEY",
    "user": "U01ADA",
    "text": "Ask Bob &amp; Eve",
    "ts": "17.6",
    "thread_ts": "17.5",
    "team": "T1",
}


def outer(**changes: Any) -> dict[str, Any]:
    event = {name: value for name, value in {**MESSAGE, **changes}.items() if value is not ...}
    return {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}


def test_a_reply_of_a_person_is_read_with_its_place() -> None:
    reply = reply_in(outer())
    assert reply is not None
    assert (reply.who.user, reply.who.team, reply.who.workspace) == ("U01ADA", "T1", "T1")
    assert (reply.channel, reply.thread, reply.ts, reply.text) == ("C1MONEY", "17.5", "17.6", "Ask Bob & Eve")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"thread_ts": ...}, id="not in a thread"),
        pytest.param({"thread_ts": "17.6"}, id="the message that the thread is under"),
        pytest.param({"bot_id": "B1"}, id="a bot"),
        pytest.param({"subtype": "bot_message", "user": ...}, id="a bot of old"),
        pytest.param({"subtype": "message_changed", "user": ...}, id="an edit"),
        pytest.param({"subtype": "message_deleted", "user": ...}, id="a deletion"),
        pytest.param({"subtype": "channel_join"}, id="somebody who joins"),
        pytest.param({"type": "app_home_opened"}, id="another event"),
    ],
)
def test_everything_else_is_passed_over(changes: dict[str, Any]) -> None:
    assert reply_in(outer(**changes)) is None


def test_a_reply_that_is_shown_to_the_channel_or_has_a_file_counts() -> None:
    shown, with_file = reply_in(outer(subtype="thread_broadcast")), reply_in(outer(subtype="file_share", files=[{}]))
    assert shown is not None
    assert with_file is not None
    assert with_file.text == "Ask Bob & Eve\n(with a file, in Slack)"


@pytest.mark.parametrize("changes", [{"user": ...}, {"user": "nobody"}, {"channel": 7}, {"ts": ""}])
def test_what_slack_does_not_send_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        reply_in(outer(**changes))


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("ask <@U02BOB> or <@U03EVE|eve>", "ask @U02BOB or @eve"),
        ("in <#C1|money>, <!here>, <!subteam^S1|@finance>", "in #money, @here, @finance"),
        ("<https://a.example/?x=1&amp;y=2>", "https://a.example/?x=1&y=2"),
        ("<https://evil.example|https://good.example>", "https://good.example (https://evil.example)"),
        ("  two\nlines ", "two\nlines"),
        ("", ""),
    ],
)
def test_words_are_read_as_they_were_written(sent: str, written: str) -> None:
    assert as_written(sent) == written
