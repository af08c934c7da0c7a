"""`placet receipt`: the signed record of a request, and checking one without a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from approvals.domain import receipt
from approvals.domain.fingerprint import canonical
from approvals.domain.plain import visible
from approvals.errors import NotFound
from approvals.notary import Notary
from gateway.cli.common import FAILED, config_option, fail, json_option, run, say
from gateway.cli.proofs import keys_in, signer_for
from gateway.cli.session import opened


@click.group()
def command() -> None:
    """Print the receipt of a request, and check a receipt offline."""


@command.command()
@click.argument("request_id", metavar="ID")
@click.option("--opening", is_flag=True, help="Instead, what its commitments are to: the salt and the arguments.")
@config_option
def show(request_id: str, opening: bool, config: Path | None) -> None:
    """Print the receipt of a request, byte for byte as it can be verified."""

    async def job() -> bytes:
        async with opened(config) as session:
            request = await session.desk.get(request_id)
            if request is None:
                raise NotFound(what="request", name=request_id)
            if not receipt.has_receipt(request):
                fail(f"{request_id} has not been decided, so there is nothing to certify.")
            signer = signer_for(session.settings.keys_file)
            if opening and request.destroyed is not None:
                fail(f"What was written in {request_id} was {request.destroyed}. Its receipt is still there.")
            if opening:
                return json.dumps(receipt.openings(request, signer.salt(request.id)), indent=2).encode() + b"\n"
            notary = Notary(session.db, signer)
            return await session.db.read(lambda tx: notary.certify(tx, request))

    click.echo(run(job), nl=False)


@command.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="The public key, as PEM. Several: give it again, or one file with all of them.",
)
@click.option("--opening", type=click.File("rb"), help="What `receipt show --opening` printed: check it as well.")
@json_option
def verify(file: Any, key_files: Sequence[Path], opening: Any, as_json: bool) -> None:
    """Check a receipt FILE (or -) with the public key alone: no server, no database.

    Exit code 1 if it was changed, or is not signed by any of the keys.
    """
    keys = keys_in(key_files)
    try:
        taken = receipt.opened(file.read(receipt.LARGEST + 1))
    except receipt.NotAReceipt as err:
        fail(f"This receipt is not accepted: {err}.", FAILED)
    if taken.key not in keys or not keys[taken.key].checks(taken.signed, taken.signature):
        by = "this key" if len(keys) == 1 else "any of these keys"
        fail(f"This receipt is not accepted: it is not signed by {by}, or was changed.", FAILED)
    said = taken.statement["predicate"]
    if opening is not None and not _opens(opening.read(receipt.LARGEST), said):
        fail("The receipt is good, but what was opened is not what it certifies.", FAILED)
    say({"accepted": True, **said}, _told(said, opened_too=opening is not None), as_json=as_json)


@command.command()
@config_option
def key(config: Path | None) -> None:
    """Print the public key of this installation, as PEM; give it to whoever checks receipts."""

    async def job() -> str:
        async with opened(config) as session:
            return signer_for(session.settings.keys_file).public.pem

    click.echo(run(job), nl=False)


def _opens(data: bytes, said: dict[str, Any]) -> bool:
    try:
        value = json.loads(data)
        return all(_committed(value, what) == said[what] for what in ("arguments", "edited_from"))
    except (ValueError, KeyError, TypeError):
        return False


def _committed(value: dict[str, Any], what: str) -> str | None:
    shown = value[what]
    return None if shown is None else receipt.committed(canonical(shown), value["salt"], what)


def _told(said: dict[str, Any], *, opened_too: bool) -> str:
    votes = [
        f"  {vote['decision']} by {visible(vote['reviewer'])} at {vote['at']}, known by {visible(vote['known_by'])}"
        for vote in said["votes"]
    ]
    outcome = said["outcome"]
    lines = [
        f"Accepted. {said['request']} is {said['state']}" + (f" ({said['cause']})." if said["cause"] else "."),
        f"  {visible(said['server'])}/{visible(said['tool'])} for {visible(said['agent'])}, "
        f"owned by {visible(said['owner'] or 'nobody')}",
        f"  rule {visible(said['rule'])}, policy {said['policy_version'][:12]}, tool {said['tool_fingerprint'][:12]}",
        f"  binding {said['binding']}",
        *(["  a reviewer changed the arguments that the agent asked for"] if said["edited_from"] else []),
        *(votes or ["  nobody voted"]),
    ]
    if outcome is not None:
        lines.append(f"  it {outcome['kind']}, finished {outcome['finished_at']}")
    if opened_too:
        lines.append("  the arguments that were shown are the ones it certifies")
    return "\n".join(lines)
