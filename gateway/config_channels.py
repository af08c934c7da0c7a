"""The ways out to people in the configuration beside Slack: their sections as settings, and what must hold of them."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.util import find_spec
from urllib.parse import SplitResult, urlsplit

from approvals.channels.email import is_address, server_of
from approvals.channels.standard_webhooks import key_of
from approvals.domain.decoys import Decoys, Template
from gateway.config_file import ConfigFile, EmailFile, PushFile, WebhookFile
from gateway.policy.collecting import Collector, Path
from gateway.settings import EmailSettings, NotifySettings, PushSettings, WebhookSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def email_of(shape: ConfigFile) -> EmailSettings | None:
    """The section as settings."""
    return EmailSettings(smtp=shape.email.smtp, sender=shape.email.sender) if shape.email is not None else None


def webhooks_of(shape: ConfigFile) -> tuple[WebhookSettings, ...]:
    """The receivers as settings, each with a name."""
    return tuple(
        WebhookSettings(name=_name(hook), url=hook.url, secret=hook.secret, may_decide=hook.may_decide)
        for hook in shape.webhooks
    )


def notify_of(shape: ConfigFile) -> tuple[NotifySettings, ...]:
    """The services as settings, each with a name that does not tell its address."""
    urls = {url.get_secret_value(): url for url in shape.notify}
    return tuple(NotifySettings(key=sha256(text.encode()).hexdigest()[:8], url=url) for text, url in urls.items())


def push_of(shape: ConfigFile) -> PushSettings | None:
    """The section as settings."""
    said = shape.push
    return PushSettings(contact=said.contact, services=frozenset(said.services)) if said is not None else None


def decoys_of(shape: ConfigFile) -> Decoys:
    """The section as settings."""
    said = shape.decoys
    known = (Template(server=t.server, tool=t.tool, argument=t.argument, value=t.value) for t in said.templates)
    return Decoys(rate=said.rate, templates=tuple(known))


def check_channels(checks: Collector, shape: ConfigFile) -> None:
    """Everything that can be wrong with these sections by themselves."""
    if shape.email is not None:
        _check_email(checks, shape.email)
    _check_notify(checks, shape)
    if shape.push is not None:
        _check_push(checks, shape.push)
    seen: set[str] = set()
    for index, hook in enumerate(shape.webhooks):
        path: Path = ("webhooks", index)
        name = _name(hook)
        if not _NAME.fullmatch(name):
            message = f"{name!r} cannot name a webhook: letters, digits, '.', '-' and '_', at most 64"
            checks.problem(path, message, "give it one with name:")
        elif name.lower() in seen:
            checks.problem(path, f"there are two webhooks called {name!r}", "give them names of their own with name:")
        seen.add(name.lower())
        _check_hook(checks, hook, path)


def _check_email(checks: Collector, said: EmailFile) -> None:
    try:
        server_of(said.smtp.get_secret_value())
    except ValueError as err:
        checks.problem(("email", "smtp"), f"this cannot be used: {err}")
    if not is_address(said.sender):
        checks.problem(("email", "from"), f"{said.sender!r} is not an e-mail address that mails can come from")


def _check_notify(checks: Collector, shape: ConfigFile) -> None:
    if not shape.notify:
        return
    if find_spec("apprise") is None:
        checks.problem(("notify",), "notify needs the package apprise", "install it: pip install 'placet[notify]'")
        return
    # Of an optional extra, and slow to import: only where it is configured.
    from approvals.channels.notify import is_known

    for index, url in enumerate(shape.notify):
        if not is_known(url.get_secret_value()):
            checks.problem(("notify", index), "Apprise knows no service for this address")


def _check_push(checks: Collector, said: PushFile) -> None:
    if said.contact is not None and not _is_contact(said.contact):
        message = f"{said.contact!r} is nobody that a push service can write to"
        checks.problem(("push", "contact"), message, "write mailto:ops@example.com, or an https address")
    for index, host in enumerate(said.services):
        if not _HOST.fullmatch(host):
            message = f"{host!r} is no host name, in small letters and without scheme, port or path"
            checks.problem(("push", "services", index), message)


def _is_contact(text: str) -> bool:
    kind, _, rest = text.partition(":")
    parts = _split(text)
    return is_address(rest) if kind == "mailto" else parts is not None and parts.scheme == "https"


def _check_hook(checks: Collector, hook: WebhookFile, path: Path) -> None:
    parts = _split(hook.url.get_secret_value())
    if parts is None or parts.scheme not in {"http", "https"} or parts.fragment or parts.username is not None:
        checks.problem((*path, "url"), "this is not an http(s) address without credentials before the host")
    elif parts.scheme == "http" and hook.may_decide and parts.hostname not in _LOOPBACK:
        message = "a hook that may decide is told over https: what a reply must name would travel in the clear"
        checks.problem((*path, "url"), message)
    try:
        key_of(hook.secret.get_secret_value())
    except ValueError as err:
        checks.problem((*path, "secret"), f"{err}", 'make one with: echo "whsec_$(openssl rand -base64 32)"')


def _name(hook: WebhookFile) -> str:
    if hook.name is not None:
        return hook.name
    parts = _split(hook.url.get_secret_value())
    return parts.hostname or "" if parts is not None else ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return None
    return parts if usable else None
