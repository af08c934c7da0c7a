"""The e-mail channel before a real SMTP server (aiosmtpd): threads, TLS, sign-in, refusals, and nothing to inject."""

from __future__ import annotations

import email
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from approvals.channels import MessageRef, Undeliverable
from approvals.channels.email import EmailChannel, MailFailed, Server, server_of
from approvals.domain.model import State
from approvals.testing import samples
from approvals.testing.channel_contract import ChannelContract, ended_requests

SENDER, ADA = "placet@example.com", "ada@example.com"
ENDS = frozenset({"denied", "expired", "cancelled", "succeeded", "failed", "unknown"})


class Post:
    """What the mail server was handed."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.answer = "250 OK"
        self.recipient_answer = "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        if address == "nobody@example.com":
            return "550 5.1.1 no such user"
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
            assert isinstance(envelope.content, bytes)
            self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return self.answer


@contextmanager
def listening(post: Post, **options: Any) -> Iterator[Server]:
    server = Server(host="127.0.0.1", port=unused_port(), implicit=False)
    controller = Controller(post, hostname=server.host, port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


class Mailbox:
    """Ada's mailbox, read as threads."""

    target, nowhere = ADA, "nobody@example.com"
    live_markup = ("<script>", '<a href="https://evil', "<!channel>", "&lt; <")

    def __init__(self, post: Post, server: Server) -> None:
        self.post, self.channel = post, EmailChannel(server, sender=SENDER)

    def messages(self) -> int:
        return len({mail["References"] or mail["Message-ID"] for mail in self.post.mails})

    def text(self) -> str:
        return part(self.post.mails[-1], "plain")

    def raw(self) -> str:
        """Headers and HTML as they are; the plain text is inert, and its markup is shown spelled apart."""
        mails = self.post.mails
        heads = [str(value) for mail in mails for value in mail.values()]
        return "\n".join(
            [*heads, *(part(m, "html") for m in mails if m.is_multipart()), *(_apart(part(m, "plain")) for m in mails)]
        )

    def offers_answers(self) -> bool:
        return "Read the full call and decide" in self.text()

    def remove_message(self) -> None:
        self.post.mails.clear()


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def _apart(text: str) -> str:
    return text.replace("<", "< ").replace("&lt; ", "&lt ; ")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def server(post: Post) -> Iterator[Server]:
    with listening(post) as at:
        yield at


class TestEmailChannel(ChannelContract):
    told = ENDS

    @pytest.fixture
    def surface(self, post: Post, server: Server) -> Mailbox:
        return Mailbox(post, server)


def test_only_ends_are_told() -> None:
    assert {s.value for s in State} - {"pending", "approved", "executing"} == ENDS


async def test_the_end_is_a_reply_in_the_thread_of_the_first_mail(post: Post, server: Server) -> None:
    channel = EmailChannel(server, sender=SENDER)
    ref = await channel.post(samples.card(), ADA)
    for state in ("approved", "executing", "succeeded"):
        await channel.revise(ref, samples.card(ended_requests()[state]))
    first, last = post.mails
    assert (last["In-Reply-To"], last["References"]) == (first["Message-ID"], first["Message-ID"])
    assert first["Message-ID"] != last["Message-ID"]
    assert first["In-Reply-To"] is None
    assert first["List-Id"] == "Placet approvals <placet.example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert (first["From"], first["To"]) == ("Placet <placet@example.com>", ADA)
    assert [(e.mail_from, e.rcpt_tos) for e in post.envelopes] == [(SENDER, [ADA])] * 2


async def test_the_only_link_is_the_page(post: Post, server: Server) -> None:
    request = samples.request({"note": 'https://evil.example <a href="https://evil.example">x</a>'})
    await EmailChannel(server, sender=SENDER).post(samples.card(request), ADA)
    html = part(post.mails[0], "html")
    assert html.count("href=") - html.count("href=\\&quot;") - html.count("href=&quot;") == 1
    assert '<a href="https://placet.example.com/requests/req_sample">' in html
    assert "<form" not in html


async def test_a_try_again_has_the_same_id_and_another_recipient_another(post: Post, server: Server) -> None:
    channel = EmailChannel(server, sender=SENDER)
    for to in (ADA, ADA, "bob@example.com"):
        await channel.post(samples.card(), to)
    one, again, other = (mail["Message-ID"] for mail in post.mails)
    assert one == again != other


@pytest.mark.parametrize(
    "to",
    ["a@x\r\nBcc: eve@evil.example", "a b@x", "a@x,b@x", "<a@x>", "ada", "", "ä@example.com", "a@x\x00"],
)
async def test_what_is_no_plain_address_gets_no_mail(post: Post, server: Server, to: str) -> None:
    with pytest.raises(Undeliverable, match="not an address"):
        await EmailChannel(server, sender=SENDER).post(samples.card(), to)
    assert post.mails == []


async def test_a_tool_cannot_write_a_header(post: Post, server: Server) -> None:
    request = samples.request(call=samples.call(tool="pay\r\nBcc: eve@evil.example\r\n\r\nhello"))
    await EmailChannel(server, sender=SENDER).post(samples.card(request), ADA)
    (mail,) = post.mails
    assert mail["Bcc"] is None
    assert post.envelopes[0].rcpt_tos == [ADA]


@pytest.mark.parametrize("answer", ["550 5.7.1 spam", "554 5.6.0 no"])
async def test_what_is_refused_for_good_is_given_up(post: Post, server: Server, answer: str) -> None:
    post.answer = answer
    with pytest.raises(Undeliverable, match=answer[:3]):
        await EmailChannel(server, sender=SENDER).post(samples.card(), ADA)


async def test_what_is_refused_for_now_is_tried_again(post: Post, server: Server) -> None:
    post.recipient_answer = "451 4.7.1 greylisted"
    with pytest.raises(MailFailed, match=r"451 4\.7\.1 greylisted"):
        await EmailChannel(server, sender=SENDER).post(samples.card(), ADA)


async def test_a_server_that_is_away_is_tried_again(post: Post) -> None:
    with listening(post) as server:
        pass
    with pytest.raises(MailFailed, match="the mail server failed"):
        await EmailChannel(server, sender=SENDER).post(samples.card(), ADA)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    return file


def _authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"placet", b"p@ss")
    return AuthResult(success=good, handled=False)


@contextmanager
def tls_server(post: Post, certificate: Path) -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    options = {"tls_context": context, "require_starttls": True, "authenticator": _authenticator}
    with listening(post, **options, auth_required=True) as at:
        yield at


@pytest.mark.parametrize(("password", "good"), [("p@ss", True), ("wrong", False)])
async def test_a_user_signs_in_after_starttls(post: Post, certificate: Path, password: str, good: bool) -> None:
    with tls_server(post, certificate) as at:
        server = Server(host=at.host, port=at.port, implicit=False, user="placet", password=password)
        trusting = ssl.create_default_context(cafile=str(certificate))
        channel = EmailChannel(server, sender=SENDER, context=trusting)
        if good:
            assert await channel.post(samples.card(), ADA) == MessageRef(
                channel="email", data={"to": ADA, "root": post.mails[0]["Message-ID"]}
            )
        else:
            with pytest.raises(MailFailed, match="535"):
                await channel.post(samples.card(), ADA)
    assert len(post.mails) == good


async def test_a_certificate_that_nobody_vouches_for_is_refused(post: Post, certificate: Path) -> None:
    with tls_server(post, certificate) as at, pytest.raises(MailFailed, match="certificate"):
        await EmailChannel(at, sender=SENDER).post(samples.card(), ADA)
    assert post.mails == []


async def test_nothing_is_sent_in_the_clear_to_another_machine(post: Post, server: Server) -> None:
    # This machine too, and not by one of the names that may be plain.
    channel = EmailChannel(Server(host="127.1", port=server.port, implicit=False), sender=SENDER)
    with pytest.raises(MailFailed, match="offers no STARTTLS"):
        await channel.post(samples.card(), ADA)
    assert post.mails == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smtp://mail.example.com", Server(host="mail.example.com", port=587, implicit=False)),
        ("smtps://mail.example.com", Server(host="mail.example.com", port=465, implicit=True)),
        (
            "smtp://u%40x:p%2Fw@mail.example.com:25",
            Server(host="mail.example.com", port=25, implicit=False, user="u@x", password="p/w"),
        ),
    ],
)
def test_a_server_is_read_from_its_address(url: str, said: Server) -> None:
    assert server_of(url) == said


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://x", "smtp://", "smtp://u@x", "smtp://x/y", "smtp://x:99999"]
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        server_of(url)
