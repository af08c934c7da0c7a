"""E-mail to each reviewer: one mail when a call waits, one in the same thread when it has ended. Links, never buttons.

A link leads to the page, where a person signs in; nothing that a mail scanner opens decides. A mail is built from the
redacted card alone, as text and as HTML in which everything is escaped. smtplib in a thread, and no library: a mail is
a few commands on one connection, and its timeouts bound the thread. Nothing leaves unencrypted but to this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from urllib.parse import unquote, urlsplit

from approvals.channels import Alert, MessageRef, Undeliverable
from approvals.domain import plain
from approvals.domain.card import Card
from approvals.domain.excerpt import result_label
from approvals.domain.model import OPEN_STATES

NAME = "email"
SOCKET_SECONDS = 10.0
ARGUMENTS_SHOWN = 4_000
SUBJECT_SHOWN = 150
ANSWER_SHOWN = 200
PORTS = {"smtp": 587, "smtps": 465}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The mail server of the configuration. `implicit`: TLS from the first byte; else STARTTLS."""

    host: str
    port: int
    implicit: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def may_be_plain(self) -> bool:
        """May it be spoken to without TLS? Only on this machine."""
        return self.host in LOOPBACK


def server_of(url: str) -> Server:
    """The server in `smtp://user:password@host:587` or `smtps://…`.

    Raises:
        ValueError: it is no such address.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("an SMTP server is smtp://user:password@host:587 or smtps://user:password@host:465")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a user and a password go together")
    return Server(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        implicit=parts.scheme == "smtps",
        user=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )


def is_address(text: str) -> bool:
    """Can mail be sent to or from it? Plain ASCII addresses, without quoting."""
    return _ADDRESS.fullmatch(text) is not None


class MailFailed(Exception):
    """The server did not take the mail; it is tried again."""


class EmailChannel:
    """Mails to one address at a time; the target of a card is the address."""

    def __init__(
        self,
        server: Server,
        *,
        sender: str,
        context: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._server, self._sender, self._now = server, sender, now
        self._context = context or ssl.create_default_context()

    async def post(self, card: Card, to: str) -> MessageRef:
        """The first mail about a request."""
        root = await self._send(card, to, root=None)
        return MessageRef(channel=NAME, data={"to": to, "root": root})

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """The mail that tells how it ended; what is between is on the page."""
        if card.state in OPEN_STATES:
            return
        await self._send(card, str(ref.data.get("to")), root=str(ref.data.get("root")))

    async def say(self, alert: Alert, to: str) -> None:
        """A mail that is about no request."""
        head = self._head(to, id=self._id(alert.id, to), subject=alert.text.partition("\n")[0])
        head.set_content(alert.text)
        await asyncio.to_thread(self._hand_over, head, to)

    async def _send(self, card: Card, to: str, *, root: str | None) -> str:
        """Send what is to be said of a card now; the Message-ID of that mail."""
        id = self._id(f"{card.request_id}.{card.revision}", to)
        mail = self._head(to, id=id, subject=f"{card.headline} ({card.agent})")
        if root is not None:
            mail["In-Reply-To"] = root
            mail["References"] = root
        fill(mail, card)
        await asyncio.to_thread(self._hand_over, mail, to)
        return id

    def _head(self, to: str, *, id: str, subject: str) -> EmailMessage:
        """A mail without a body yet.

        Raises:
            Undeliverable: no mail can be sent there.
        """
        if not is_address(to):
            raise Undeliverable(f"{to!r} is not an address that mail can be sent to")
        mail = EmailMessage(policy=SMTP)
        mail["From"] = Address(display_name="Placet", addr_spec=self._sender)
        mail["To"] = Address(addr_spec=to)
        mail["Subject"] = plain.shorten(subject, SUBJECT_SHOWN)
        mail["Date"] = self._now()
        mail["Message-ID"] = id
        mail["List-Id"] = f"Placet approvals <placet.{_domain(self._sender)}>"
        # RFC 3834: nobody's out-of-office note should answer it.
        mail["Auto-Submitted"] = "auto-generated"
        return mail

    def _id(self, what: str, to: str) -> str:
        # The same for every try, so that a mail which came twice is shown once; another for each recipient.
        of = hashlib.sha256(to.lower().encode()).hexdigest()[:12]
        return f"<{what}.{of}@{_domain(self._sender)}>"

    def _hand_over(self, mail: EmailMessage, to: str) -> None:
        """One mail on one connection, in a thread.

        Raises:
            Undeliverable: the server refused it for good (5xx).
            MailFailed: it did not work now.
        """
        try:
            client = self._connected()
            try:
                client.sendmail(self._sender, [to], mail.as_bytes(policy=SMTP))
            finally:
                # What was accepted stays accepted, whatever the goodbye.
                with suppress(smtplib.SMTPException, OSError):
                    client.quit()
        except smtplib.SMTPRecipientsRefused as refused:
            raise _failure(*refused.recipients[to]) from None
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPHeloError) as refused:
            # That is about us and not about the mail: it goes out when the configuration is right.
            raise MailFailed(_said(refused.smtp_code, refused.smtp_error)) from None
        except smtplib.SMTPResponseException as refused:
            raise _failure(refused.smtp_code, refused.smtp_error) from None
        except (smtplib.SMTPException, OSError) as failed:
            raise MailFailed(f"the mail server failed: {_line(str(failed) or type(failed).__name__)}") from None

    def _connected(self) -> smtplib.SMTP:
        server, hello = self._server, _domain(self._sender)
        if server.implicit:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, local_hostname=hello, timeout=SOCKET_SECONDS, context=self._context
            )
        else:
            client = smtplib.SMTP(server.host, server.port, local_hostname=hello, timeout=SOCKET_SECONDS)
        try:
            client.ehlo_or_helo_if_needed()
            if not server.implicit and client.has_extn("starttls"):
                client.starttls(context=self._context)
                client.ehlo_or_helo_if_needed()
            elif not server.implicit and not server.may_be_plain:
                raise MailFailed("the mail server offers no STARTTLS, and nothing is sent in the clear")
            if server.user is not None and server.password is not None:
                client.login(server.user, server.password)
        except BaseException:
            client.close()
            raise
        return client


def fill(mail: EmailMessage, card: Card) -> None:
    """The body of a mail: the card as text, and as HTML."""
    facts, arguments = _facts(card), _arguments(card)
    mail.set_content(_text(card, facts, arguments))
    mail.add_alternative(_html(card, facts, arguments), subtype="html")


def _facts(card: Card) -> list[tuple[str, str]]:
    facts = [
        ("Status", card.status_line),
        ("Tool", f"{card.tool} on {card.server}"),
        ("Agent", f"{card.agent}, for {card.owner}" if card.owner else card.agent),
        ("Risk", f"{card.risk}, {card.severity}"),
        ("Rule", card.rule),
        ("Why the rule asks", card.rule_reason),
        ("Goes over", "; ".join(card.over) or None),
        ("What the agent says", card.justification),
        *(("Changed by a reviewer", one) for one in card.edits),
        ("Calls of this tool before", card.earlier if card.answers else None),
        ("Needs", card.needs_line if card.answers else None),
        ("Cannot be approved now", card.stopped),
        ("Decide before", _time(card.expires_at) if card.answers else None),
        (result_label(card.state, card.cause), card.result_excerpt),
        ("As expected?", card.expected_line),
        *(("Careful", warning) for warning in card.warnings),
    ]
    return [(name, said) for name, said in facts if said]


def _arguments(card: Card) -> str:
    if len(card.arguments) <= ARGUMENTS_SHOWN:
        return card.arguments
    return f"{card.arguments[:ARGUMENTS_SHOWN]}\n… cut here: the page shows the full call"


def _text(card: Card, facts: list[tuple[str, str]], arguments: str) -> str:
    lines = [card.headline, "", *(f"{name}: {said}" for name, said in facts)]
    return "\n".join([*lines, "", "Arguments:", arguments, "", _invitation(card), card.url, ""])


def _html(card: Card, facts: list[tuple[str, str]], arguments: str) -> str:
    rows = "".join(
        f'<tr><th align="left" valign="top">{escape(name)}</th>'
        f'<td style="white-space:pre-wrap">{escape(said)}</td></tr>'
        for name, said in facts
    )
    return (
        '<!doctype html><html><body style="font-family:sans-serif;max-width:40em">'
        f"<h2>{escape(card.headline)}</h2><table cellpadding='4'>{rows}</table>"
        f'<pre style="white-space:pre-wrap;word-break:break-word">{escape(arguments)}</pre>'
        f'<p><a href="{escape(card.url)}">{escape(_invitation(card))}</a></p></body></html>'
    )


def _invitation(card: Card) -> str:
    return "Read the full call and decide on the page:" if card.answers else "The full story is on the page:"


def _failure(code: int, answer: bytes | str) -> Exception:
    said = _said(code, answer)
    return Undeliverable(said) if 500 <= code < 600 else MailFailed(said)


def _said(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"the mail server answered {code} {_line(text)}"


def _line(text: str) -> str:
    return plain.shorten(plain.visible(text), ANSWER_SHOWN)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
