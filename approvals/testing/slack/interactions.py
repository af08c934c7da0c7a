"""What people do: press, choose, submit, close, look at Home, type a command.

Each builds the payload Slack would send, delivers it, and does what Slack does with the answer:
a submitted modal closes, shows errors, is replaced, pushed or cleared; an app that does not answer
gets the person a warning.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.testing.slack import payloads
from approvals.testing.slack.blocks import interactive
from approvals.testing.slack.courier import Courier
from approvals.testing.slack.delivery import Answer, Kind, lost
from approvals.testing.slack.forms import fill, missing
from approvals.testing.slack.methods_chat import checked_blocks
from approvals.testing.slack.modals import Modals, checked, rendered
from approvals.testing.slack.payloads import NoSuchElement
from approvals.testing.slack.signing import Forgery
from approvals.testing.slack.state import (
    ApiError,
    Channel,
    Ephemeral,
    Json,
    Message,
    ResponseUrl,
    User,
    View,
)
from approvals.testing.slack.workspace import Workspace, short_id

Place = Message | Ephemeral | View
TROUBLE = "{app} did not respond, so nothing may have happened. Try again."


@dataclass(slots=True, kw_only=True)
class Interactions:
    """People's hands on the workspace."""

    workspace: Workspace
    modals: Modals
    courier: Courier
    url: str = ""

    async def press(
        self,
        user: User,
        place: Place,
        action_id: str,
        *,
        block_id: str | None = None,
        choice: Any = None,
        forge: Forgery | None = None,
    ) -> Answer:
        """Use a button, menu or choice; a confirm dialog counts as confirmed."""
        block, element = find(place, action_id, block_id)
        self._may_see(user, place)
        self._keep_choice(place, block, element, choice)
        act = payloads.action(block, element, choice, self.workspace.next_ts())
        payload: Json = {"type": "block_actions", **payloads.sender(user, self.workspace), "actions": [act]}
        payload["trigger_id"] = self._trigger(user, place)
        if isinstance(place, View):
            payload |= payloads.in_view(place, self.workspace)
        else:
            payload |= payloads.in_message(place, self.workspace)
            payload["response_url"] = self._response_url(user, place.channel, place)
        answer = await self.courier.send(Kind.INTERACTIVE, payload, forge=forge)
        return self._told(user, answer)

    async def submit(self, view: View, values: Mapping[str, Any], *, forge: Forgery | None = None) -> Answer:
        """Fill the fields of a modal by block or action id and press its submit button."""
        user = self.workspace.users[view.user]
        fill(view, values)
        view.errors = missing(view)
        self.workspace.changes.bump()
        if view.errors:
            return lost("the form is not complete")
        payload: Json = {
            "type": "view_submission",
            **payloads.sender(user, self.workspace),
            "trigger_id": self.workspace.new_trigger(user.id, view_id=view.id),
            "view": rendered(view, self.workspace),
            "response_urls": [],
        }
        answer = await self.courier.send(Kind.INTERACTIVE, payload, forge=forge)
        return self._told(user, self._follow(view, answer))

    async def close(self, view: View) -> Answer | None:
        """Press Close or the cross; the app hears of it only when it asked to."""
        user = self.workspace.users[view.user]
        clears = bool(view.body.get("clear_on_close"))
        if clears:
            self.modals.clear(user.id)
        else:
            self._take_away(view)
        if not view.body.get("notify_on_close"):
            return None
        payload: Json = {
            "type": "view_closed",
            **payloads.sender(user, self.workspace),
            "view": rendered(view, self.workspace),
            "is_cleared": clears,
        }
        return await self.courier.send(Kind.INTERACTIVE, payload)

    async def command(self, user: User, channel: Channel, word: str, text: str = "") -> Answer:
        """Type a slash command; what the app answers at once is shown."""
        fields = payloads.command(user, channel, word, text, self.workspace)
        fields["response_url"] = self._response_url(user, channel.id, None)
        fields["trigger_id"] = self.workspace.new_trigger(user.id)
        answer = await self.courier.send(Kind.COMMAND, fields)
        said = answer.body or ({"text": answer.text} if answer.text else None)
        if answer.acked and said is not None:
            try:
                self._show_reply(user, channel, said)
            except ApiError as refusal:
                answer = lost(f"the answer to the command was refused: {refusal.error}")
        return self._told(user, answer)

    async def shortcut(self, user: User, message: Message, callback_id: str) -> Answer:
        """Use a message shortcut."""
        where = payloads.in_message(message, self.workspace)
        payload: Json = {
            "type": "message_action",
            **payloads.sender(user, self.workspace),
            "callback_id": callback_id,
            "trigger_id": self.workspace.new_trigger(user.id),
            "response_url": self._response_url(user, message.channel, message),
            "action_ts": self.workspace.next_ts(),
            "message_ts": message.ts,
            "channel": where["channel"],
            "message": where["message"],
        }
        return self._told(user, await self.courier.send(Kind.INTERACTIVE, payload))

    async def event(self, body: Json, *, retry: int = 0, forge: Forgery | None = None) -> Answer:
        """Deliver an event; `retry` marks it as the n-th repetition."""
        payload = payloads.event(body, self.workspace, short_id("Ev", 11))
        return await self.courier.send(Kind.EVENT, payload, retry=retry, forge=forge)

    async def verify_url(self) -> Answer:
        """The challenge for a new Request URL; acknowledged only when it comes back."""
        challenge = secrets.token_urlsafe(24)
        payload = {"type": "url_verification", "token": payloads.VERIFICATION_TOKEN, "challenge": challenge}
        answer = await self.courier.send(Kind.EVENT, payload)
        echoed = challenge in (answer.text, (answer.body or {}).get("challenge"))
        return answer if not answer.acked or echoed else lost("the app did not answer with the challenge")

    async def open_home(self, user: User) -> Answer:
        """Open the app's Home tab."""
        channel = self.workspace.direct_message(user.id)
        body: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": "home",
            "event_ts": self.workspace.next_ts(),
        }
        if (home := self.workspace.homes.get(user.id)) is not None:
            body["view"] = rendered(home, self.workspace)
        return await self.event(body)

    def _follow(self, view: View, answer: Answer) -> Answer:
        if not answer.acked:
            return answer
        body = answer.body or {}
        try:
            match body.get("response_action"):
                case None:
                    self._take_away(view)
                case "errors":
                    view.errors = _errors(view, body)
                case "update":
                    self.modals.update(view, checked(body.get("view"), "modal"))
                case "push":
                    self.modals.push(view.user, checked(body.get("view"), "modal"))
                case "clear":
                    self.modals.clear(view.user)
                case other:
                    return lost(f"unknown response_action {other!r}")
        except ApiError as refusal:
            detail = refusal.extra.get("response_metadata", {}).get("messages", "")
            return lost(f"the answer to the submission was refused: {refusal.error} {detail}".strip())
        self.workspace.changes.bump()
        return answer

    def _take_away(self, view: View) -> None:
        stack = self.workspace.stacks.get(view.user, [])
        if view in stack:
            stack.remove(view)
            self.workspace.changes.bump()

    def _told(self, user: User, answer: Answer) -> Answer:
        if not answer.acked:
            self.workspace.warn(user.id, TROUBLE.format(app=self.workspace.bot.real_name))
        return answer

    def _trigger(self, user: User, place: Place) -> str:
        return self.workspace.new_trigger(user.id, view_id=place.id if isinstance(place, View) else None)

    def _response_url(self, user: User, channel: str, message: Message | Ephemeral | None) -> str:
        entry = ResponseUrl(
            key=f"{secrets.randbelow(10**12)}/{secrets.token_urlsafe(18)}",
            user=user.id,
            channel=channel,
            issued_at=self.workspace.clock(),
            message_ts=None if message is None else message.ts,
            is_ephemeral=isinstance(message, Ephemeral),
        )
        return self.url + self.workspace.new_response_url(entry)

    def _keep_choice(self, place: Place, block: Json, element: Json, choice: Any) -> None:
        if element["type"] in ("button", "overflow") or isinstance(place, Ephemeral):
            return
        entry = {"type": element["type"], **payloads.chosen(element, choice)}
        place.state.setdefault(block["block_id"], {})[element["action_id"]] = entry

    def _may_see(self, user: User, place: Place) -> None:
        if isinstance(place, Message):
            if user.id not in self.workspace.channels[place.channel].members:
                raise PermissionError(f"{user.name} is not in the channel of this message")
        elif place.user != user.id:
            raise PermissionError(f"only {place.user} sees this")

    def _show_reply(self, user: User, channel: Channel, said: Json) -> None:
        blocks = checked_blocks(said.get("blocks")) or []
        text, ts = str(said.get("text", "")), self.workspace.next_ts()
        if said.get("response_type") == "in_channel":
            self.workspace.add_message(
                Message(channel=channel.id, ts=ts, user=self.workspace.bot.id, text=text, blocks=blocks)
            )
        else:
            self.workspace.add_ephemeral(Ephemeral(channel=channel.id, ts=ts, user=user.id, text=text, blocks=blocks))


def find(place: Place, action_id: str, block_id: str | None = None) -> tuple[Json, Json]:
    """The block and the element with that action id.

    Raises:
        NoSuchElement: naming what there is instead.
    """
    blocks = place.body["blocks"] if isinstance(place, View) else place.blocks
    usable = list(interactive(blocks))
    for block, element in usable:
        if element["action_id"] == action_id and block_id in (None, block["block_id"]):
            return block, element
    known = ", ".join(element["action_id"] for _, element in usable) or "nothing"
    raise NoSuchElement(f"there is no {action_id!r} here to use; there is {known}")


def _errors(view: View, body: Json) -> dict[str, str]:
    errors = body.get("errors")
    inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise ApiError("invalid_errors", response_metadata={"messages": [f"input blocks: {sorted(inputs)}"]})
    return {str(name): str(text) for name, text in errors.items()}
