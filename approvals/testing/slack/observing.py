"""What a test sees of the workspace, and how it waits for something to appear.

Waiting is event-driven: every change of the workspace makes the waiters look again, for at most five
seconds; whoever waited in vain is told what there was instead.
"""

from __future__ import annotations

from collections.abc import Callable

from approvals.testing.slack.clock import WAIT_SECONDS, T
from approvals.testing.slack.context import Context
from approvals.testing.slack.courier import Courier
from approvals.testing.slack.delivery import Delivery
from approvals.testing.slack.faults import Call
from approvals.testing.slack.socket_mode import SocketMode
from approvals.testing.slack.state import Channel, Ephemeral, Message, Notice, User, View
from approvals.testing.slack.web_api import WebApi
from approvals.testing.slack.workspace import Workspace


class Observed:
    """The looking half of `LookalikeSlack`."""

    workspace: Workspace
    context: Context
    sockets: SocketMode
    _api: WebApi
    _courier: Courier

    # what there is

    def channel(self, word: str) -> Channel:
        """A channel by id, name or #name; a user id names that person's direct message."""
        found = self.workspace.channel_named(word)
        if found is None and word in self.workspace.users:
            return self.workspace.direct_message(word)
        if found is None:
            known = ", ".join(channel.name for channel in self.workspace.channels.values())
            raise LookupError(f"there is no channel {word!r}; there are {known}")
        return found

    def messages(self, channel: str) -> list[Message]:
        """The messages of a channel, oldest first."""
        wanted = self.channel(channel).id
        return sorted((m for m in self.workspace.messages.values() if m.channel == wanted), key=lambda m: m.ts)

    @property
    def ephemerals(self) -> list[Ephemeral]:
        """Everything that was shown to one person only."""
        return self.workspace.ephemerals

    @property
    def views(self) -> list[View]:
        """Every open modal, each person's from the bottom up."""
        return self.context.modals.all_open()

    def modal(self, user: User) -> View | None:
        """The modal a person sees now."""
        stack = self.workspace.stacks.get(user.id)
        return stack[-1] if stack else None

    def home(self, user: User) -> View | None:
        """A person's Home tab."""
        return self.workspace.homes.get(user.id)

    @property
    def notices(self) -> list[Notice]:
        """The warnings people were shown because the app did not answer."""
        return self.workspace.notices

    @property
    def calls(self) -> list[Call]:
        """Every Web API call, in order."""
        return self._api.calls

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that was sent to the app."""
        return self._courier.sent

    # waiting

    async def wait_for(self, look: Callable[[], T | None], what: str = "it", seconds: float = WAIT_SECONDS) -> T:
        """Wait until `look` finds something; looks again after every change."""
        changes = self.workspace.changes
        return await changes.until(look, seconds=seconds, else_say=lambda: f"{what}: not within {seconds:g} s")

    async def wait_for_message(
        self, channel: str, where: Callable[[Message], bool] = lambda _: True, seconds: float = WAIT_SECONDS
    ) -> Message:
        """The first message of a channel that `where` accepts, now or soon."""

        def look() -> Message | None:
            return next((m for m in self.messages(channel) if where(m)), None)

        def else_say() -> str:
            there = "\n".join(f"  {m.ts} {m.text!r}" for m in self.messages(channel)) or "  nothing"
            failed = "\n".join(f"  {c.method}: {c.error}" for c in self.calls if c.error) or "  none"
            return f"no such message in {channel} within {seconds:g} s. There is:\n{there}\nrefused calls:\n{failed}"

        return await self.workspace.changes.until(look, seconds=seconds, else_say=else_say)

    async def wait_for_change(
        self, message: Message, where: Callable[[Message], bool] | None = None, seconds: float = WAIT_SECONDS
    ) -> Message:
        """The message once it was updated (again), or once `where` accepts it."""
        updates = len(message.history)

        def look() -> Message | None:
            changed = len(message.history) > updates if where is None else where(message)
            return message if changed else None

        return await self.wait_for(look, f"a change of {message.ts}", seconds)

    async def wait_for_modal(
        self, user: User, where: Callable[[View], bool] = lambda _: True, seconds: float = WAIT_SECONDS
    ) -> View:
        """The modal a person sees, once there is one that `where` accepts."""

        def look() -> View | None:
            view = self.modal(user)
            return view if view is not None and where(view) else None

        return await self.wait_for(look, f"a modal for {user.name}", seconds)

    async def wait_for_connection(self, count: int = 1) -> None:
        """Until the app has that many Socket Mode connections."""
        await self.wait_for(lambda: True if len(self.sockets.connections) >= count else None, "a connection")
