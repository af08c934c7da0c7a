"""The card that stands for many calls, and its look in Slack: pure, whole, and within every limit of Slack."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.channels import slack_groups as groups
from approvals.channels.slack_readable import row_why_not
from approvals.domain import quorum
from approvals.domain.group_card import ENDED_SHOWN, ROWS, Group, lately_ended, make_group
from approvals.domain.model import Answer, ApprovalRequest, State
from approvals.domain.sentences import Telling
from approvals.testing import samples
from approvals.testing.channel_contract import HOSTILE
from approvals.testing.slack.blocks import Surface, problems_in, weight
from approvals.testing.slack.views import problems_in_view

NOW, AT = samples.NOW, "https://placet.example.com"


def call(number: int, arguments: Any, **but: Any) -> ApprovalRequest:
    return samples.request(arguments, id=f"req_{number:026d}", created_at=NOW - timedelta(seconds=99 - number), **but)


def group(*requests: ApprovalRequest) -> Group:
    ended = [
        Telling(
            request=one, needs=quorum.tally(one, samples.PEOPLE), names={"bob@example.com": "Bob"}, history=(), now=NOW
        )
        for one in lately_ended(requests, NOW)
    ]
    return make_group(requests, ended=ended, url=f"{AT}/?fold=fold_1", history=f"{AT}/history", now=NOW)


def denied(request: ApprovalRequest) -> ApprovalRequest:
    vote = samples.vote(request, samples.BOB, Answer.DENY)
    return replace(request, state=State.DENIED, votes=(vote,), decided_at=NOW)


def test_what_waits_has_a_row_and_what_ended_a_line_that_names_who() -> None:
    made = group(call(2, {"to": "b", "n": 2}), denied(call(3, {"to": "c", "n": 3})), call(1, {"to": "a", "n": 1}))
    assert [(row.cells, row.whole) for row in made.rows] == [(("1", "a"), True), (("2", "b"), True)]
    assert (made.columns, made.waiting, made.over) == (("n", "to"), 2, 1)
    assert [(one.name, one.says) for one in made.ended] == [
        ("n 3 · to c · claude-ada", "Denied by Bob at 14:02 UTC via Slack")
    ]


def test_a_call_whose_time_is_up_waits_no_more_before_anybody_has_said_so() -> None:
    made = group(call(1, {"n": 1}), call(2, {"n": 2}, expires_at=NOW))
    assert (made.waiting, made.over) == (1, 1)


def expired(request: ApprovalRequest) -> ApprovalRequest:
    return replace(request, state=State.EXPIRED, decided_at=NOW)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        pytest.param([expired] * 3, "– 3 expired · new_order", id="all ran out of time"),
        pytest.param([denied] * 3, "✕ 3 denied · new_order", id="all were denied"),
        pytest.param([denied, expired, denied], "– 2 denied, 1 expired · new_order", id="each in its own way"),
    ],
)
def test_a_card_of_calls_that_are_over_says_how_they_ended(ends: list[Any], said: str) -> None:
    calls = [end(call(n, {"n": n})) for n, end in enumerate(ends)]
    drawn = groups.draw_group(samples.card(calls[0]), group(*calls))
    assert drawn.text.startswith(f"{said}. ")
    assert drawn.blocks[0]["text"]["text"] == said


def test_endings_for_which_there_is_no_room_are_counted() -> None:
    calls = [denied(call(n, {"n": n})) for n in range(34)]
    shown = json.dumps(groups.draw_group(samples.card(calls[0]), group(*calls)).blocks)
    assert shown.count("Denied by Bob") == ENDED_SHOWN
    assert "26 more ended before: " in shown
    assert "https://placet.example.com/history" in shown


def test_secrets_are_hidden_before_calls_are_compared() -> None:
    made = group(call(1, {"password": "hunter1", "n": 1}), call(2, {"password": "hunter2", "n": 2}))
    assert "hunter" not in repr(made)
    assert (made.columns, made.hidden) == (("n",), True)
    assert {row_why_not(samples.card(), made, row) for row in made.rows} == {
        "values are hidden here: approve it on the page"
    }


def test_more_calls_than_there_is_room_for_are_counted() -> None:
    made = group(*(call(n, {"n": n}) for n in range(ROWS + 5)))
    assert (len(made.rows), made.more, made.waiting) == (ROWS, 5, ROWS + 5)
    assert len(group(*(denied(call(n, {"n": n})) for n in range(20))).ended) == ENDED_SHOWN


WIDE = [call(n, {f"k{m}": f"{n}-{m}" * 30 for m in range(15)}) for n in range(40)]
STRANGE = [call(n, {"note": text, "n": n}) for n, text in enumerate(HOSTILE)]
SAME = [call(n, {"n": 1}) for n in range(3)]
OVER = [denied(call(n, {"n": n})) for n in range(30)]


@pytest.mark.parametrize("calls", [WIDE, STRANGE, SAME, OVER], ids=["wide", "hostile", "the same", "ended"])
def test_the_card_and_the_modal_keep_every_limit_of_slack(calls: list[ApprovalRequest]) -> None:
    made = group(*calls)
    card = samples.card(calls[0])
    drawn = groups.draw_group(card, made)
    assert problems_in(drawn.blocks, Surface.MESSAGE) == []
    assert weight(drawn.blocks) <= 13_200
    view = groups.review(card, made, made.rows, others=made.more)
    assert problems_in_view(view) == []
    assert "\u202e" not in json.dumps(view, ensure_ascii=False)


def test_only_rows_that_were_shown_are_answered() -> None:
    rows = {f"req_{one} {one * 64}": f"row {one}" for one in "ab"} | {f"req_c {'c' * 64} deny": "row c"}
    shown = {"what": "", **rows, "rest": "", "words": ""}
    typed = {f"req_b {'b' * 64}": "deny", f"req_x {'d' * 64}": "approve", "words": "no"}
    (given,) = groups.answers(shown, typed)
    assert (given.request_id, given.binding, given.answer, given.name) == ("req_b", "b" * 64, Answer.DENY, "row b")
    every = groups.answers(shown, {**typed, "rest": "approve"})
    assert [(one.request_id, one.answer.value, one.only_denies) for one in every] == [
        ("req_a", "approve", False),
        ("req_b", "deny", False),
        ("req_c", "approve", True),
    ]


def test_what_is_not_what_it_looks_like_is_said_of_each_call_of_a_group() -> None:
    calls = [
        call(n, {"url": f"https://ex\u0430mple{n}.com/p\u0430y"}, justification="p\u0430ypal\u202e") for n in range(6)
    ]
    made, alone = group(*calls), [samples.card(one) for one in calls]
    assert [row.warnings for row in made.rows] == [card.warnings for card in alone]
    shown = json.dumps(groups.draw_group(alone[0], made).blocks, ensure_ascii=False)
    assert "1, 2, 3, 4, 5, 6: In what the agent says, characters that reorder the text" in shown
    assert "words that mix alphabets" in shown
    assert "more such things: Review has each call's" in shown
    view = groups.review(alone[0], made, made.rows, others=0)
    hints = {block["block_id"].split()[0]: block["hint"]["text"] for block in view["blocks"] if "hint" in block}
    for one, card in zip(calls, alone, strict=True):
        assert all(f"Look closely: {warning}." in hints[one.id] for warning in card.warnings)


def test_a_call_whose_warnings_or_reason_do_not_fit_its_row_is_not_approved_there() -> None:
    strange = "".join(f"/\u0430{chr(97 + at)}lpha\u202e" for at in range(20))
    long_reason = group(*(call(n, {"n": n}, justification="because " * 100) for n in range(3)))
    many = {f"{strange}{at}" * 3: "\u0430bcdef" * 20 for at in range(4)}
    noted = group(*(call(n, {"n": n, "more": [many], "url": "https://\u0430bc.com"}) for n in range(3)))
    for made in (long_reason, noted):
        assert all("not all of it fits" in str(row_why_not(samples.card(), made, row)) for row in made.rows)


def test_what_destroys_is_not_approved_in_bulk_in_slack() -> None:
    calls = [call(n, {"n": n}, risk="destructive") for n in range(3)]
    made = group(*calls)
    view = groups.review(samples.card(calls[0]), made, made.rows, others=0)
    offered = [option["value"] for block in view["blocks"] for option in block.get("element", {}).get("options", ())]
    assert set(offered) == {"deny"}
