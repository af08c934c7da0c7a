"""Who does something that is no decision, and whether their roles let them.

A person's roles are looked at inside the transaction of the act, as they are then. The account that Placet's commands
run under may do what they do: who can open the database needs no role.
"""

from __future__ import annotations

from dataclasses import dataclass

from approvals.domain.model import Role
from approvals.errors import NotPermitted
from approvals.room import Room

STEWARDS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
COMMAND = "cli:"
"""Begins the account of a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and how they are known: a person's address, or an account of the command line (`cli:NAME`)."""

    id: str
    via: str


def permit(room: Room, actor: Actor, what: str, *, roles: frozenset[Role] = STEWARDS) -> None:
    """Let people with one of the roles pass, as they are now, and the account of a command.

    Raises:
        NotPermitted: anybody else.
    """
    if actor.id.startswith(COMMAND):
        return
    person = room.person(actor.id)
    if person.disabled or not person.roles & roles:
        raise NotPermitted(what=what, roles=" or ".join(sorted(roles, reverse=True)))
