"""Who is asking (`/me`), the lists of people and agents, and what admins do to people.

The lists name everybody's address, so a viewer, who reads requests only, does not get them. Nothing here
ever shows a token's hash, or a token twice; an agent's tokens are named by their visible prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain.claims import Identity, until
from approvals.domain.decoys import hour_of
from approvals.domain.model import Person, PersonId, Role
from approvals.domain.quiet import Quiet, quiet
from approvals.errors import Invalid
from approvals.roster import Roster
from approvals.storage.agents import AgentRow, TokenRow
from approvals.storage.tx import Tx
from approvals.web import body, problems
from approvals.web.away import away_body, hours_body
from approvals.web.listing import limit_of, one_each, open_cursor, seal_cursor
from approvals.web.models import Empty
from approvals.web.models_people import PersonIn
from approvals.web.parts import PARTS, Notice, WebParts
from approvals.web.problems import Problem
from approvals.web.sessions import VISITOR, Visitor, actor_of
from approvals.web.shape import answer, dumps, moment

LISTS = frozenset({"agents", "people", "servers", "policies"})
"""The features that are pages of lists."""
READS_ALL = frozenset({Role.ADMIN, Role.AUDITOR})
"""Who reads the audit, which says which requests are tests of attention."""
MAY_LIST = frozenset({Role.REVIEWER, Role.OPERATOR, Role.ADMIN, Role.AUDITOR})


@access(Access.PERSON)
async def me(request: web.Request) -> web.StreamResponse:
    """The person, the CSRF token of the session, the server's clock, and what this server can do."""
    return answer(request, await me_body(request.app[PARTS], request[VISITOR]))


@access(Access.PERSON)
async def list_people(request: web.Request) -> web.StreamResponse:
    """Everybody the directory knows."""
    _check_may_list(request[VISITOR].person)
    parts = request.app[PARTS]

    def look(tx: Tx) -> list[dict[str, Any]]:
        known, identities = parts.directory.own(tx), parts.directory.identities(tx)
        away = {one.person: one for one in tx.absences.coming()}
        now, groups = tx.now, parts.directory.groups
        return [
            {
                **_listed(parts, known[id_], identities.get(id_), now),
                **hours_body(groups.of(known[id_], now), away.get(id_), now),
            }
            for id_ in sorted(known)
        ]

    return _list(request, "people", await parts.db.read(look), key="id")


@access(Access.PERSON)
async def save_person(request: web.Request) -> web.StreamResponse:
    """Add a person, or change one that was added; admins only."""
    sent = await body.read(request, PersonIn)
    parts = request.app[PARTS]
    person = Person(
        id=PersonId(sent.id.lower()),
        name=sent.name,
        roles=frozenset(Role(role) for role in sent.roles),
        groups=frozenset(sent.groups),
        slack=frozenset(sent.slack),
        quiet=_quiet(sent),
    )
    await Roster(parts.desk).save(person, actor=actor_of(request[VISITOR]))

    def look(tx: Tx) -> dict[str, Any]:
        row = _listed(parts, person, parts.directory.identities(tx).get(person.id), tx.now)
        return {**row, **hours_body(person, tx.absences.of(person.id), tx.now)}

    return answer(request, dumps(await parts.db.read(look)))


@access(Access.PERSON)
async def remove_person(request: web.Request) -> web.StreamResponse:
    """Remove a person who was added, and end their sessions; admins only."""
    await body.read(request, Empty)
    await Roster(request.app[PARTS].desk).remove(request.match_info["id"], actor=actor_of(request[VISITOR]))
    return web.Response(status=204)


@access(Access.PERSON)
async def make_token(request: web.Request) -> web.StreamResponse:
    """Give a person who was added a new API token; admins only."""
    await body.read(request, Empty)
    roster = Roster(request.app[PARTS].desk)
    token = await roster.token(request.match_info["id"], actor=actor_of(request[VISITOR]))
    return answer(request, dumps({"token": token}))


@access(Access.PERSON)
async def make_link(request: web.Request) -> web.StreamResponse:
    """Make a link that signs a person in once, within 15 minutes; admins only."""
    await body.read(request, Empty)
    parts = request.app[PARTS]
    if not parts.links():
        raise problems.links_off()
    path = await Roster(parts.desk).login_link(request.match_info["id"], actor=actor_of(request[VISITOR]))
    return answer(request, dumps({"url": parts.settings.link(path)}))


@access(Access.PERSON)
async def unlink(request: web.Request) -> web.StreamResponse:
    """Forget by which account of the identity provider a person is known, and end their sessions; admins only."""
    await body.read(request, Empty)
    await Roster(request.app[PARTS].desk).unlink(request.match_info["id"], actor=actor_of(request[VISITOR]))
    return web.Response(status=204)


@access(Access.PERSON)
async def list_agents(request: web.Request) -> web.StreamResponse:
    """Every agent with the person behind it and its tokens' prefixes."""
    _check_may_list(request[VISITOR].person)
    person = request[VISITOR].person
    agents = await request.app[PARTS].db.read(lambda tx: _agents(tx, person))
    return _list(request, "agents", agents, key="name")


async def me_body(parts: WebParts, visitor: Visitor) -> bytes:
    """The answer of `/me`, which signing in gives too."""
    now, away = await parts.db.read(lambda tx: (tx.now, tx.absences.of(visitor.person.id)))
    return dumps(
        {
            "person": _person(visitor.person),
            "away": away_body(away),
            "stands_for": [{"id": one.id, "name": one.label} for one in visitor.person.stands_for],
            "csrf": visitor.csrf or "",
            "server_time": moment(now),
            "version": parts.version,
            "features": _features(parts, visitor.person),
            "fold_from": parts.desk.folding.start,
            "deny_reasons": list(parts.desk.deny_reasons),
            "notices": [
                {"level": one.level, "text": one.text} for one in (*_own_notices(visitor.person), *parts.notices())
            ],
        }
    )


def _own_notices(person: Person) -> tuple[Notice, ...]:
    return (Notice(level="warning", text=problems.LAPSED),) if person.lapsed else ()


def _quiet(sent: PersonIn) -> Quiet | None:
    if sent.quiet is None:
        return None
    try:
        return quiet(sent.quiet, sent.tz or "UTC")
    except ValueError as err:
        raise Invalid(field="quiet", why=str(err)) from None


def _features(parts: WebParts, person: Person) -> dict[str, bool]:
    """What this server can do, less what this person may not see."""
    offered = {"agents": True, "people": True, **parts.features}
    return {name: offers and (name not in LISTS or _may_list(person)) for name, offers in offered.items()}


def _list(request: web.Request, member: str, rows: list[dict[str, Any]], *, key: str) -> web.Response:
    """One page of a list that is sorted by `key` and small enough to be read whole."""
    query = one_each(request, frozenset({"limit", "cursor"}))
    limit, cursor = limit_of(query.get("limit")), query.get("cursor")
    after = open_cursor(cursor, 1)[0] if cursor else ""
    rest = [row for row in rows if row[key] > after]
    more = seal_cursor([rest[limit - 1][key]]) if len(rest) > limit else None
    return answer(request, dumps({member: rest[:limit], "next_cursor": more}))


def _check_may_list(person: Person) -> None:
    if not _may_list(person):
        raise Problem(403, "not_allowed", "You may not see this list: a viewer reads requests only.")


def _may_list(person: Person) -> bool:
    return bool(person.roles & MAY_LIST)


def _person(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.label,
        "roles": sorted(role.value for role in person.roles),
        "groups": sorted(person.groups),
    }


def _listed(parts: WebParts, person: Person, identity: Identity | None, now: datetime) -> dict[str, Any]:
    source = "config" if parts.directory.is_configured(person.id) else "added"
    return {
        **_person(person),
        "slack": sorted(person.slack),
        "disabled": person.disabled,
        "source": source,
        "claims": _claims(parts, identity, now),
    }


def _claims(parts: WebParts, identity: Identity | None, now: datetime) -> dict[str, Any] | None:
    """What the identity provider said of somebody, as far as it counts here."""
    rules = parts.directory.claims
    if rules is None or identity is None:
        return None
    own = parts.directory.is_configured(identity.person)
    counts = not own or identity.person in rules.configured
    return {
        "groups": sorted(rules.groups_of(identity.groups)) if counts else [],
        "roles": sorted(role.value for role in rules.roles_of(identity.groups)) if not own else [],
        "said_at": moment(identity.said_at),
        "until": moment(until(identity, rules)),
        "in_force": now < until(identity, rules),
    }


def _agents(tx: Tx, person: Person) -> list[dict[str, Any]]:
    return [agent_body(agent, tx.agents.tokens(agent.name), person) for agent in tx.agents.list()]


def agent_body(agent: AgentRow, tokens: Sequence[TokenRow], person: Person) -> dict[str, Any]:
    """An agent as the contract shows it.

    When it was last used is told to the hour but to those who read the audit: that no call came when a request did
    would tell a reviewer that it is a test.
    """
    if not person.roles & READS_ALL:
        tokens = [replace(one, last_used_at=one.last_used_at and hour_of(one.last_used_at)) for one in tokens]
    used = [token.last_used_at for token in tokens if token.last_used_at is not None]
    return {
        "name": agent.name,
        "owner": agent.owner,
        "servers": list(agent.servers),
        "anonymous": agent.anonymous,
        "source": agent.source,
        "paused_at": moment(agent.paused_at),
        "revoked_at": moment(agent.revoked_at),
        "last_used_at": moment(max(used, default=None)),
        "tokens": [
            {
                "prefix": token.prefix,
                "created_at": moment(token.created_at),
                "expires_at": moment(token.expires_at),
                "revoked_at": moment(token.revoked_at),
                "last_used_at": moment(token.last_used_at),
            }
            for token in tokens
        ],
    }
