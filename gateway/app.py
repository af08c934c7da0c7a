"""The composition root: the one file that knows every part, and wires them. How it is run is in `process`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from aiohttp import web

from approvals.access import Access, access
from approvals.alerts import Alerts
from approvals.break_glass import BreakGlass
from approvals.bus import bus_for
from approvals.decoys import Planter
from approvals.desk import Desk
from approvals.directory import Directory
from approvals.domain.folding import Linked
from approvals.notary import Notary
from approvals.outbox import Outbox
from approvals.retention import Retention
from approvals.stops import Stops
from approvals.storage.engine import Database
from approvals.sweeper import Sweeper
from approvals.web import mount
from approvals.web.parts import WebParts, WebSettings
from approvals.web.proof import Proof
from approvals.web.routes import Endpoint
from gateway import health
from gateway.agents import end_those_of_left
from gateway.answering import Answering
from gateway.callers import Callers, sync
from gateway.catalog import Catalog
from gateway.channels import Around, channels_of
from gateway.console import Console
from gateway.console_agents import ConsoleAgents
from gateway.conversation import Conversations
from gateway.crowding import Crowding, alerting_of
from gateway.desks import holder, new_id, routes_of, surroundings_of, telling_of
from gateway.edits import Edits
from gateway.executor import Executor
from gateway.fleet import Fleet
from gateway.gate import INSTRUCTIONS, Gateway
from gateway.inbound.http import Inbound, InboundSettings
from gateway.inbound.http import add_routes as add_agent_routes
from gateway.journal import Journal
from gateway.judge import Judge
from gateway.keys import Keys, signer_of
from gateway.learned import Learned
from gateway.limits import Limits
from gateway.lookup import Lookup
from gateway.metrics import Metrics
from gateway.oauth.resource import ProtectedResource, protected_resource
from gateway.oauth.signin import SignIns
from gateway.oauth.upstreams import UpstreamOauth
from gateway.oidc.providers import Providers
from gateway.oidc.routes import OidcRoutes
from gateway.once import Once
from gateway.paging import Cursors
from gateway.parts import Holding, Parts
from gateway.pins import Pins
from gateway.policy_page.routes import PolicyPage
from gateway.protocol.headers import Allowed
from gateway.protocol.patience import Hold
from gateway.push import push_of
from gateway.recording import Recorder
from gateway.refusals import Refusals
from gateway.relaying import Relaying
from gateway.reload import Reloader
from gateway.servers import Servers
from gateway.settings import Settings, claim_rules
from gateway.showing import Showing
from gateway.signin import SignInRoutes
from gateway.status import Status
from gateway.switches import Switches
from gateway.tasks import Tasks
from gateway.work import Work

if TYPE_CHECKING:
    from gateway.oauth.agents import AgentOauth


def _agent_oauth(settings: Settings) -> AgentOauth | None:
    if settings.agent_oauth is None:
        return None
    # Of the optional extra `oidc`: imported only where it is configured, and the configuration checks that it is there.
    from gateway.oauth.agents import agent_oauth

    return agent_oauth(settings.agent_oauth)


class Service:
    """One running Placet."""

    def __init__(self, settings: Settings, *, env: Mapping[str, str], db: Database, work: Work, keys: Keys) -> None:
        self.version = version("placet")
        self.db, self.work = db, work
        self.bus = bus_for(db)
        self.directory = Directory(settings.people, settings.person_tokens, claim_rules(settings))
        self.web = WebSettings(public_url=settings.public_url, listen_host=settings.listen.host)
        self.desk = Desk(
            db=db,
            bus=self.bus,
            directory=self.directory,
            new_id=new_id,
            holder=holder(),
            caps=settings.approvals.caps,
            routes=routes_of(settings, self.directory),
        )
        self.desk.telling = telling_of(settings, self.directory)
        self.planter = Planter(self.desk, new_id)
        once = Once(db)
        self.push = push_of(settings, db, keys)
        around = Around(desk=self.desk, page=self.page, first=once.first, push=self.push)
        self.channels = channels_of(settings, around)
        self.slack = self.channels.slack
        self.outbox = Outbox(desk=self.desk, channels=self.channels.by_name, page=self.page)
        self.alerts, self.sweeper = Alerts(self.desk, self.channels.by_name), Sweeper(self.desk)
        self.agent_oauth = _agent_oauth(settings)
        self.callers = Callers(db, self.bus, self.agent_oauth)
        self.settings = settings
        stopping = replace(surroundings_of(lambda: self.settings), settle=lambda: self.switches.settle())
        self.stops = Stops(self.desk, stopping)
        self.break_glass = BreakGlass(self.desk, stopping, lambda: self.settings.break_glass.mode)
        self.switches = Switches(self.stops, self.break_glass, self.bus, self.callers)
        self.servers, self.catalog = Servers(), Catalog({}, compare=Pins(self.desk).compare)
        self.judge = Judge(settings.approvals.defaults)
        self.metrics, self.journal = Metrics(), Journal(db)
        self.limits = Limits(db, self.metrics)
        self.desk.edits = Edits(db=db, judge=self.judge, limits=self.limits, server=self.servers.seen_by)
        self.recorder = Recorder.of(keys)
        self.notary = Notary(db, signer_of(keys), settings.checkpoints)
        self.retention = Retention(db, self.notary)
        state_key = keys.for_purpose("state")
        conversations = Conversations(work, state_key, once.first)
        self.learned = Learned(db, self.bus)
        self.executor = Executor(
            desk=self.desk,
            limits=self.limits,
            servers=self.servers,
            catalog=self.catalog,
            judge=self.judge,
            switches=self.switches,
            metrics=self.metrics,
            conversations=conversations,
        )
        self.answering = Answering(
            desk=self.desk,
            judge=self.judge,
            limits=self.limits,
            catalog=self.catalog,
            switches=self.switches,
            crowding=Crowding(work, alerting_of(db, stopping)),
            servers=self.servers,
            work=work,
            page=self.page,
        )
        self.parts = Parts(
            judge=self.judge,
            limits=self.limits,
            desk=self.desk,
            executor=self.executor,
            conversations=conversations,
            answering=self.answering,
            journal=self.journal,
            metrics=self.metrics,
            learned=self.learned,
            work=work,
            tasks=Tasks(self.desk, work, self.page),
            refusals=Refusals(settings.approvals.refusals_per_minute),
            crowding=self.answering.crowding,
            showing=Showing(self.desk, work, state_key, self.page),
            switches=self.switches,
            holding=self._holding(settings),
        )
        self.lookup = Lookup(
            servers=self.servers, catalog=self.catalog, callers=self.callers, judge=self.judge, work=work
        )
        cursors = Cursors(keys.for_purpose("cursor"))
        self.relaying = Relaying(
            self.lookup,
            conversations,
            self.switches,
            cursors=cursors,
            work=self.work,
            instructions=INSTRUCTIONS,
            tasks=True,
        )
        self.lookup.on_late = self.relaying.tools_changed
        self.gate = Gateway(
            self.parts, callers=self.callers, lookup=self.lookup, relaying=self.relaying, cursors=cursors
        )
        self.reloader = Reloader(settings, env=dict(env), db=db, apply=self.apply, holder=self.desk.holder)
        self.status = Status(
            db=db,
            journal=self.journal,
            servers=self.servers,
            outbox=self.outbox,
            reloader=self.reloader,
            metrics=self.metrics,
            slack_problem=lambda: self.slack.problem if self.slack is not None else None,
            switches=self.switches,
            alert_problem=lambda: self.alerts.problem,
            crowding=self.parts.crowding,
        )
        self.console = Console(
            servers=self.servers,
            catalog=self.catalog,
            reloader=self.reloader,
            desk=self.desk,
            work=work,
        )
        self.policy_page = PolicyPage(db=db, reloader=self.reloader, recorder=self.recorder)
        self.upstream_oauth = UpstreamOauth(
            db=db,
            bus=self.bus,
            holder=self.desk.holder,
            keys=lambda: keys,
            run=work.run,
            changed=self.catalog.outdate,
        )
        self.sign_in = SignInRoutes(sign_ins=self._sign_ins)
        self.oidc = OidcRoutes(provider=Providers(lambda: self.settings).current)
        self.fleet = Fleet(
            work=work, servers=self.servers, catalog=self.catalog, authorize=self.upstream_oauth.authorizer
        )
        self._loops: list[asyncio.Task[None]] = []

    def page(self, request_id: str) -> str:
        """The address of a request's page."""
        return self.web.link(f"/requests/{request_id}")

    def group_page(self, fold: str) -> str:
        """The address of the table of calls that are alike."""
        return self.web.link(f"/?fold={fold}")

    async def apply(self, settings: Settings) -> None:
        """Put settings in force: agents, people, policies, servers."""
        self.settings = settings
        await self.db.write(lambda tx: sync(tx, settings.agents))
        await self.callers.refresh()
        await self.switches.refresh()
        if self.agent_oauth is not None:
            self.agent_oauth.know(settings.agents)
        self.directory.replace(settings.people, settings.person_tokens, claim_rules(settings))
        self.desk.folding = Linked(
            start=settings.approvals.folding.start, page=self.group_page, history=self.web.link("/history")
        )
        self.desk.deny_reasons = settings.approvals.deny_reasons
        self.directory.groups = settings.groups
        self.desk.reconfigure(
            caps=settings.approvals.caps,
            routes=routes_of(settings, self.directory),
            friction=settings.approvals.friction,
            telling=telling_of(settings, self.directory),
        )
        await end_those_of_left(self.desk)
        self.judge.defaults = settings.approvals.defaults
        self.parts.holding = self._holding(settings)
        self.parts.refusals.most = settings.approvals.refusals_per_minute
        self.journal.recorder = self.recorder if settings.recording.arguments else None
        self.sweeper.keep = settings.recording.keep
        self.retention.keep = settings.retention
        self.planter.settings, self.planter.hold = settings.decoys, settings.approvals.hold_plain
        self.notary.file = settings.checkpoints
        agents = {name: agent.policies for name, agent in settings.agents.items() if agent.policies}
        await self.fleet.apply(settings.servers, agents)
        self.relaying.tools_changed()

    async def start(self, app: web.Application) -> Inbound:
        """Start every loop and mount every route; the caller listens."""
        settings = self.reloader.settings
        await self.apply(settings)
        await self.status.begin()
        await self.sweeper.begin()
        inbound = self.mount(app)
        slack = {"slack": self.slack.run} if self.slack is not None else {}
        for name, body in {
            **slack,
            "bus": self.bus.run,
            "desk": self.desk.repeats.run,
            "outbox": self.outbox.run,
            "alerts": self.alerts.run,
            "sweeper": self.sweeper.run,
            "callers": self.callers.run,
            "switches": self.switches.run,
            "learned": self.learned.run,
            "pins": self._follow_pins,
            "journal": self.journal.run,
            "notary": self.notary.run,
            "retention": self.retention.run,
            "decoys": self.planter.run,
            "limits": self.limits.run,
            "recover": lambda: self.executor.recover(self.work.start, closing=lambda: self.parts.closing),
            "keep-alive": inbound.run,
            "reload": self.reloader.run,
            "saved policies": lambda: self.reloader.follow(self.bus),
        }.items():
            self._loops.append(self.work.loop(name, body))
        return inbound

    async def _follow_pins(self) -> None:
        """A tool was accepted, here or by a command: what the servers list is compared anew."""
        async with self.bus.watch("tools") as watch:
            while await watch.changed():
                for server in self.servers:
                    self.catalog.outdate(server.name)

    async def close(self) -> None:
        """End what the loops do not end by themselves."""
        await self.journal.flush()
        await self.fleet.close()
        await self.sweeper.leave()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The REST routes that `approvals.web` does not have by itself."""
        return (
            *self.console.endpoints(),
            *(self.push.endpoints() if self.push is not None else ()),
            *ConsoleAgents(reloader=self.reloader, desk=self.desk).endpoints(),
            *Proof(notary=self.notary).endpoints(),
            *self.policy_page.endpoints(),
            *self.sign_in.endpoints(),
            *self.oidc.endpoints(),
            *self.channels.endpoints,
        )

    def mount(self, app: web.Application) -> Inbound:
        """Put every route into an application that has not started."""
        allowed = Allowed(hosts=self.web.hosts(), origins=self.web.origins())
        resource = self._resource()
        inbound = add_agent_routes(
            app, self.gate, InboundSettings(version=self.version, allowed=allowed, resource=resource)
        )
        access(Access.AGENT)(inbound.handle)
        if resource is not None:
            resource.add_routes(app)
        checks = health.HealthParts(
            checks=self.status.checks, measure=self.status.measure, metrics=self.metrics, version=self.version
        )
        health.add_routes(app, checks)
        app.router.add_routes(self.channels.routes)
        mount.add_routes(
            app,
            WebParts(
                db=self.db,
                desk=self.desk,
                directory=self.directory,
                stops=self.stops,
                break_glass=self.break_glass,
                settings=self.web,
                version=self.version,
                features={
                    "servers": True,
                    "policies": True,
                    "slack": self.slack is not None,
                    "push": self.push is not None,
                },
                notices=self.status.notices,
                links=lambda: self.settings.local_login,
                endpoints=self.endpoints(),
            ),
        )
        self.sign_in.add_callback(app)
        self.oidc.add_callback(app)
        return inbound

    def _sign_ins(self) -> SignIns:
        return self.upstream_oauth.sign_ins(
            public_url=self.reloader.settings.public_url, servers=lambda: self.reloader.settings.servers
        )

    def _resource(self) -> ProtectedResource | None:
        settings = self.reloader.settings
        if settings.agent_oauth is None:
            return None
        return protected_resource(settings.agent_oauth, settings.public_url)

    def _holding(self, settings: Settings) -> Holding:
        approvals = settings.approvals
        return Holding(
            hold=Hold(plain=approvals.hold_plain, with_progress=approvals.hold_with_progress),
            deny_cooldown=approvals.deny_cooldown,
            result_tool=approvals.result_tool,
            policy_tool=approvals.policy_tool,
            answer_tool=approvals.answer_tool,
            page=self.page,
        )
