"""The pages under docs/ and the README say what the code does: examples load, keys are all there, commands exist."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from approvals.domain.model import Cause, State
from gateway.cli.root import main
from gateway.config import load_config
from gateway.config_file import ConfigFile
from gateway.in_force import Standing
from gateway.metrics import Metrics, Snapshot
from gateway.policy.evaluate import evaluate
from gateway.policy.limit import Scope
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, RiskClass
from gateway.policy.operators import OPERATORS
from gateway.policy.risk import classify
from gateway.policy.shapes import (
    ApprovalShape,
    ConditionShape,
    ExpectShape,
    LimitShape,
    PolicyShape,
    RiskShape,
    RuleShape,
    ToolShape,
    TrialShape,
)
from gateway.policy.windows import CALENDAR, INFLIGHT
from gateway.protocol.verdict import Code
from gateway.rotas import plan_of
from tests.fakes.pages import ROOT, blocks, commands, pages

A_HASH = "a" * 64
MADE_UP = {"SECRET": "whsec_" + "A" * 40, "SMTP": "smtp://placet:word@mail.example.com:587", "URL": "json://localhost"}
"""What variables of these endings stand for, where any text would not do."""
EMPTY_POLICY = 'version: "1"\ndefault: deny\n'


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def examples(kind: str) -> list[Any]:
    found = []
    for path in pages():
        for number, (info, body) in enumerate(blocks(path.read_text(encoding="utf-8"))):
            if info == f"yaml {kind}":
                found.append(pytest.param(body, id=f"{path.relative_to(ROOT)}:{number}"))
    return found


def test_every_yaml_block_says_what_it_is_an_example_of() -> None:
    infos = {info for path in pages() for info, _ in blocks(path.read_text(encoding="utf-8")) if "yaml" in info}
    assert infos == {"yaml config", "yaml policy", "yaml rota"}


@pytest.mark.parametrize("text", examples("rota"))
def test_every_schedule_on_a_page_loads(text: str) -> None:
    assert plan_of(text, "oncall.yaml")[1] == []


@pytest.mark.parametrize("text", examples("config"))
def test_every_configuration_on_a_page_loads(text: str, tmp_path: Path) -> None:
    """Only what belongs to the reader is made up: variables, secret files, hashes, policies."""
    secret = tmp_path / "secret"
    secret.write_text("from a file\n", encoding="utf-8")
    text = re.sub(r"token_sha256: …", f"token_sha256: {A_HASH}", text)
    text = re.sub(r"\$\{file:[^}]*\}", f"${{file:{secret}}}", text)
    token = "plc_agent_LoRlPw6w_x3SFeQVeDSQYCDI476hcwtBDmzLd26grtFhUFZnxYWU_0W6Oat"
    env = {
        name: MADE_UP.get(name.rpartition("_")[2], token if "AGENT" in name else "made-up")
        for name in re.findall(r"\$\{env:([A-Z_]+)", text)
    }
    for name in re.findall(r"policies/[a-z]+\.(?:yaml|json)", text):
        (tmp_path / "policies").mkdir(exist_ok=True)
        json_text = '{"version": "1", "default": "deny"}'
        (tmp_path / name).write_text(json_text if name.endswith("json") else EMPTY_POLICY, encoding="utf-8")
    file = tmp_path / "placet.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_config(file, env).file == file


@pytest.mark.parametrize("text", examples("policy"))
def test_every_policy_on_a_page_loads_without_a_note(text: str) -> None:
    assert load_policy(text, "policy.yaml").notes == ()


def _verdicts() -> list[Any]:
    rows, policy = [], ""
    for info, body in blocks(page("write-a-policy.md")):
        if info == "yaml policy":
            policy = body
        if info.startswith("text verdicts"):
            at = info.partition(" at ")[2] or "2026-11-24T00:00:00Z"
            rows += [pytest.param(policy, at, line, id=line.split("->")[0].strip()) for line in body.splitlines()]
    return rows


@pytest.mark.parametrize(("policy", "at", "line"), _verdicts())
def test_every_verdict_that_the_policy_page_promises_is_given(policy: str, at: str, line: str) -> None:
    call, _, said = line.partition("->")
    tool, _, arguments = call.strip().partition(" ")
    verdict, rule = said.split()
    facts = Facts(
        server="s",
        tool=tool,
        arguments=json.loads(arguments),
        agent="claude-ada",
        now=datetime.fromisoformat(at),
        risk=classify({"name": tool}),
    )
    ruling = evaluate(load_policy(policy, "policy.yaml"), facts)
    assert (ruling.verdict.value, ruling.rule) == (verdict, rule)


def _table(text: str, heading: str) -> dict[str, str]:
    """The rows under a table's heading row: first cell to the rest."""
    rows: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(heading):
            break
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            break
        cells = line.strip("|").split("|")
        rows[cells[0].strip()] = "|".join(cells[1:]).strip()
    return rows


def _keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for plain_name, field in model.model_fields.items():
        name, inner = field.alias or plain_name, field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= _keys(inner, f"{prefix}{name}.")
            continue
        models = [one for one in get_args(inner) if isinstance(one, type) and issubclass(one, BaseModel)]
        if not models:
            found.add(f"{prefix}{name}")
        elif len(get_args(inner)) == 2 and get_args(inner)[0] is str:
            key = f"{prefix}{name}.{'EMAIL' if name == 'people' else 'NAME'}"
            found |= {key} | _keys(models[0], f"{key}.")
        else:
            found |= _keys(models[0], f"{prefix}{name}.")
    return found


CONFIG_ROWS = {name.strip("`"): said for name, said in _table(page("configuration.md"), "| Key |").items()}


def test_the_configuration_page_has_every_key_and_no_other() -> None:
    assert set(CONFIG_ROWS) == _keys(ConfigFile)


def test_no_key_is_promised_for_later() -> None:
    assert [key for key, said in CONFIG_ROWS.items() if "Later" in said] == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("listen.host", "127.0.0.1"),
        ("listen.port", "8642"),
        ("approvals.quorum", "1"),
        ("approvals.timeout", "15m"),
        ("approvals.hold.plain", "50s"),
        ("approvals.hold.with_progress", "210s"),
        ("approvals.collect_within", "15m"),
        ("approvals.caps.per_agent", "20"),
        ("approvals.caps.per_tool", "100"),
        ("approvals.caps.total", "10000"),
        ("approvals.deny_cooldown", "5m"),
        ("servers.NAME.timeouts.connect", "5s"),
        ("servers.NAME.timeouts.list", "15s"),
        ("servers.NAME.timeouts.call", "300s"),
        ("servers.NAME.timeouts.idle", "60s"),
    ],
)
def test_a_default_on_the_page_is_the_one_that_counts(key: str, shown: str, tmp_path: Path) -> None:
    assert CONFIG_ROWS[key].startswith(f"`{shown}`")
    said: dict[str, Any] = {"servers": {"one": {"url": "http://127.0.0.1:1/mcp"}}}
    file = tmp_path / "placet.yaml"
    file.write_text(json.dumps(said), encoding="utf-8")
    plain = load_config(file, {})
    at = said
    *parts, last = key.replace("NAME", "one").split(".")
    for part in parts:
        at = at.setdefault(part, {})
    at[last] = int(shown) if shown.isdigit() else shown
    file.write_text(json.dumps(said), encoding="utf-8")
    written = load_config(file, {})
    for part in ("listen", "approvals", "servers"):
        assert getattr(written, part) == getattr(plain, part)


@pytest.mark.parametrize(
    "shape",
    [PolicyShape, ToolShape, LimitShape, ApprovalShape, ConditionShape, RuleShape, RiskShape, TrialShape, ExpectShape],
)
def test_the_policy_page_has_every_key(shape: type[BaseModel]) -> None:
    text = page("write-a-policy.md")
    keys = [field.alias or name for name, field in shape.model_fields.items()]
    code = " ".join(re.findall(r"`[^`\n]+`", text) + [body for info, body in blocks(text) if info == "yaml policy"])
    assert [key for key in keys if not re.search(rf"(?<![\w$]){re.escape(key)}(?!\w)", code)] == []


def test_the_policy_page_has_every_operator_scope_window_and_class() -> None:
    text = page("write-a-policy.md")
    words = {*OPERATORS, "exists", "not_exists", *Scope, *CALENDAR, INFLIGHT, *RiskClass}
    assert [word for word in words if f"`{word}`" not in text] == []
    ops = {op for cell in _table(text, "| op |") for op in re.findall(r"`([^`]+)`", cell)}
    assert ops == {*OPERATORS, "exists", "not_exists"}


def test_the_approve_page_has_every_state_cause_and_code() -> None:
    text = page("approve.md")
    assert {name.strip("`") for name in _table(text, "| State |")} == {state.value for state in State}
    causes = {cause for cell in _table(text, "| Cause |") for cause in re.findall(r"`([a-z_]+)`", cell)}
    assert causes == {cause.value for cause in Cause}
    assert {name.strip("`") for name in _table(text, "| Code |")} == {code.value for code in Code}


def test_the_operate_page_has_every_metric_with_its_labels() -> None:
    metrics = Metrics()
    metrics.snapshot.upstream_up = {"s": True}
    metrics.snapshot.upstream_left_alone = {"s": False}
    metrics.snapshot.deliveries = {("slack", "dead"): 1}
    metrics.snapshot.outcomes["denied", ""] = 1
    metrics.snapshot.policies = [Standing(server="s", layer="p.yaml", in_force="a" * 64, on_disk=None)]
    metrics.snapshot.frozen = metrics.snapshot.opened = ["all"]
    metrics.snapshot.decoys = {"denied": 1}
    metrics.calls.labels("s", "allow").inc()
    metrics.upstream_seconds.labels("s").observe(1)
    metrics.budgets.labels("c", "80").inc()
    metrics.decisions.labels("approve", "in_time").inc()
    served: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        served[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    rows = _table(page("operate.md"), "| Metric |")
    told = {name.strip("`"): set(re.findall(r"`([a-z]+)`", said.split("|")[0])) for name, said in rows.items()}
    assert told == served
    assert isinstance(metrics.snapshot, Snapshot)


def _lines() -> list[Any]:
    return [
        pytest.param(words, id=f"{path.relative_to(ROOT)}: {' '.join(words)}")
        for path in pages()
        for words in commands(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("words", _lines())
def test_every_command_on_a_page_exists_with_its_options(words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(main, info_name="placet")
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest.pop(0))
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=found.name)
    context.resilient_parsing = True
    command.parse_args(context, rest)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = {word.partition("=")[0] for word in rest if word.startswith("--")} - known - {"--help", "--version"}
    assert unknown == set()


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in [*pages(), ROOT / "ARCHITECTURE.md"]
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        if not target.startswith(("http://", "https://")) and not (path.parent / target).exists()
    ]
    assert broken == []
