"""What the walk of a call is made of; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from approvals.desk import Desk
from gateway.answering import Answering
from gateway.conversation import Conversations
from gateway.crowding import Crowding
from gateway.executor import Executor
from gateway.journal import Journal
from gateway.judge import Judge
from gateway.learned import Learned
from gateway.limits import Limits
from gateway.metrics import Metrics
from gateway.protocol.patience import Hold
from gateway.refusals import Refusals
from gateway.showing import Showing
from gateway.switches import Switches
from gateway.tasks import Tasks
from gateway.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The `approvals` settings that waiting needs; `page` makes the address of a request's page."""

    hold: Hold
    deny_cooldown: timedelta
    result_tool: bool
    policy_tool: bool
    answer_tool: bool
    page: Callable[[str], str]


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts. `holding` is replaced on reload; `closing` ends every hold with a pending answer.

    `held` of at most `held_max` connections are held now; past it a call is saved and answered as pending at once.
    """

    judge: Judge
    limits: Limits
    desk: Desk
    executor: Executor
    conversations: Conversations
    answering: Answering
    journal: Journal
    metrics: Metrics
    learned: Learned
    work: Work
    tasks: Tasks
    refusals: Refusals
    crowding: Crowding
    showing: Showing
    switches: Switches
    holding: Holding
    closing: bool = False
    held: int = 0
    held_max: int = 10_000
