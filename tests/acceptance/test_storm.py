"""A storm of calls that are alike, on a running service: one row, one card, an answer and a result for each call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from approvals.testing.slack import Message
from tests.acceptance.agents import Agent, Said
from tests.acceptance.harness import PATIENCE_SECONDS
from tests.acceptance.office import CHANNEL, Office, actions, open_office, payment

pytestmark = pytest.mark.asyncio(loop_scope="module")

EACH = 4
"""So many calls of each agent, which is its cap."""
Calls = dict[str, asyncio.Task[Said]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder: Path = tmp_path_factory.mktemp("storm")
    async with open_office(folder, limits={"fold": {"from": 3}, "caps": {"per_agent": EACH}}) as office:
        yield office


def make(group: asyncio.TaskGroup, agent: Agent, names: str) -> Calls:
    """Make a call for each receiver."""
    return {name: group.create_task(agent.call("pay", payment(name))) for name in names.split()}


async def table(it: Office, count: int) -> dict[str, Any]:
    """The table of the group, once it has so many rows."""
    (first, *_) = await it.shop.ada.next_pending(count)
    status, shown = await it.shop.ada.ask("GET", f"/api/v1/folds/{first['fold']}")
    assert (status, len(shown["rows"])) == (200, count)
    return dict(shown)


def rows_of(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows by their receiver, which is all they differ in."""
    assert (shown["columns"], shown["common"]) == (["/to"], [{"path": "/amount", "value": 5}])
    return {row["cells"][0]["value"]: row for row in shown["rows"]}


async def answer(it: Office, *given: tuple[dict[str, Any], str]) -> list[dict[str, Any]]:
    """Ada answers several rows at once; the result of each."""
    sent = [{"id": row["id"], "binding": row["binding"], "decision": what} for row, what in given]
    status, said = await it.shop.ada.ask("POST", "/api/v1/requests/decisions", {"decisions": sent})
    assert status == 200, said
    return list(said["results"])


async def card_of(it: Office, count: int) -> Message:
    """The one card with a button, once it stands for so many calls."""

    def is_it(message: Message) -> bool:
        return f"Review {count} call" in str(message.blocks)

    return await it.slack.wait_for_message(CHANNEL, is_it, PATIENCE_SECONDS)


async def test_a_storm_of_two_agents_is_one_group_and_each_of_its_calls_has_its_own_answer(it: Office) -> None:
    ada = it.shop.ada
    async with it.shop.agent() as one, it.shop.other() as two, asyncio.TaskGroup() as group:
        calls = make(group, one, "a b c d") | make(group, two, "k l m n")
        rows = rows_of(await table(it, 8))
        assert rows.keys() == calls.keys()
        assert {(row["agent"], row["waiting"]) for row in rows.values()} == {("claude-ada", True), ("other", True)}

        # The cap of an agent counts its calls, not its groups, and what meets it is asked of nobody.
        full = await one.call("pay", payment("e"))
        assert full.code == "queue_full"

        # In Slack: one card with a button; what was posted before there were enough shows where they went.
        card = await card_of(it, 8)
        posted = [m for m in it.slack.messages(CHANNEL) if "pay" in str(m.blocks) and "cap" not in m.text]
        folded = [
            await it.slack.wait_for_change(m, lambda m: not actions(m), PATIENCE_SECONDS)
            for m in posted
            if m is not card
        ]
        assert len(folded) <= 2
        assert all("shown with the calls that are like it" in str(m.blocks) for m in folded)

        # On the page: an answer for each row. One that came after the table was read is not answered unseen.
        await it.press("bob", card, "review")
        modal = await it.slack.wait_for_modal(it.people["bob"], seconds=PATIENCE_SECONDS)
        done = await answer(it, (rows["a"], "approve"), (rows["b"], "deny"), (rows["k"], "approve"))
        assert [(one["id"], one["status"]) for one in done] == [(rows[name]["id"], 200) for name in "abk"]
        assert [(await calls[name]).code for name in "abk"] == ["approved", "approval_denied", "approved"]
        late = make(group, one, "late")
        after = rows_of(await table(it, 6))
        assert after.keys() == {*"cdlmn", "late"}
        twice = await answer(
            it, (rows["a"], "deny"), (after["c"], "approve"), (rows["d"] | {"binding": "0" * 64}, "approve")
        )
        assert [one["status"] for one in twice] == [409, 200, 409]
        assert (await calls["c"]).code == "approved"

        # In Slack: Bob's form is of before. What was answered since is told, the late call is not in it.
        await it.slack.submit(
            modal, {_block(modal.body, rows["l"]): "deny", "rest": "approve", "words": "Not that one"}
        )
        assert [(await calls[name]).code for name in "dlmn"] == ["approved", "approval_denied", "approved", "approved"]
        said = str(it.slack.modal(it.people["bob"]))
        assert "Recorded: 3 approved, 1 denied." in said
        assert said.count("Not recorded:") == 4
        (left,) = await ada.requests(state="pending")
        assert (left["arguments"]["to"], left["votes"]) == ("late", [])
        await card_of(it, 1)
        await ada.deny(left, "too late")
        assert (await late["late"]).code == "approval_denied"
        gone = await it.slack.wait_for_change(card, lambda m: "6 succeeded, 3 denied" in m.text, PATIENCE_SECONDS)
        assert "review" not in actions(gone)
    assert {name: it.shop.seen(name) for name in (*calls, "e", "late")} == {
        **dict.fromkeys("akcdmn", 1),
        **dict.fromkeys(("b", "l", "e", "late"), 0),
    }


def _block(body: dict[str, Any], row: dict[str, Any]) -> str:
    """The field of a form in which this row is answered."""
    (found,) = [b["block_id"] for b in body["blocks"] if str(b.get("block_id", "")).startswith(f"{row['id']} ")]
    return str(found)
