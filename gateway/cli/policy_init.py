"""`placet policy init`: a policy to begin with for the tools of a server, with the evidence for each rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.tool_lists import from_file, of_server
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.risk import survey
from gateway.policy.risk.starter import report, starter_json, starter_yaml


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--server", help="A server of the configuration; it is asked for its tools.")
@click.option("--last-seen", is_flag=True, help="With --server: the tools as they were last seen; nobody is asked.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file (.yaml or .json), not to stdout.")
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), help="As the output's name says, else yaml.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@config_option
@json_option
def command(
    file: Path | None,
    server: str | None,
    last_seen: bool,
    output: Path | None,
    form: str | None,
    force: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Write a policy to begin with, from a saved tools/list answer FILE (- for stdin) or from --server NAME.

    Every tool gets a rule by its risk, with the words that say so as comments. JSON has no comments: there the evidence
    is written beside the policy. Nothing is overwritten without --force.
    """
    if (file is None) == (server is None) or (last_seen and server is None):
        fail("Give a FILE with a saved tools/list answer, or --server NAME (and with it --last-seen).", USAGE)
    name = server or ""
    listed = from_file(file) if file is not None else run(lambda: of_server(config, name, last_seen=last_seen))
    tools = survey(listed.tools)
    form = form or ("json" if output is not None and output.suffix == ".json" else "yaml")
    text = starter_json(tools) if form == "json" else starter_yaml(tools, listed.source)
    _check(text, output, form)
    evidence = report(tools, listed.source) if form == "json" else None
    if output is None:
        if as_json:
            say({"policy": text, "evidence": evidence, "tools": len(tools)}, "", as_json=True)
            return
        click.echo(text, nl=False)
        if evidence is not None:
            click.echo("The evidence is left out: JSON has no comments. With --output it is written beside.", err=True)
        return
    written = _write(output, text, evidence, force=force)
    value: dict[str, Any] = {"written": [str(one) for one in written], "tools": len(tools)}
    say(
        value,
        f"{len(tools)} tools: wrote {' and '.join(map(str, written))}. Read it before you serve it.",
        as_json=as_json,
    )


def _check(text: str, output: Path | None, form: str) -> None:
    """What is written is a policy that loads: anything else is a fault of ours."""
    try:
        load_policy(text, str(output or f"policy.{form}"))
    except PolicyErrors as err:
        fail(f"What came out is no policy. Please report this.\n{err}")


def _write(output: Path, text: str, evidence: str | None, *, force: bool) -> list[Path]:
    beside = output.with_suffix(".evidence.txt")
    texts = {output: text} | ({beside: evidence} if evidence is not None else {})
    for path in texts:
        if path.exists() and not force:
            fail(f"{path} is already there. Give --force to overwrite it, or another --output.", USAGE)
    try:
        for path, body in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
    except OSError as err:
        fail(f"{output} cannot be written: {err.strerror or err}")
    return list(texts)
