"""`placet init`: a configuration to start from, with a person who may sign in and an agent who may call.

Every answer is judged before anything is written: by the rules of the configuration, then by its own loader.
"""

from __future__ import annotations

import os
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from approvals import tokens
from approvals.acting import Actor
from approvals.domain.model import PersonId
from approvals.roster import make_login_link
from gateway.cli import init_files
from gateway.cli.common import USAGE, fail, operator, program, run
from gateway.cli.init_files import CONFIG, KEYS, Answers
from gateway.config import ConfigErrors, load_config
from gateway.config_checks import wrong_address, wrong_agent_name, wrong_server_name, wrong_server_url
from gateway.keys import make
from gateway.start import load

T = TypeVar("T")

LONGEST_PERSON_NAME = 100
LONGEST_ADDRESS = 254


@click.command()
@click.option("--server", help="A name for the MCP server to put Placet in front of, for example files.")
@click.option("--url", help="Its address, if it is reached over HTTP.")
@click.option("--command", "command_line", help="Its command line, if Placet is to start it.")
@click.option("--email", help="Your e-mail address: you become the first reviewer.")
@click.option("--name", help="Your name, as others see it.")
@click.option("--agent", default="claude", show_default=True, help="A name for your agent.")
@click.option("--port", type=click.IntRange(1, 65535), default=8642, show_default=True)
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to write. Default: here.")
@click.option("--force", is_flag=True, help="Overwrite files that are there (but no keys and no .env.example).")
def command(
    server: str | None,
    url: str | None,
    command_line: str | None,
    email: str | None,
    name: str | None,
    agent: str,
    port: int,
    folder: Path,
    force: bool,
) -> None:
    """Write a configuration to start from, and print a link that signs you in.

    Asks for what no option says. Writes placet.yaml, a policy, placet.keys and .env.example, all of them or, if
    anything is wrong, none; overwrites nothing.
    """
    if url and command_line:
        raise click.UsageError("A server has exactly one of --url and --command.")
    server = _answer(server, _server, "--server", "A name for the MCP server to put Placet in front of", "files")
    reached = _reached(url, command_line)
    email = _answer(email, _email, "--email", "Your e-mail address (you are the first reviewer)")
    answers = Answers(
        server=server,
        url=reached if isinstance(reached, str) else None,
        words=() if isinstance(reached, str) else reached,
        email=email,
        name=_answer(name, _person, "--name", "Your name", email.partition("@")[0].title()),
        agent=_answer(agent, _agent, "--agent", "A name for your agent", "claude"),
        port=port,
    )
    _write(answers, folder, force=force)


def _reached(url: str | None, command_line: str | None) -> str | tuple[str, ...]:
    """The address of the server, or the words of its command."""
    if url:
        return _answer(url, _url, "--url", "Its URL")
    if command_line:
        return _answer(command_line, _words, "--command", "The command line that starts it")

    def either(text: str) -> str | tuple[str, ...]:
        return _url(text) if text.startswith(("http://", "https://")) else _words(text)

    return _answer(None, either, "", "Its URL, or the command line that starts it")


def _answer(given: str | None, judge: Callable[[str], T], option: str, question: str, default: str | None = None) -> T:
    """What an option says, or what is answered to the question, which is asked until the answer is good."""

    def asked(text: str) -> T:
        try:
            return judge(text)
        except ValueError as err:
            raise click.BadParameter(str(err)) from err

    if not given:
        answer: T = click.prompt(question, default=default, value_proc=asked)
        return answer
    try:
        return judge(given)
    except ValueError as err:
        fail(f"{option}: {err}. Nothing was written.", USAGE)


def _server(text: str) -> str:
    return _good(text, wrong_server_name(text))


def _agent(text: str) -> str:
    return _good(text, wrong_agent_name(text))


def _url(text: str) -> str:
    return _good(text, wrong_server_url(text))


def _words(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as err:
        raise ValueError(f"{text!r} is no command line: {err}") from err
    if not words:
        raise ValueError("a server needs a URL or a command line")
    return words


def _email(text: str) -> str:
    too_long = f"at most {LONGEST_ADDRESS} characters" if len(text) > LONGEST_ADDRESS else None
    return _good(text.lower(), too_long or wrong_address(text) or _unprintable(text))


def _person(text: str) -> str:
    too_long = f"a name has at most {LONGEST_PERSON_NAME} characters" if len(text) > LONGEST_PERSON_NAME else None
    return _good(text.strip(), too_long or _unprintable(text))


def _good(text: str, wrong: str | None) -> str:
    if wrong is not None:
        raise ValueError(wrong)
    return text


def _unprintable(text: str) -> str | None:
    return None if text.isprintable() else f"{text!r} has characters that cannot be printed"


def _write(answers: Answers, folder: Path, *, force: bool) -> None:
    token = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))
    files = init_files.texts(answers, token.sha256)
    keys = folder / KEYS
    blocking = init_files.in_the_way(folder, files) or (keys if keys.exists() else None)
    if blocking is not None and not force:
        fail(f"{blocking} is there already. Nothing was written; --force overwrites.", USAGE)
    if (example := init_files.example(folder)) is not None:
        files[example] = init_files.VARIABLES
    with _beside(folder) as made:
        init_files.write(made, files)
        _check(made, folder)
        if not keys.exists():
            # The keys of an installation are never overwritten: what they sealed could not be opened again.
            make(made / KEYS)
        names = [*files, *([KEYS] if (made / KEYS).exists() else [])]
        with init_files.in_place(made, folder, names):
            link = run(lambda: _sign_in(folder / CONFIG, PersonId(answers.email)))
    if example is None:
        variables = ", ".join(line.rstrip("=") for line in init_files.VARIABLES.splitlines())
        click.echo(f"No file with the names of the variables for Slack was written, for there are some: {variables}.\n")
    _tell(answers, folder, files, token.text, link)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder for a while, on the same disk as the one that is meant."""
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not place.is_dir():
        fail(f"{place} is not a folder.", USAGE)
    try:
        with tempfile.TemporaryDirectory(prefix=".placet-init-", dir=place) as made:
            yield Path(made)
    except OSError as err:
        fail(f"Cannot write {err.filename or folder}: {err.strerror or err}. Nothing was written.")


def _check(made: Path, folder: Path) -> None:
    try:
        load_config(made / CONFIG, os.environ)
    except ConfigErrors as err:
        why = str(err).replace(f"{made}{os.sep}", f"{folder}{os.sep}")
        fail(f"{why}\n\nThis would not be a configuration. Nothing was written.", USAGE)


def _tell(answers: Answers, folder: Path, files: Iterable[Path], token: str, link: str) -> None:
    config = f" --config {shlex.quote(str(folder / CONFIG))}" if folder != Path() else ""
    base = f"http://127.0.0.1:{answers.port}"
    header = f'--header "Authorization: Bearer {token}"'
    click.echo(f"""\
Wrote {", ".join(str(folder / path) for path in files)} and {KEYS}.

1. Start Placet:        {program()} serve{config}
2. Sign in (once, within 15 minutes):
   {link}
3. Connect your agent. Its token is shown only now:
   claude mcp add --transport http {answers.server} {base}/mcp/{answers.server} {header}
""")


async def _sign_in(config: Path, person: PersonId) -> str:
    try:
        settings = await load(config, os.environ)
    except ConfigErrors as err:
        fail(f"{err}\n\nWith the people of the database this is no configuration. Nothing was written.")
    await settings.store.upgrade()
    random = secrets.token_bytes(tokens.RANDOM_BYTES)
    async with settings.store.opened() as db:
        return settings.public_url + await db.write(
            lambda tx: make_login_link(tx, person, random, by=Actor(id=operator(), via="cli"))
        )
