"""The bodies of what people do around a decision: words, questions, handing it on, hiding it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from approvals.web.bodies import Length, Model, PeoplesNote, Text, Time, Words

Member = Annotated[Text, Field(min_length=3, max_length=256, description="`group:NAME` or an address.")]


class CommentIn(Model):
    """A note for the other people; the agent never gets it."""

    text: Words


class AskIn(Model):
    """A question to the agent, while its call waits. It gets it quoted, as data, never as instructions."""

    question: Words


class CommentOut(Model):
    """A note of one person for the others."""

    by: str
    name: str
    text: str
    at: Time
    via: str


class QuestionOut(Model):
    """What a reviewer asked the agent. `answer` is the agent's own words: nobody has verified them."""

    by: str
    name: str
    question: str
    at: Time
    via: str
    told_at: Time | None
    answer: str | None
    answered_at: Time | None


class ReassignIn(Model):
    """Let others decide in place of those whom you speak for."""

    to: list[Member] = Field(min_length=1, max_length=10)
    factor: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Only this one of `needs`, counted from 0. Without it: all that you speak for; for an operator who "
        "speaks for none, all there are.",
    )
    note: PeoplesNote | None = None


class SnoozeIn(Model):
    """Hide it from your own queue until then, or until something about it changes; null shows it again."""

    lasts: Length | None = Field(alias="for", description="Less than the time that is left to decide it.")
