"""Sections of the configuration file that stand alone, as settings: what people are asked, what is kept, how long."""

from __future__ import annotations

from datetime import timedelta

from approvals.domain.attention import Friction
from approvals.domain.attention import Mode as FrictionMode
from approvals.domain.deny_reasons import USUAL
from approvals.domain.folding import Folding
from approvals.domain.shapes import Limits as GrantLimits
from approvals.domain.terms import OnTimeout
from approvals.filing import Caps
from gateway.config_file import ApprovalsFile, FrictionFile, RecordingFile, TimeoutsFile
from gateway.policy.compiling_approval import steps_of
from gateway.policy.routes import ApprovalDefaults
from gateway.settings import ApprovalSettings, RecordingSettings, ServerTimeouts


def approvals_of(section: ApprovalsFile) -> ApprovalSettings:
    """What people are asked, and what rules may override."""
    plain = ApprovalSettings()
    silence = OnTimeout(section.on_timeout)
    defaults = ApprovalDefaults(
        reviewers=tuple(r if r.startswith("group:") else r.lower() for r in section.reviewers),
        quorum=section.quorum,
        timeout=_or(section.timeout, plain.defaults.timeout),
        # `allow` is refused by the checks; nothing built here may stand for it.
        escalate=steps_of(section.escalate),
        delegation=section.delegation,
        remind=section.remind,
        on_timeout=OnTimeout.DENY if silence is OnTimeout.ALLOW else silence,
        collect_within=_or(section.collect_within, plain.defaults.collect_within),
    )
    return ApprovalSettings(
        defaults=defaults,
        hold_plain=_or(section.hold.plain, plain.hold_plain),
        hold_with_progress=_or(section.hold.with_progress, plain.hold_with_progress),
        caps=Caps(
            per_agent=section.caps.per_agent,
            per_tool=section.caps.per_tool,
            total=section.caps.total,
            grants=GrantLimits(
                longest=_or(section.grants.max_for, plain.caps.grants.longest), most_uses=section.grants.max_uses
            ),
        ),
        folding=Folding(start=None if section.fold.start == "never" else section.fold.start),
        deny_cooldown=_or(section.deny_cooldown, plain.deny_cooldown),
        result_tool=section.result_tool,
        policy_tool=section.policy_tool,
        answer_tool=section.answer_tool,
        tell_owner=section.tell_owner,
        deny_reasons=USUAL if section.deny_reasons is None else tuple(section.deny_reasons),
        refusals_per_minute=section.refusals_per_minute,
        friction=_friction(section.friction),
    )


def _friction(section: FrictionFile) -> Friction:
    return Friction(
        mode=FrictionMode(section.mode),
        last=section.last,
        within=_or(section.within, Friction().within),
        confirm_at=section.confirm_at,
        type_at=section.type_at,
        surfaces=frozenset(section.surfaces),
    )


def recording_of(section: RecordingFile) -> RecordingSettings:
    """Whether arguments of calls are kept to try other policies on."""
    return RecordingSettings(arguments=section.arguments, keep=_or(section.keep, RecordingSettings().keep))


def timeouts_of(section: TimeoutsFile) -> ServerTimeouts:
    """How long a server may take."""
    plain = ServerTimeouts()
    return ServerTimeouts(
        connect=_or(section.connect, plain.connect),
        list=_or(section.list, plain.list),
        call=_or(section.call, plain.call),
        idle=_or(section.idle, plain.idle),
    )


def _or(said: timedelta | None, otherwise: timedelta) -> timedelta:
    return otherwise if said is None else said
