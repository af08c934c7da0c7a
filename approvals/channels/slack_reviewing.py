"""Deciding many calls from one card: who may decide which of them, and each answer through the desk by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from approvals.channels import slack_groups as groups
from approvals.channels import slack_parts as parts
from approvals.channels import slack_views as views
from approvals.channels.slack_door import VIA, Door
from approvals.channels.slack_groups import Given
from approvals.channels.slack_parts import Json
from approvals.channels.slack_payloads import Click, Submission
from approvals.channels.slack_readable import Place
from approvals.channels.slack_reading import Reading
from approvals.channels.slack_submissions import Ack, Then
from approvals.channels.slack_telling import Telling
from approvals.channels.slack_votes import Votes
from approvals.desk import Desk
from approvals.domain import quorum
from approvals.domain.group_card import Group, GroupRow
from approvals.domain.model import Answer, Decision, Person
from approvals.errors import ConfirmNeeded, Invalid, Refusal
from approvals.storage.tx import Tx

NAMED = 80
TOLD = 12
"""So many answers that did not count are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What came of the answers that were sent together."""

    approved: int
    denied: int
    refused: tuple[str, ...]
    slow: tuple[str, ...] = ()
    """Those whose approval takes a step more, and first why it does."""
    url: str = ""
    """Of the table."""

    def words(self) -> str:
        """For whoever sent them."""
        said = [f"Recorded: {self.approved} approved, {self.denied} denied."]
        said += [f"Not recorded: {why}" for why in self.refused[:TOLD]]
        if len(self.refused) > TOLD:
            said.append(f"and {len(self.refused) - TOLD} more were not recorded.")
        if self.slow:
            why, *names = self.slow
            said.append(
                f"Not recorded: {'; '.join(names[:TOLD])}. {why}, so an approval takes a step more from you now, which "
                f"this window cannot ask for. Approve them in the table: {self.url}"
            )
        return "\n".join(said)


class Reviewing:
    """The button on the card of a group, and the modal that comes back."""

    def __init__(self, desk: Desk, *, reading: Reading, telling: Telling, door: Door, votes: Votes) -> None:
        self._desk, self._reading, self._telling, self._door, self._votes = desk, reading, telling, door, votes

    async def pressed(self, click: Click) -> Then:
        """Open the calls that this person may decide.

        Raises:
            NotAllowed, NotFound.
        """
        seen = await self._reading.look(click.who.user, click.request_id, binding=click.binding)
        group = seen.card.group
        if group is None or not group.rows:
            return partial(self._telling.whisper, click, "None of these calls waits any more.")
        rows = await self._desk.db.read(lambda tx: self._theirs(tx, seen.person, group))
        if not rows:
            return partial(self._telling.whisper, click, "None of these calls is yours to decide.")
        view = groups.review(seen.card, group, rows, others=group.waiting - len(rows))
        return partial(self._telling.show, click, view)

    async def sent_in(self, submission: Submission) -> Ack:
        """Decide each row that has an answer; one that is refused keeps no other back."""
        kept = submission.view.kept
        if kept is None:
            return Ack()
        given = groups.answers(submission.view.shown, submission.typed)
        try:
            person = await self._door.person(submission.who, kept, given[0].answer if given else None)
            group = (await self._reading.look(submission.who.user, kept.request_id, binding=kept.binding)).card.group
        except Refusal as refused:
            late = partial(self._telling.message, submission.who.user, f"Your answers did not count. {refused}")
            return Ack(body=_said(str(refused)).body, late=late)
        done = await self._decide(person, group, given, submission.typed.get(views.WORDS, "").strip() or None)
        late = partial(self._telling.message, submission.who.user, done.words())
        return Ack(body=_said(done.words(), done.url).body, late=late)

    async def _decide(self, person: Person, group: Group | None, given: list[Given], reason: str | None) -> Reviewed:
        counts: dict[Answer, int] = {Answer.APPROVE: 0, Answer.DENY: 0}
        refused: list[str] = []
        slow: list[str] = []
        for one in given:
            decision = Decision(
                reviewer=person.id,
                answer=one.answer,
                binding=one.binding,
                via=VIA,
                reason=reason if one.answer is Answer.DENY else None,
                batch=given[0].request_id,
            )
            try:
                await self._votes.cast(
                    one.request_id, decision, read=Place.NOWHERE if group is None or one.only_denies else group
                )
            except Invalid as wrong:
                refused.append(f"{parts.cut(one.name, NAMED)}: {wrong.fields['why']}")
            except ConfirmNeeded as step:
                slow += [*([] if slow else [str(step.fields["why"])]), parts.cut(one.name, NAMED)]
            except Refusal as no:
                refused.append(f"{parts.cut(one.name, NAMED)}: {no}")
            else:
                counts[one.answer] += 1
        return Reviewed(
            approved=counts[Answer.APPROVE],
            denied=counts[Answer.DENY],
            refused=tuple(refused),
            slow=tuple(slow),
            url="" if group is None else group.url,
        )

    def _theirs(self, tx: Tx, person: Person, group: Group) -> list[GroupRow]:
        found = []
        for row in group.rows:
            request = tx.requests.get(row.request_id)
            if request is not None and quorum.why_not(person, request) is None:
                found.append(row)
        return found


def _said(text: str, url: str = "") -> Ack:
    view: Json = views.notice("Your answers", text, url, label="Open the table")
    return Ack(body={"response_action": "update", "view": view})
