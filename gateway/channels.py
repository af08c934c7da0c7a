"""The channels of a running service, made from their sections of the configuration.

What a channel gets is settled here: its own settings, the desk, where the page of a request is, and what may happen
once on all replicas. It gives back what is delivered to (`by_name`), the routes it wants mounted, and those of the
REST contract (`endpoints`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from approvals.channels import Channel, First
from approvals.channels.email import EmailChannel, server_of
from approvals.channels.push import PushChannel
from approvals.channels.slack import SlackChannel, SlackConfig
from approvals.channels.standard_webhooks import key_of
from approvals.channels.webhook import Hook, WebhookChannel
from approvals.channels.webhook_replies import PATH, Replied, Replies, Reply
from approvals.desk import Desk
from approvals.web.routes import Endpoint
from gateway.push import Push
from gateway.settings import Settings, SlackSettings, WebhookSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a channel may use of the service: `page` is the address of a request's page."""

    desk: Desk
    page: Callable[[str], str]
    first: First
    push: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """The channels, by the names that messages carry."""

    by_name: Mapping[str, Channel]
    routes: tuple[web.RouteDef, ...]
    endpoints: tuple[Endpoint, ...]
    slack: SlackChannel | None


def channels_of(settings: Settings, around: Around) -> Channels:
    """Every channel that is configured."""
    slack = _slack(settings.slack, around) if settings.slack is not None else None
    hooks = [_hook(hook) for hook in settings.webhooks]
    by_name: dict[str, Channel] = {"slack": slack} if slack is not None else {}
    by_name |= {hook.channel: WebhookChannel(hook, source=settings.public_url) for hook in hooks}
    if settings.email is not None:
        server = server_of(settings.email.smtp.get_secret_value())
        by_name["email"] = EmailChannel(server, sender=settings.email.sender)
    by_name |= _notify(settings)
    if around.push is not None:
        by_name["push"] = PushChannel(around.push.sender, around.push)
    replies = Replies(hooks, desk=around.desk, first=around.first, page=around.page)
    routes = tuple(slack.routes()) if slack is not None else ()
    return Channels(by_name=by_name, routes=routes, endpoints=_endpoints(replies), slack=slack)


def _endpoints(replies: Replies) -> tuple[Endpoint, ...]:
    handler = replies.handler()
    if handler is None:
        return ()
    return (Endpoint(method="POST", path=PATH, handler=handler, takes=Reply, gives=Replied, refuses=(404, 409)),)


def _slack(settings: SlackSettings, around: Around) -> SlackChannel:
    app_token, signing_secret = settings.app_token, settings.signing_secret
    config = SlackConfig(
        bot_token=settings.bot_token.get_secret_value(),
        channel=settings.channel,
        app_token=app_token.get_secret_value() if app_token is not None else None,
        signing_secret=signing_secret.get_secret_value() if signing_secret is not None else None,
        api_url=settings.api_url,
    )
    return SlackChannel(config, desk=around.desk, page=around.page, first=around.first)


def _notify(settings: Settings) -> dict[str, Channel]:
    if not settings.notify:
        return {}
    # Of the optional extra `notify`: imported only where it is configured, and the configuration checks it is there.
    from approvals.channels.notify import NotifyChannel

    return {
        f"notify:{one.key}": NotifyChannel(
            one.url.get_secret_value(), name=f"notify:{one.key}", source=settings.public_url
        )
        for one in settings.notify
    }


def _hook(settings: WebhookSettings) -> Hook:
    return Hook(
        name=settings.name,
        url=settings.url.get_secret_value(),
        key=key_of(settings.secret.get_secret_value()),
        may_decide=settings.may_decide,
    )
