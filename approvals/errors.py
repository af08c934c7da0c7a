"""The one base of what stops a request on purpose, and its few kinds.

Each kind carries a machine code, an HTTP status, and two sentences: one for people (a reviewer
in Slack or on the page) and one for the agent. Both are templates over the fields given.
Bugs are not Refusals: they are caught once at each edge, logged, and answered "refused, our fault".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class Refusal(Exception):
    """Something was refused on purpose; `str()` is the sentence for people."""

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 400
    for_people: ClassVar[str] = "This was refused."
    for_agent: ClassVar[str] = "This was refused."

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(self.for_people.format_map(fields))

    @property
    def agent_text(self) -> str:
        """The sentence for the agent."""
        return self.for_agent.format_map(self.fields)


class NotFound(Refusal):
    """It is not there, or this person may not see it: the same answer for both. Field: what.

    `name` is what was asked for, where whoever asked typed it.
    """

    code, http_status = "not_found", 404
    for_people = "There is no {what}, or you may not see it."

    def __init__(self, *, what: str, name: str | None = None) -> None:
        super().__init__(what=f"{what} like that" if name is None else f"{what} {name}")


class NotThere(NotFound):
    """It is not there, and whoever asks would see it if it were. Fields: what, name."""

    for_people = "There is no {what}."


class AlreadyDecided(Refusal):
    """Somebody else's decision was committed first. Fields: state, by, at, request."""

    code, http_status = "already_decided", 409
    for_people = "Already {state} by {by} at {at}."
    for_agent = "This call was already {state}. Do not repeat or rephrase it."


class Expired(Refusal):
    """The decision came after the deadline, or the request had ended without one. Fields: at, request."""

    code, http_status = "expired", 409
    for_people = "Too late: this request ended at {at} without a decision."
    for_agent = "The time for this call has passed."


class StaleBinding(Refusal):
    """The decision named another call than the one that would run. Field: request."""

    code, http_status = "stale_binding", 409
    for_people = "This call changed since you opened it. Read it again, then decide."


class NotClaimable(Refusal):
    """Nobody may execute it now: somebody else has it, or it has ended. Fields: state, request."""

    code, http_status = "not_claimable", 409
    for_people = "This call cannot be run: it is {state}."
    for_agent = "This call is already {state}. Do not repeat or rephrase it."


class ConfirmNeeded(Refusal):
    """Approving takes a step more from this person now. Fields: why, level, send (what `confirm` must say)."""

    code, http_status = "confirm_needed", 409
    for_people = "{why}. {how}"

    def __init__(self, *, why: str, level: int, send: str) -> None:
        how = f"Type the name of the tool, {send}, to approve it" if level > 1 else "Look again, and confirm it"
        super().__init__(why=why, level=level, send=send, field="confirm", how=f"{how} (`confirm`: `{send}`).")


class NotAllowed(Refusal):
    """The person may not do this. Fields: what they tried, as a verb, and why not."""

    code, http_status = "not_allowed", 403
    for_people = "You may not {what}: {why}."

    def __init__(self, *, why: str, what: str = "decide this") -> None:
        super().__init__(why=why, what=what)


class NotPermitted(Refusal):
    """The person's roles do not let them do this. Fields: what, and the roles that would."""

    code, http_status = "not_allowed", 403
    for_people = "You may not {what}: that takes the {roles} role."


class Revoked(Refusal):
    """The agent's access was taken away while its call was under way."""

    code, http_status = "revoked", 403
    for_people = "This agent is revoked."
    for_agent = "The access of this agent was revoked, so nothing was saved and nobody was asked. Stop, tell your user."


class Stopped(Refusal):
    """The agent, its server or everything is stopped, so nothing may be approved. Field: what, a clause."""

    code, http_status = "stopped", 409
    for_people = "Nothing can be approved now: {what}. You may still deny it."


class Invalid(Refusal):
    """A field of the input is wrong. Fields: field (JSON pointer or name), why."""

    code, http_status = "invalid", 422
    for_people = "{field}: {why}."


class Unfit(Refusal):
    """Edited arguments do not fit the tool's schema. Fields: field and why of the first place, `errors` of all."""

    code, http_status = "invalid", 422
    for_people = "{field}: {why}"

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        errors = [{"field": f"/arguments{pointer}", "detail": why} for pointer, why in problems]
        super().__init__(field=errors[0]["field"], why=errors[0]["detail"], errors=errors)


class PolicyRefuses(Refusal):
    """The policy would not let an edited call run. Fields: rule, why."""

    code, http_status = "policy_denied", 422
    for_people = "The policy refuses the call with these arguments ({rule}): {why}"

    def __init__(self, *, rule: str, why: str) -> None:
        super().__init__(field="arguments", rule=rule, why=why)


class QueueFull(Refusal):
    """A cap on open requests is reached. Fields: cap, limit."""

    code, http_status = "queue_full", 429
    for_people = "The queue is full: {cap} allows {limit} open requests."
    for_agent = (
        "Too many calls are already waiting for a person ({cap}: {limit}). This call was not saved and nobody "
        "was asked. Wait for the open ones to be decided before you call again."
    )


class Conflict(Refusal):
    """The row changed under us more often than we care to try again."""

    code, http_status = "conflict", 409
    for_people = "Somebody changed this at the same moment. Load it again."


class Unavailable(Refusal):
    """The store cannot take a write now: nothing was saved."""

    code, http_status = "unavailable", 503
    for_people = "Placet could not save this just now, so nothing was done. Try again in a moment."
    for_agent = "The gateway could not save this call, so it did not run. Try again in a minute."


class Damaged(Refusal):
    """The database, or a row of it, is not as it was written. Field: why, a clause."""

    code, http_status = "damaged", 500
    for_people = "The database is damaged: {why}. Restore it from your backup, see docs/operate.md."
    for_agent = "The gateway could not read what it has saved, so nothing ran. Tell your user."


class Unreadable(Refusal):
    """What is sealed cannot be opened: its master key is not at hand, or it was changed. Field: what."""

    code, http_status = "unreadable", 500
    for_people = "Not readable: {what} cannot be opened. Restore placet.keys from your backup, or see docs/operate.md."
    for_agent = "The gateway could not read what it has saved of this call, so nothing ran. Tell your user."


class KeysLost(Unreadable):
    """There is no key file, though something is sealed. Fields: file, count of what it opened, masters (their ids)."""

    for_people = (
        "There is no key file {file}, and the database has {count} keys that only it can open (master {masters}). "
        "Restore it from your backup. If no backup has it, `placet keys forget ID --yes` gives up what it sealed."
    )


class RequestKeysLost(Unreadable):
    """The database has lost keys of requests that are sealed. Fields: count of the requests, which."""

    for_people = (
        "The database has lost the keys (rows of data_keys) of {count} requests, so that what they say cannot "
        "be opened: {which}. Restore the database from your backup, see docs/operate.md."
    )
