"""Modals that are sent in: a denial with its reason, an approval with its further step, a word on an outcome.

Like a press, each ends in the desk, and Slack hears of it once it is committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from approvals.channels import slack_more
from approvals.channels import slack_views as views
from approvals.channels.slack_buttons import REASSIGN
from approvals.channels.slack_door import VIA, Door
from approvals.channels.slack_parts import Json, cut
from approvals.channels.slack_payloads import Submission
from approvals.channels.slack_readable import Place
from approvals.channels.slack_reading import Reading
from approvals.channels.slack_telling import Telling
from approvals.channels.slack_views import Kept
from approvals.channels.slack_votes import Votes
from approvals.desk import Desk
from approvals.domain import grants
from approvals.domain.attention import YES
from approvals.domain.deny_reasons import joined
from approvals.domain.model import Answer, ApprovalRequest, Decision, Person
from approvals.domain.shapes import Proposal
from approvals.editing import read_arguments
from approvals.errors import ConfirmNeeded, Invalid, PolicyRefuses, Refusal, Unfit

ERROR = 500
"""Characters of what stands beside a field that is wrong."""
RAISED_FOR = timedelta(hours=1)
"""What the button says."""
Then = Callable[[], Awaitable[None]]
Act = Callable[[Person], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The acknowledgement, what is done after it, and what is done instead of `body` if it comes too late."""

    body: Json | None = None
    then: Then | None = None
    late: Then | None = None


def trusted(request: ApprovalRequest) -> Proposal:
    """What the other button says: the very same call. What may vary is chosen on the page."""
    return Proposal(places=(), lasts=timedelta(minutes=15), uses=5, scope=grants.narrowest(request))


_FIELDS = {views.EDIT: views.ARGUMENTS, REASSIGN: slack_more.TO}
"""The field that what is wrong stands beside, where it is not the words."""
_WRITTEN = (views.PRESET, slack_more.TO, views.WORDS, views.ARGUMENTS, views.CONFIRM)
"""The fields that people fill in."""


class Submissions:
    """The modals of ours as they come back."""

    def __init__(self, desk: Desk, *, door: Door, reading: Reading, telling: Telling, votes: Votes) -> None:
        self._desk, self._door, self._reading, self._telling, self._votes = desk, door, reading, telling, votes

    async def take(self, submission: Submission) -> Ack:
        """Do what a modal was for; one of somebody else does nothing."""
        remembered = submission.view.kept
        if remembered is None:
            return Ack()
        match submission.view.callback_id:
            case views.DENY:
                return await self._denied(submission, remembered)
            case views.EDIT:
                return await self._edited(submission, remembered)
            case views.CONFIRM | views.CONFIRM_RAISE | views.CONFIRM_TRUST:
                return await self._confirmed(submission, remembered)
            case views.UNEXPECTED:
                return await self._unexpected(submission, remembered)
            case verb if verb in slack_more.WINDOWS:
                return await self._more(submission, remembered, verb)
            case _:
                return Ack()

    async def _more(self, submission: Submission, remembered: Kept, verb: str) -> Ack:
        async def do(person: Person) -> None:
            await slack_more.sent_in(self._desk, verb, remembered.request_id, person, submission.typed)

        return await self._done(submission, do, "Not done", "What you sent did not count.", answer=None)

    async def _denied(self, submission: Submission, remembered: Kept) -> Ack:
        reason = joined(submission.typed.get(views.PRESET), submission.typed.get(views.WORDS))

        async def deny(person: Person) -> None:
            decision = Decision(
                reviewer=person.id, answer=Answer.DENY, binding=remembered.binding, via=VIA, reason=reason
            )
            await self._votes.cast(remembered.request_id, decision, read=Place.FORM)

        return await self._done(submission, deny, "Not denied", "Your denial did not count.", answer=Answer.DENY)

    async def _edited(self, submission: Submission, remembered: Kept) -> Ack:
        async def approve(person: Person) -> None:
            try:
                arguments = read_arguments(submission.typed.get(views.ARGUMENTS, ""))
            except Invalid as wrong:
                await self._door.turn_away(remembered, person.id, Answer.APPROVE, wrong)
                raise
            decision = Decision(
                reviewer=person.id,
                answer=Answer.APPROVE,
                binding=remembered.binding,
                via=VIA,
                # Who changes the arguments has taken the step that asks for a second look.
                confirm=submission.typed.get(views.CONFIRM, YES),
                arguments=arguments,
            )
            await self._votes.cast(remembered.request_id, decision, read=Place.FORM)

        late = "Your approval did not count."
        return await self._done(submission, approve, "Not approved", late, answer=Answer.APPROVE)

    async def _confirmed(self, submission: Submission, remembered: Kept) -> Ack:
        form = submission.view.callback_id
        read = Place.FULL_CALL if remembered.decides else Place.CARD

        async def approve(person: Person) -> None:
            request = await self._desk.get(remembered.request_id) if form == views.CONFIRM_TRUST else None
            decision = Decision(
                reviewer=person.id,
                answer=Answer.APPROVE,
                binding=remembered.binding,
                via=VIA,
                raise_for=RAISED_FOR if form == views.CONFIRM_RAISE else None,
                grant=None if request is None else trusted(request),
                confirm=submission.typed.get(views.CONFIRM, YES),
            )
            await self._votes.cast(remembered.request_id, decision, read=read)

        return await self._done(
            submission, approve, "Not approved", "Your approval did not count.", answer=Answer.APPROVE
        )

    async def _unexpected(self, submission: Submission, remembered: Kept) -> Ack:
        words = submission.typed.get(views.WORDS)

        async def say(person: Person) -> None:
            await self._desk.expect(remembered.request_id, person=person.id, as_expected=False, words=words, via=VIA)

        return await self._done(
            submission, say, "Not noted", "What you said of the outcome was not noted.", answer=None
        )

    async def _done(
        self,
        submission: Submission,
        act: Act,
        title: str,
        told_late: str,
        *,
        answer: Answer | None,
    ) -> Ack:
        remembered = submission.view.kept
        if remembered is None:
            return Ack()
        no = Refused(submission, self._telling, title=title, late=told_late)
        try:
            await act(await self._door.person(submission.who, remembered, answer))
        except Invalid as wrong:
            by_field = not str(wrong.fields["field"]).startswith("grant")
            return no.beside(str(wrong.fields["why"])) if by_field else no.instead(wrong)
        except (Unfit, PolicyRefuses) as wrong:
            return no.beside(_places(wrong))
        except ConfirmNeeded as needed:
            if views.CONFIRM in submission.typed:
                return no.beside(f"Type exactly {needed.fields['send']}.", views.CONFIRM)
            card = await self._reading.card(remembered.request_id)
            if submission.view.callback_id != views.EDIT or card is None:
                return no.instead(needed)
            step = views.Step(why=str(needed.fields["why"]), tool=str(needed.fields["send"]))
            return no.again(needed, views.edit(card, typed=submission.typed.get(views.ARGUMENTS), step=step))
        except Refusal as refused:
            return no.instead(refused)
        return Ack(body={"response_action": "clear"})


class Refused:
    """What whoever sent a window is told of a refusal: in it, or with their own words where it has gone meanwhile."""

    def __init__(self, submission: Submission, telling: Telling, *, title: str, late: str) -> None:
        self._submission, self._telling, self._title, self._late = submission, telling, title, late

    def beside(self, why: str, field: str | None = None) -> Ack:
        """Beside the field that is wrong."""
        block = field or _FIELDS.get(self._submission.view.callback_id, views.WORDS)
        body = {"response_action": "errors", "errors": {block: why}}
        return Ack(body=body, late=self._by_message(f"{why[:1].upper()}{why[1:].rstrip('.')}."))

    def instead(self, refused: Refusal) -> Ack:
        """In place of the window."""
        return self.again(refused, views.notice(self._title, str(refused)))

    def again(self, refused: Refusal, view: Json) -> Ack:
        """With another window."""
        return Ack(body={"response_action": "update", "view": view}, late=self._by_message(str(refused)))

    def _by_message(self, why: str) -> Then:
        written = [words for block in _WRITTEN if (words := self._submission.typed.get(block, "").strip())]
        return partial(self._telling.message, self._submission.who.user, f"{self._late} {why}", back="\n".join(written))


def _places(refused: Refusal) -> str:
    """What does not fit, place by place, or which rule is against it."""
    errors = refused.fields.get("errors") or ()
    said = "; ".join(f"{one['field'].removeprefix('/arguments') or '/'}: {one['detail']}" for one in errors)
    return cut(said or str(refused), ERROR)
