"""One transaction with every group of statements on it: what a work is handed."""

from __future__ import annotations

from approvals.storage.absences import Absences
from approvals.storage.agent_sessions import AgentSessions
from approvals.storage.agents import Agents
from approvals.storage.alerts import Alerts
from approvals.storage.attention import Attention
from approvals.storage.audit import Audit
from approvals.storage.browsers import Browsers
from approvals.storage.calls import Calls
from approvals.storage.card_groups import CardGroups
from approvals.storage.counters import Counters
from approvals.storage.decoys import DecoyRows
from approvals.storage.doers import Doers
from approvals.storage.earlier import EarlierRows
from approvals.storage.frame import Frame
from approvals.storage.grants import Grants
from approvals.storage.identities import Identities
from approvals.storage.messages import Messages
from approvals.storage.notices import Notices
from approvals.storage.numbers import Numbers
from approvals.storage.openings import Openings
from approvals.storage.outlines import Outlines
from approvals.storage.patience import Patience
from approvals.storage.people import People
from approvals.storage.pins import Pins
from approvals.storage.policies import Policies
from approvals.storage.questions import Questions
from approvals.storage.raises import Raises
from approvals.storage.recordings import Recordings
from approvals.storage.reminders import Reminders
from approvals.storage.replicas import Replicas
from approvals.storage.requests import Requests
from approvals.storage.sealed import SealedRows
from approvals.storage.snoozes import Snoozes
from approvals.storage.switches import Switches
from approvals.storage.upstream_tokens import Secrets


class Tx(Frame):
    """One open transaction. A group is made when it is asked for; none keeps anything."""

    __slots__ = ()

    @property
    def requests(self) -> Requests:
        """Approval requests and their ledger."""
        return Requests(self)

    @property
    def earlier(self) -> EarlierRows:
        """What was decided before about calls of a tool."""
        return EarlierRows(self)

    @property
    def doers(self) -> Doers:
        """Who ended requests, or let their calls run, without a vote."""
        return Doers(self)

    @property
    def outlines(self) -> Outlines:
        """All that waits, without what is sealed in it."""
        return Outlines(self)

    @property
    def messages(self) -> Messages:
        """Cards and their delivery."""
        return Messages(self)

    @property
    def card_groups(self) -> CardGroups:
        """Cards that stand for several requests."""
        return CardGroups(self)

    @property
    def people(self) -> People:
        """People added at run time, sessions, login links."""
        return People(self)

    @property
    def identities(self) -> Identities:
        """People as an identity provider knows them, and sign-ins under way."""
        return Identities(self)

    @property
    def agents(self) -> Agents:
        """Agents and their tokens."""
        return Agents(self)

    @property
    def alerts(self) -> Alerts:
        """What channels are owed beside cards."""
        return Alerts(self)

    @property
    def attention(self) -> Attention:
        """When people saw what they decided, and what they said of what came of it."""
        return Attention(self)

    @property
    def audit(self) -> Audit:
        """The chain of everything that was done."""
        return Audit(self)

    @property
    def browsers(self) -> Browsers:
        """Where people are notified."""
        return Browsers(self)

    @property
    def counters(self) -> Counters:
        """What limits count."""
        return Counters(self)

    @property
    def raises(self) -> Raises:
        """Budgets that people have raised for a while."""
        return Raises(self)

    @property
    def grants(self) -> Grants:
        """Standing grants."""
        return Grants(self)

    @property
    def agent_sessions(self) -> AgentSessions:
        """Sessions of agents that people were asked about."""
        return AgentSessions(self)

    @property
    def decoys(self) -> DecoyRows:
        """Tests of attention."""
        return DecoyRows(self)

    @property
    def calls(self) -> Calls:
        """The audit of every call."""
        return Calls(self)

    @property
    def recordings(self) -> Recordings:
        """Arguments that were kept, and calls as they were judged."""
        return Recordings(self)

    @property
    def sealed(self) -> SealedRows:
        """The end of what was sealed."""
        return SealedRows(self)

    @property
    def switches(self) -> Switches:
        """Freezes."""
        return Switches(self)

    @property
    def questions(self) -> Questions:
        """What reviewers asked agents."""
        return Questions(self)

    @property
    def reminders(self) -> Reminders:
        """Whom to remind, and when."""
        return Reminders(self)

    @property
    def absences(self) -> Absences:
        """Who is away."""
        return Absences(self)

    @property
    def snoozes(self) -> Snoozes:
        """What people have put out of their sight."""
        return Snoozes(self)

    @property
    def openings(self) -> Openings:
        """Break-glass."""
        return Openings(self)

    @property
    def replicas(self) -> Replicas:
        """Which processes are alive."""
        return Replicas(self)

    @property
    def secrets(self) -> Secrets:
        """Our credentials for upstream servers, sealed."""
        return Secrets(self)

    @property
    def pins(self) -> Pins:
        """Tools as accepted and as last seen."""
        return Pins(self)

    @property
    def policies(self) -> Policies:
        """Policies that are edited on the page."""
        return Policies(self)

    @property
    def patience(self) -> Patience:
        """How long clients waited."""
        return Patience(self)

    @property
    def numbers(self) -> Numbers:
        """What metrics count."""
        return Numbers(self)

    @property
    def notices(self) -> Notices:
        """What other processes have committed."""
        return Notices(self)
