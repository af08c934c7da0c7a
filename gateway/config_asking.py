"""Whether the people that the rules of a policy ask exist, may decide, and are enough (security.md 1e P1).

Asked of a whole configuration when it is loaded, and of one policy when it is saved on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from approvals.domain import escalating
from approvals.domain.model import Person, PersonId, Role
from approvals.domain.terms import Terms
from gateway.policy.model import Policy
from gateway.policy.routes import ApprovalDefaults, Asker, NobodyToAsk, askers, terms
from gateway.policy.source import Problem, nearest
from gateway.settings import OidcSettings, Settings

SECTIONS = {"slack": "slack", "email": "email", "webhook": "webhooks", "notify": "notify", "push": "push"}
"""The section of the configuration that a channel needs; the page needs none."""
CHANNELS = ("web", *SECTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who can be asked, and where.

    `channels` are the words of what is configured: `slack`, `webhook`, `webhook:NAME`.
    `unread` are the sections of the configuration that could not be read: what hangs on them is not complained of.
    `written` are the addresses under `people`, readable or not.
    `on_call` are the groups that a rota fills: who is in them is another question every day.
    `provider` is where people sign in, who may bring groups and roles with them that nobody has yet.
    """

    defaults: ApprovalDefaults
    channels: frozenset[str]
    people: Mapping[PersonId, Person]
    unread: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()
    provider: OidcSettings | None = None
    on_call: frozenset[str] = frozenset()

    def problems(self, policy: Policy) -> Iterator[Problem]:
        """What is wrong with whom a policy asks, each at its rule."""
        for asker in askers(policy):
            line, column = policy.place(asker.rule)
            for message, hint in self._wrong(asker):
                yield Problem(
                    file=policy.name, line=line, column=column, pointer=asker.rule, message=message, hint=hint
                )

    def missing(self, member: str) -> tuple[str | None, str | None]:
        """What is wrong with a reviewer who is named, if anything, and what was probably meant."""
        if self._may_come(member) or self._is_on_call(member):
            return None, None
        if "people" not in self.unread:
            return _missing(member, self.people)
        # What some people may do, and their groups, could not be read. That somebody is not there at all can be told.
        if not self.written or member.startswith("group:") or member in self.written:
            return None, None
        return _missing(member, self.people)

    def awaited(self, policy: Policy) -> Iterator[str]:
        """The reviewers of a policy who are nobody until somebody signs in."""
        for asker in askers(policy):
            try:
                wanted = terms(asker.spec, self.defaults)
            except NobodyToAsk:
                continue
            for member in {member: None for factor in wanted.factors for member in factor.members}:
                if self._may_come(member) and not _able(member, self.people):
                    yield member

    def _is_on_call(self, member: str) -> bool:
        return member.startswith("group:") and member.removeprefix("group:") in self.on_call

    def _may_come(self, member: str) -> bool:
        """May a sign-in make somebody of this group, or this person, a reviewer?"""
        oidc, group = self.provider, member.removeprefix("group:")
        if oidc is None:
            return False
        if group != member:
            return bool(oidc.groups_claim) and group.startswith(oidc.claims.prefix) and group != oidc.claims.prefix
        known = self.people.get(PersonId(member))
        brings = Role.REVIEWER in oidc.claims.roles
        return brings and (known is not None or bool(oidc.admit_groups or oidc.admit_domains))

    def _wrong(self, asker: Asker) -> Iterator[tuple[str, str | None]]:
        try:
            wanted = terms(asker.spec, self.defaults)
        except NobodyToAsk:
            if "approvals" not in self.unread:
                message = f"the rule {asker.rule} needs approval, and nobody is named to give it"
                yield message, "add approval.reviewers here, or approvals.reviewers in the configuration"
            return
        yield from self._unmeetable(wanted)

    def _unmeetable(self, wanted: Terms) -> Iterator[tuple[str, str | None]]:
        for factor in wanted.factors:
            wrong = [(message, hint) for message, hint in map(self.missing, factor.members) if message]
            yield from wrong
            able = {p for member in factor.members for p in _able(member, self.people)}
            awaited = any(self._may_come(member) or self._is_on_call(member) for member in factor.members)
            if not wrong and not awaited and len(able) < factor.count and "people" not in self.unread:
                yield f"{factor.count} of {', '.join(factor.members)} must approve, and only {len(able)} can", None
        members = dict.fromkeys(member for step in wanted.escalate for member in step.to)
        yield from ((message, hint) for message, hint in map(self.missing, members) if message)
        yield from ((why, None) for why in escalating.never(wanted))
        for channel in dict.fromkeys([*wanted.channels, *(c for step in wanted.escalate for c in step.channels)]):
            if (refused := self._wrong_channel(channel)) is not None:
                yield refused

    def _wrong_channel(self, channel: str) -> tuple[str, str | None] | None:
        word, _, target = channel.partition(":")
        if word not in CHANNELS:
            return f"unknown channel {channel!r}", nearest(word, CHANNELS) or f"known: {', '.join(CHANNELS)}"
        if word == "web" or SECTIONS[word] in self.unread:
            return None
        if word not in self.channels:
            return f"the channel {channel!r} needs the section {SECTIONS[word]} in the configuration", None
        if target and word in {"email", "notify", "push"}:
            return f"{channel!r} names a place, and {word} has none to choose", f"write {word} alone"
        if target and word == "webhook" and channel not in self.channels:
            known = sorted(one for one in self.channels if one.startswith("webhook:"))
            return f"there is no {channel!r} under webhooks", nearest(channel, known) or f"known: {', '.join(known)}"
        return None


def asking(settings: Settings, more_people: Iterable[Person]) -> Asking:
    """Who can be asked under settings that are complete, with the people of the database."""
    people = {person.id: person for person in more_people} | dict(settings.people)
    return Asking(
        defaults=settings.approvals.defaults,
        channels=_configured(settings),
        people=people,
        provider=settings.oidc,
        on_call=frozenset(settings.groups.on_call),
    )


def _configured(settings: Settings) -> frozenset[str]:
    found = {name for name in ("slack", "email", "push") if getattr(settings, name) is not None}
    if settings.notify:
        found.add("notify")
    if settings.webhooks:
        found |= {"webhook", *(f"webhook:{hook.name}" for hook in settings.webhooks)}
    return frozenset(found)


def _able(member: str, people: Mapping[PersonId, Person]) -> set[PersonId]:
    group = member.removeprefix("group:") if member.startswith("group:") else None
    return {
        person.id
        for person in people.values()
        if (group in person.groups if group is not None else person.id == member)
        and Role.REVIEWER in person.roles
        and not person.disabled
    }


def _missing(member: str, people: Mapping[PersonId, Person]) -> tuple[str | None, str | None]:
    if _able(member, people):
        return None, None
    if not member.startswith("group:"):
        if member not in people:
            return f"there is no person {member!r}", nearest(member, people)
        return f"{member} does not have the role reviewer, or is disabled", None
    group, groups = member.removeprefix("group:"), {g for person in people.values() for g in person.groups}
    if group not in groups:
        return f"nobody is in a group {group!r}", nearest(group, groups) or "groups are given to people under people"
    return f"nobody in the group {group!r} has the role reviewer", None
