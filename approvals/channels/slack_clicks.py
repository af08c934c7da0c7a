"""What happens when somebody presses, submits or types: judged, decided, acknowledged, and only then talked about.

Every interaction, over Socket Mode or signed HTTP, comes through here, and every answer goes to `desk.decide`. An
`Ack` is returned once the decision is committed; `then` is what follows the acknowledgement. A press of a card that
is not one we keep up to date decides nothing, whatever it says on it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from approvals.channels import slack_away, slack_more
from approvals.channels import slack_payloads as payloads
from approvals.channels import slack_views as views
from approvals.channels.slack_buttons import Action
from approvals.channels.slack_door import VIA, Door
from approvals.channels.slack_groups import REVIEW
from approvals.channels.slack_home import Homes
from approvals.channels.slack_parts import Json
from approvals.channels.slack_payloads import Click, Command, Submission, Who
from approvals.channels.slack_people import SlackPeople
from approvals.channels.slack_readable import Place, Reach, reach
from approvals.channels.slack_reading import Reading, Seen
from approvals.channels.slack_reviewing import Reviewing
from approvals.channels.slack_submissions import RAISED_FOR, Ack, Submissions, Then, trusted
from approvals.channels.slack_telling import Telling, private
from approvals.channels.slack_threads import Threads, reply_in
from approvals.channels.slack_votes import Votes
from approvals.deciding import may_not_take_back
from approvals.desk import Desk
from approvals.domain import quorum
from approvals.domain.model import Answer, Cause, Decision, State
from approvals.errors import AlreadyDecided, ConfirmNeeded, Expired, NotAllowed, NotFound, Refusal, StaleBinding

PRESSES_KEPT = 1_000
BESIDES = {Action.RAISE: views.CONFIRM_RAISE, Action.TRUST: views.CONFIRM_TRUST}
"""The buttons that approve and do more, with the form of who has to confirm it."""
ANSWERS: dict[str, Answer] = {Action.APPROVE: Answer.APPROVE, Action.DENY: Answer.DENY}
ANSWERS |= dict.fromkeys(BESIDES, Answer.APPROVE)
"""What the buttons that decide say."""
BROKE = "Something broke in Placet while it took what you sent. It may not have counted: look at the call, try again."
USAGE = "Type “list” to see what waits for you, or a request id (req_…) to open one call."


class Clicks:
    """The hands of people on cards, modals, Home and the command line of Slack."""

    def __init__(self, desk: Desk, *, people: SlackPeople, reading: Reading, telling: Telling, homes: Homes) -> None:
        self._desk, self._people, self._reading, self._telling = desk, people, reading, telling
        self._homes = homes
        self._door = Door(desk, people=people, reading=reading)
        self._votes = Votes(desk, reading)
        self._submissions = Submissions(desk, door=self._door, reading=reading, telling=telling, votes=self._votes)
        self._reviewing = Reviewing(desk, reading=reading, telling=telling, door=self._door, votes=self._votes)
        self._threads = Threads(desk, people=people, telling=telling, channel=reading.channel)
        self._pressed: dict[tuple[str, ...], None] = {}

    async def interactive(self, payload: Any) -> Ack:
        """A button or a submitted modal.

        Raises:
            Malformed: it is not what Slack sends.
        """
        what = payloads.interaction(payload)
        if isinstance(what, Submission):
            reviewed = what.view.callback_id == REVIEW
            return await (self._reviewing.sent_in(what) if reviewed else self._submissions.take(what))
        if what is None or what.action == Action.OPEN or self._came_before(what):
            return Ack()
        try:
            await self._door.person(what.who, what, ANSWERS.get(what.action))
            pressed = self._reviewing.pressed if what.action == REVIEW else self._pressed_what
            return Ack(then=await pressed(what))
        except ConfirmNeeded as needed:
            return Ack(then=partial(self._ask_again, what, needed))
        except Refusal as refused:
            return Ack(then=partial(self._refused, what, refused))

    async def broke(self, payload: Any) -> None:
        """Tell whoever sent a window that was acknowledged before a bug kept us from what it was for."""
        try:
            what = payloads.interaction(payload)
        except payloads.Malformed:
            return
        if isinstance(what, Submission):
            await self._telling.message(what.who.user, BROKE)

    async def command(self, fields: Any) -> Ack:
        """The slash command.

        Raises:
            Malformed: it is not what Slack sends.
        """
        command = payloads.command(fields)
        word = command.text.strip()
        try:
            await self._people.admit(command.who)
            if word.startswith("req_"):
                return await self._open_by_id(command, word)
            body = await self._typed(command.who, word)
        except Refusal as refused:
            body = private(str(refused))
        return Ack(body=body, late=partial(self._telling.late_answer, command.response_url, body))

    async def _typed(self, who: Who, text: str) -> Json:
        if text in ("", "list"):
            return await self._list(who)
        if text.split()[0] in slack_away.WORDS:
            return await slack_away.command(self._desk, await self._reading.person(who.user), text, via=VIA)
        return private(f"{USAGE} {slack_away.USAGE}")

    async def event(self, payload: Any) -> Ack:
        """An event: the Home tab, or words under a card.

        Raises:
            Malformed: it is not what Slack sends.
        """
        reply = reply_in(payload)
        if reply is not None:
            return await self._threads.take(reply)
        opened = payloads.event(payload)
        return Ack() if opened is None else Ack(then=partial(self._homes.opened, opened.who))

    async def _pressed_what(self, click: Click) -> Then | None:
        if click.action not in {*Action, *slack_more.VERBS} or not click.request_id:
            raise NotFound(what="request")
        seen = await self._reading.look(click.who.user, click.request_id, binding=click.binding)
        if click.action in slack_more.VERBS:
            return await self._more(click, seen)
        match Action(click.action):
            case Action.APPROVE:
                return await self._approve(click, seen)
            case Action.RAISE | Action.TRUST:
                return await self._approve_and_more(click, seen)
            case Action.DENY | Action.EDIT:
                return await self._form(click, seen)
            case Action.VIEW:
                if not quorum.may_see(seen.person, seen.request):
                    raise NotAllowed(
                        what="read this", why=quorum.why_no_authority(seen.person, seen.request) or "it is not yours"
                    )
                await self._desk.saw(seen.request, seen.person)
                return partial(self._telling.show, click, views.full_call(seen.card))
            case Action.EXPECTED | Action.UNEXPECTED | Action.PULL_BACK:
                return await self._after_the_decision(click, seen)
            case Action.NEXT | Action.PREVIOUS | Action.OPEN as turned:
                return None if turned is Action.OPEN else partial(self._telling.replace, click, _turned(click, seen))

    async def _more(self, click: Click, seen: Seen) -> Then:
        if click.action in slack_more.WINDOWS:
            if (refused := slack_more.may_not(click.action, seen.person, seen.request)) is not None:
                raise refused
            return partial(self._telling.show, click, slack_more.window(click.action, seen.card))
        said = await slack_more.at_once(self._desk, click.action, seen.request, seen.person)
        return partial(self._telling.whisper, click, said)

    async def _after_the_decision(self, click: Click, seen: Seen) -> Then | None:
        if click.action == Action.PULL_BACK:
            if not quorum.may_cancel(seen.person, seen.request):
                raise may_not_take_back()
            await self._desk.cancel(click.request_id, actor=seen.person.id, cause=Cause.CANCELLED_BY_PERSON)
            return None
        if click.action == Action.UNEXPECTED:
            return partial(self._telling.show, click, views.unexpected(seen.card))
        await self._desk.expect(click.request_id, person=seen.person.id, as_expected=True, words=None, via=VIA)
        return partial(self._telling.repaint, click)

    async def _form(self, click: Click, seen: Seen) -> Then:
        """What asks for words before anything is decided: why not, or what instead."""
        editing = click.action == Action.EDIT
        await self._may_decide(click, seen, Answer.APPROVE if editing else Answer.DENY)
        if editing and seen.card.editable is None:
            raise NotAllowed(
                what="change this here", why=f"it cannot be changed in Slack. The page has all of it: {seen.card.url}"
            )
        form = views.edit(seen.card) if editing else views.deny(seen.card, self._desk.deny_reasons)
        return partial(self._telling.show, click, form, on_top=_is_in_modal(click))

    async def _approve(self, click: Click, seen: Seen) -> Then | None:
        await self._may_decide(click, seen, Answer.APPROVE)
        if click.view is not None:
            if click.view.kept is None or not click.view.kept.decides:
                raise NotAllowed(what="approve this here", why="only the last page of the full call approves")
            await self._decide(click, seen, Answer.APPROVE, read=Place.FULL_CALL)
            return partial(self._show_result, click)
        match reach(seen.card):
            case Reach.CARD:
                await self._decide(click, seen, Answer.APPROVE)
                return None
            case Reach.FULL_CALL:
                return partial(self._telling.show, click, views.full_call(seen.card))
            case Reach.PAGE:
                await self._decide(click, seen, Answer.APPROVE)
                return None

    async def _approve_and_more(self, click: Click, seen: Seen) -> Then | None:
        await self._may_decide(click, seen, Answer.APPROVE)
        if click.view is not None or reach(seen.card) is not Reach.CARD:
            what = "a limit is raised" if click.action == Action.RAISE else "calls are trusted"
            raise NotAllowed(
                what="approve this here",
                why=f"{what} where the whole call is read. Decide on the page: {seen.card.url}",
            )
        await self._decide(click, seen, Answer.APPROVE)
        return None

    async def _decide(self, click: Click, seen: Seen, answer: Answer, *, read: Place = Place.CARD) -> None:
        decision = Decision(
            reviewer=seen.person.id,
            answer=answer,
            binding=click.binding,
            via=VIA,
            raise_for=RAISED_FOR if click.action == Action.RAISE else None,
            grant=trusted(seen.request) if click.action == Action.TRUST else None,
        )
        await self._votes.cast(click.request_id, decision, read=read)

    async def _ask_again(self, click: Click, needed: ConfirmNeeded) -> None:
        card = await self._reading.card(click.request_id)
        if card is not None:
            callback = next((form for one, form in BESIDES.items() if one == click.action), views.CONFIRM)
            why, level = str(needed.fields["why"]), int(needed.fields["level"])
            in_modal = _is_in_modal(click)
            view = views.confirm(card, why=why, level=level, callback=callback, decides=in_modal)
            await self._telling.show(click, view, on_top=in_modal)

    async def _may_decide(self, click: Click, seen: Seen, answer: Answer) -> None:
        """Refuse what can be refused before anybody reads or writes a reason.

        Raises:
            Refusal: the desk's own, wherever it is the desk's to say.
        """
        in_message = click.channel is not None and click.ts is not None and not click.is_ephemeral
        if in_message and not seen.is_kept_at(click.channel or "", click.ts or ""):
            raise _Stray
        if seen.request.state is not State.PENDING or seen.card.decided:
            # It is over, so the desk cannot but refuse, and knows who was first.
            await self._decide(click, seen, answer)
        refused: Refusal | None = None
        if click.binding != seen.request.binding:
            refused = StaleBinding(request=seen.request)
        elif (why := quorum.why_not(seen.person, seen.request, answer)) is not None:
            refused = NotAllowed(why=why)
        if refused is not None:
            await self._door.turn_away(click, seen.person.id, answer, refused)
            raise refused

    async def _refused(self, click: Click, refused: Refusal) -> None:
        await self._telling.refuse(click, str(refused))
        if isinstance(refused, _Stray):
            await self._telling.bury(click)
        elif isinstance(refused, StaleBinding | AlreadyDecided | Expired):
            await self._telling.repaint(click)

    async def _show_result(self, click: Click) -> None:
        card = await self._reading.card(click.request_id)
        if card is not None:
            title = "Your vote is in" if card.state is State.PENDING else "Approved"
            await self._telling.replace(click, views.notice(title, card.status_line, card.url))

    async def _open_by_id(self, command: Command, request_id: str) -> Ack:
        seen = await self._reading.look(command.who.user, request_id)
        click = Click(
            who=command.who,
            action=Action.VIEW,
            request_id=request_id,
            binding=seen.request.binding,
            at="",
            trigger=command.trigger,
            response_url=command.response_url,
        )
        return Ack(then=partial(self._telling.show, click, views.full_call(seen.card)))

    async def _list(self, who: Who) -> Json:
        cards, more = await self._reading.waiting_for(who.user)
        if not cards:
            return private("Nothing waits for you.")
        count = f"{len(cards)}{'+' if more else ''} waiting for you, oldest first."
        body = private(count)
        return body | {"blocks": [*body["blocks"], *views.listed(cards)]}

    def _came_before(self, click: Click) -> bool:
        """Was this very press handed to us already? The same envelope can come twice."""
        key = (click.who.user, click.action, click.request_id, click.at)
        if key in self._pressed:
            return True
        self._pressed[key] = None
        if len(self._pressed) > PRESSES_KEPT:
            del self._pressed[next(iter(self._pressed))]
        return False


class _Stray(Refusal):
    """A card that is not the one we keep up to date: a second copy, or none of ours."""

    code, http_status = "stray_card", 409
    for_people = (
        "This is not the card that Placet keeps up to date, so it decides nothing. Use the other one, or the page."
    )


def _is_in_modal(click: Click) -> bool:
    return click.view is not None and click.view.callback_id != views.HOME


def _turned(click: Click, seen: Seen) -> Json:
    remembered = click.view.kept if click.view is not None else None
    if remembered is None or remembered.binding != seen.request.binding:
        return views.full_call(seen.card, note=str(StaleBinding(request=seen.request)))
    step = 1 if click.action == Action.NEXT else -1
    return views.full_call(seen.card, remembered.page + step)
