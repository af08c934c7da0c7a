"""`placet policy convert`: a policy in another published format, or in ours, and what is lost on the way."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import FAILED, fail, json_option, say
from gateway.cli.policy_files import look_at, stacks
from gateway.policy.convert import Converted, Target, asking, convert, described
from gateway.policy.convert_losses import Effect, Loss
from gateway.policy.loaders import PolicyErrors, untested
from gateway.policy.model import Policy
from gateway.policy.writing import as_json

WORDS = {Effect.SAME: "decides nothing", Effect.STRICTER: "STRICTER", Effect.LOOSER: "LOOSER"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice([one.value for one in Target]), required=True, help="Which format.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file (.json or .yaml), not to stdout.")
@click.option("--lossy", is_flag=True, help="Write it although something is lost.")
@click.option(
    "--ask",
    is_flag=True,
    help="Let rules that deny every call, with a text that speaks of approval, ask a person instead.",
)
@json_option
def command(file: Path, target: str, output: Path | None, lossy: bool, ask: bool, as_json: bool) -> None:
    """Write the policy FILE in another format: placet (ours), policylayer (the hosted JSON) or intercept (its YAML).

    What the other format cannot say is listed with its place in the policy, and nothing is written unless --lossy is
    given. STRICTER: calls are then refused that passed; LOOSER: calls pass that were refused or asked about.
    """
    policy = stacks([file], look_at)[0][-1]
    if ask:
        policy = _asking(policy)
    converted = convert(policy, Target(target))
    text = _text(converted, output)
    _check(text, file, output)
    for line in _offers(converted, asked=ask):
        click.echo(line, err=True)
    if converted.losses and not as_json:
        click.echo("\n".join(_losses(file, converted)), err=True)
    refused = bool(converted.losses) and not lossy
    if not refused and output is not None:
        output.write_text(text, encoding="utf-8")
    if as_json:
        say(_json(converted, None if refused else text), "", as_json=True)
    elif not refused and output is None:
        click.echo(text, nl=False)
    if refused:
        fail("Nothing was written. Give --lossy to write it all the same.", FAILED)


def _asking(policy: Policy) -> Policy:
    return untested(as_json(asking(described(policy))), f"{policy.name} (asking)")


def _text(converted: Converted, output: Path | None) -> str:
    if output is not None:
        return converted.as_json() if output.suffix == ".json" else converted.as_yaml()
    return converted.as_json() if converted.target is Target.POLICYLAYER else converted.as_yaml()


def _check(text: str, file: Path, output: Path | None) -> None:
    """What is written is a policy that loads: anything else is a fault of ours, and is not left lying about."""
    try:
        untested(text, str(output or f"{file} (converted)"))
    except PolicyErrors as err:
        fail(f"{file} cannot be converted: what came out is no policy. Please report this.\n{err}")


def _offers(converted: Converted, *, asked: bool) -> list[str]:
    if asked:
        return []
    return [
        f"note: {rule} denies every call, though its text speaks of asking a person; it goes on denying. "
        "With --ask it asks a person instead."
        for rule in converted.offers
    ]


def _losses(file: Path, converted: Converted) -> list[str]:
    width = max(len(loss.pointer) for loss in converted.losses)
    rows = [f"  {WORDS[loss.effect]:<15}  {loss.pointer:<{width}}  {loss.text}" for loss in converted.losses]
    return [
        f"{file} loses this as {converted.target} (places are those of the policy as --to placet writes it):",
        *rows,
    ]


def _json(converted: Converted, text: str | None) -> dict[str, object]:
    return {
        "to": converted.target.value,
        "written": text is not None,
        "losses": [_loss(loss) for loss in converted.losses],
        "offers": list(converted.offers),
        "text": text,
    }


def _loss(loss: Loss) -> dict[str, str]:
    return {"rule": loss.pointer, "effect": loss.effect.value, "text": loss.text}
