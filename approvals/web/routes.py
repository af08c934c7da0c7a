"""The URL table of the people's side, and nothing else: method, path, handler, and what goes in and out.

The OpenAPI document is made from this table. A route whose feature does not exist is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from approvals.access import Handler
from approvals.web import (
    api,
    away,
    break_glass,
    folds,
    grant_models,
    grants,
    insights,
    letters,
    live,
    login,
    models,
    models_folds,
    models_insights,
    models_people,
    models_queue,
    models_similar,
    models_stops,
    models_talk,
    models_when,
    openapi,
    pages,
    people,
    queue,
    raise_models,
    raises,
    similar,
    stops,
    talk,
)
from approvals.web.listing import list_requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route of the REST contract. `refuses` are the statuses it has beyond those every route has."""

    method: str
    path: str
    handler: Handler
    takes: type[BaseModel] | None = None
    gives: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()


ONE = "/api/v1/requests/{id}"
WHICH = ("server", "tool", "agent", "risk", "mine", "snoozed", "q", "order", "limit", "cursor")

API: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/requests",
        handler=list_requests,
        gives=models.RequestsOut,
        query=(
            "state",
            "server",
            "tool",
            "agent",
            "ground",
            "risk",
            "mine",
            "snoozed",
            "q",
            "order",
            "limit",
            "cursor",
        ),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/queue",
        handler=queue.show_queue,
        gives=models_queue.QueueOut,
        query=WHICH,
    ),
    Endpoint(method="GET", path=ONE, handler=api.show, gives=models.RequestOut, refuses=(404,)),
    Endpoint(method="GET", path=f"{ONE}/timeline", handler=api.timeline, gives=models.TimelineOut, refuses=(404,)),
    Endpoint(
        method="GET",
        path=f"{ONE}/similar",
        handler=similar.show_similar,
        gives=models_similar.SimilarOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/requests/decisions",
        handler=api.decide_many,
        takes=models.BulkIn,
        gives=models.BulkOut,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/folds/{fold}",
        handler=folds.show_fold,
        gives=models_folds.FoldOut,
        query=("shown",),
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/decision",
        handler=api.decide,
        takes=models.DecisionIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/extend",
        handler=api.extend,
        takes=models.ExtendIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/cancel",
        handler=api.cancel,
        takes=models.CancelIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/comment",
        handler=talk.comment,
        takes=models_talk.CommentIn,
        gives=models.RequestOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/ask",
        handler=talk.ask,
        takes=models_talk.AskIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/reassign",
        handler=talk.reassign,
        takes=models_talk.ReassignIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/snooze",
        handler=talk.snooze,
        takes=models_talk.SnoozeIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/resolve",
        handler=api.resolve,
        takes=models.ResolveIn,
        gives=models.RequestOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/expected",
        handler=api.expect,
        takes=models_insights.ExpectedIn,
        gives=models.RequestOut,
        refuses=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/insights",
        handler=insights.show_insights,
        gives=models_insights.InsightsOut,
        query=("from", "to", "server"),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/raises",
        handler=raises.list_raises,
        gives=raise_models.RaisesOut,
        query=("in_force", "limit", "cursor"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/raises/{id}/revoke",
        handler=raises.revoke,
        takes=models.Empty,
        gives=raise_models.RaiseOut,
        refuses=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/grants",
        handler=grants.list_grants,
        gives=grant_models.GrantsOut,
        query=("in_force", "limit", "cursor"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/grants",
        handler=grants.give,
        takes=grant_models.GrantGiveIn,
        gives=grant_models.GrantOut,
        refuses=(404, 409),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/grants/{id}",
        handler=grants.show_grant,
        gives=grant_models.ShownGrantOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/grants/{id}/revoke",
        handler=grants.revoke_grant,
        takes=models.Empty,
        gives=grant_models.GrantOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/grant-preview",
        handler=grants.preview,
        takes=grant_models.GrantPreviewIn,
        gives=grant_models.GrantPreviewOut,
        refuses=(404,),
    ),
    Endpoint(method="GET", path="/api/v1/freeze", handler=stops.show_freezes, gives=models_stops.FreezesOut),
    Endpoint(
        method="POST",
        path="/api/v1/freeze",
        handler=stops.freeze,
        takes=models_stops.FreezeIn,
        gives=models_stops.FreezesOut,
        refuses=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/break-glass",
        handler=break_glass.show_openings,
        gives=models_stops.BreakGlassOut,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/break-glass/open",
        handler=break_glass.open_glass,
        takes=models_stops.OpenIn,
        gives=models_stops.BreakGlassOut,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/break-glass/confirm",
        handler=break_glass.confirm,
        takes=models_stops.OpeningIn,
        gives=models_stops.BreakGlassOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/break-glass/close",
        handler=break_glass.close,
        takes=models_stops.OpeningIn,
        gives=models_stops.BreakGlassOut,
        refuses=(404,),
    ),
    Endpoint(method="GET", path="/api/v1/events", handler=live.events, refuses=(429,)),
    Endpoint(method="GET", path="/api/v1/me", handler=people.me, gives=models.MeOut),
    Endpoint(
        method="GET",
        path="/api/v1/people",
        handler=people.list_people,
        gives=models_people.PeopleOut,
        query=("limit", "cursor"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people",
        handler=people.save_person,
        takes=models_people.PersonIn,
        gives=models_people.ListedPersonOut,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{id}/remove",
        handler=people.remove_person,
        takes=models.Empty,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{id}/token",
        handler=people.make_token,
        takes=models.Empty,
        gives=models_people.PersonTokenOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{id}/login-link",
        handler=people.make_link,
        takes=models.Empty,
        gives=models_people.LoginLinkOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{id}/away",
        handler=away.begin,
        takes=models_when.AwayIn,
        gives=models_when.AwayOut,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{id}/back",
        handler=away.end,
        takes=models.Empty,
        refuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{id}/unlink",
        handler=people.unlink,
        takes=models.Empty,
        refuses=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/agents",
        handler=people.list_agents,
        gives=models_people.AgentsOut,
        query=("limit", "cursor"),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/messages",
        handler=letters.list_dead,
        gives=models.MessagesOut,
        query=("limit", "cursor"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/messages/{id}/retry",
        handler=letters.retry,
        takes=models.Empty,
        gives=models.RetryOut,
        refuses=(404,),
    ),
    Endpoint(method="POST", path="/api/v1/login", handler=login.login, takes=models.LoginIn, gives=models.MeOut),
    Endpoint(method="POST", path="/api/v1/logout", handler=login.logout, takes=models.Empty),
    Endpoint(method="GET", path="/api/openapi.json", handler=openapi.document),
)

PAGES: tuple[tuple[str, Handler], ...] = (
    ("/", pages.page),
    ("/login", pages.page),
    ("/requests/{id}", pages.page),
    ("/history", pages.page),
    ("/agents", pages.page),
    ("/servers", pages.page),
    ("/policies", pages.page),
    ("/people", pages.page),
    ("/stops", pages.page),
    ("/insights", pages.page),
    ("/grants", pages.page),
    ("/sw.js", pages.worker),
    ("/static/fonts/{name}", pages.font_file),
    ("/static/{name:.+}", pages.static_file),
)
