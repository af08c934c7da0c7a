"""Files that extend files: every one is a layer that only narrows, read once, and wrong at the line that names it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.policy_check import command
from gateway.config import ConfigErrors, changed, load_config
from gateway.config_layers import page_policy
from gateway.policy.evaluate import evaluate
from gateway.policy.layers import version_of
from gateway.policy.loaders import PolicyErrors
from gateway.policy.model import Facts, Policy, Verdict
from gateway.policy_files import DEEPEST, PolicyFiles

HEAD = 'version: "1"\ndefault: deny\n'
PLAIN = "tools: {a: {}}\n"
TOOLS = "tools: {a: {}, b: {action: require_approval}, c: {}}\n"


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith("version") else HEAD + text)


def stack(folder: Path, name: str = "top") -> tuple[Policy, ...]:
    reading = PolicyFiles()
    layers = reading.stack(folder / f"{name}.yaml")
    assert not reading.problems, reading.problems
    return layers


def problems(folder: Path, name: str = "top") -> list[str]:
    reading = PolicyFiles()
    assert reading.stack(folder / f"{name}.yaml") == ()
    return [str(problem).replace(f"{folder}/", "") for problem in reading.problems]


def call(tool: str) -> Facts:
    return Facts(server="s", tool=tool, arguments={}, agent="x", now=datetime(2026, 11, 24, tzinfo=UTC))


def names(layers: tuple[Policy, ...]) -> list[str]:
    return [Path(layer.name).stem for layer in layers]


def test_a_file_narrows_what_it_extends_and_never_widens_it(tmp_path: Path) -> None:
    write(tmp_path, base=TOOLS, top="extends: base.yaml\ntools: {a: {action: deny}, b: {}, c: {}, d: {}}\n")
    layers = stack(tmp_path)
    assert names(layers) == ["base", "top"]
    verdicts = [evaluate(layers, call(tool)).verdict for tool in "abcd"]
    assert verdicts == [Verdict.DENY, Verdict.REQUIRE_APPROVAL, Verdict.ALLOW, Verdict.DENY]


def test_a_base_is_named_beside_the_file_that_extends_it(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    write(tmp_path / "shared", root=TOOLS, base="extends: root.yaml\n" + TOOLS)
    write(tmp_path, top="extends: [shared/base.yaml]\n" + TOOLS)
    assert names(stack(tmp_path)) == ["root", "base", "top"]


def test_a_base_that_is_reached_twice_is_one_layer(tmp_path: Path) -> None:
    write(
        tmp_path,
        root=TOOLS + "all_tools: {limits: [{counter: c, window: day, max: 5}]}\n",
        left="extends: root.yaml\n" + TOOLS,
        right="extends: ./root.yaml\n" + TOOLS,
        top="extends: [left.yaml, right.yaml]\n" + TOOLS,
    )
    layers = stack(tmp_path)
    assert names(layers) == ["root", "left", "right", "top"]
    assert len(evaluate(layers, call("a")).limits) == 1


def test_the_version_is_of_all_layers(tmp_path: Path) -> None:
    write(tmp_path, base=TOOLS, top="extends: base.yaml\n" + TOOLS)
    before = stack(tmp_path)
    write(tmp_path, base=TOOLS.replace("c: {}", "c: {action: deny}"))
    after = stack(tmp_path)
    assert before[1].version == after[1].version
    assert version_of(before) != version_of(after)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        pytest.param(
            {"top": "extends: none.yaml\n"},
            "top.yaml:3:10: there is no policy file none.yaml (at /extends)",
            id="a base that is missing",
        ),
        pytest.param(
            {"top": "extends: [base.yaml, none.yaml]\n", "base": TOOLS},
            "top.yaml:3:22: there is no policy file none.yaml (at /extends/1)",
            id="one base of several that is missing",
        ),
        pytest.param(
            {"top": "extends: top.yaml\n"},
            "top.yaml:3:10: a file cannot extend itself: top.yaml extends top.yaml (at /extends)",
            id="itself",
        ),
        pytest.param(
            {"top": "extends: b.yaml\n", "b": "extends: c.yaml\n", "c": "extends: b.yaml\n"},
            "c.yaml:3:10: a file cannot extend itself: b.yaml extends c.yaml extends b.yaml (at /extends)",
            id="a ring",
        ),
        pytest.param(
            {"top": "extends: [base.yaml, base.yaml]\n", "base": TOOLS},
            "top.yaml:3:22: 'base.yaml' stands twice in extends (at /extends/1)",
            id="twice",
        ),
        pytest.param(
            {"top": "extends: base.yaml\n", "base": "tols: {}\n"}, "base.yaml:3:1: unknown key 'tols'", id="bad"
        ),
        pytest.param({"top": "extends: 5\n"}, "top.yaml:3:10: a list is expected here, not 5", id="no text"),
        pytest.param({"top": "extends: [5]\n"}, "a text is expected here, not 5", id="no text in the list"),
        pytest.param({"top": "extends: []\n"}, "at least 1", id="nothing"),
    ],
)
def test_a_base_that_cannot_be_used_is_told_at_the_line_that_names_it(
    tmp_path: Path, texts: dict[str, str], said: str
) -> None:
    write(tmp_path, **texts)
    found = problems(tmp_path)
    assert said in "\n".join(found)
    assert len(found) == 1


def test_files_extend_each_other_only_so_deep(tmp_path: Path) -> None:
    links = {f"f{n}": f"extends: f{n + 1}.yaml\n{TOOLS}" for n in range(DEEPEST + 2)}
    write(tmp_path, **links, **{f"f{DEEPEST + 2}": TOOLS})
    assert f"more than {DEEPEST} files extend each other in a row" in problems(tmp_path, "f0")[0]
    assert len(stack(tmp_path, "f3")) == DEEPEST


def test_the_tests_of_a_file_are_judged_with_its_bases(tmp_path: Path) -> None:
    tests = "tests: [{name: t, call: {tool: c}, given: {c: 5}, expect: {verdict: %s}}]\n"
    limits = "all_tools: {limits: [{counter: c, window: day, max: 5}]}\n"
    write(tmp_path, base=TOOLS + limits, top="extends: base.yaml\n" + TOOLS + tests % "rate_limited")
    assert names(stack(tmp_path)) == ["base", "top"]
    write(tmp_path, top="extends: base.yaml\n" + TOOLS + tests % "allow")
    assert 'the test "t" fails: expected allow, got rate_limited' in problems(tmp_path)[0]


def test_a_configuration_takes_in_what_its_policies_extend_and_sees_when_it_changes(tmp_path: Path) -> None:
    write(tmp_path / "policies", base=PLAIN, top="extends: base.yaml\n" + PLAIN, other="extends: base.yaml\n" + PLAIN)
    file = tmp_path / "placet.yaml"
    policies = "[policies/top.yaml, policies/other.yaml, policies/base.yaml]"
    file.write_text(f"servers:\n  s: {{url: http://127.0.0.1:1/mcp, policy: {policies}}}\n")
    settings = load_config(file, {})
    assert names(settings.servers["s"].policies) == ["base", "top", "other"]
    assert not changed(settings)
    write(tmp_path / "policies", base=PLAIN + "description: changed\n")
    assert changed(settings)
    (tmp_path / "policies" / "base.yaml").unlink()
    assert changed(settings)
    with pytest.raises(ConfigErrors, match="there is no policy file"):
        load_config(file, {})


def test_a_policy_on_the_page_extends_no_files() -> None:
    with pytest.raises(PolicyErrors, match="page:s:3:10: a policy on the page extends no files"):
        page_policy(HEAD + "extends: /etc/passwd\n", "s")


def test_checking_a_file_by_hand_checks_what_it_extends(tmp_path: Path) -> None:
    write(tmp_path, base=TOOLS, top="extends: base.yaml\n" + TOOLS)
    told: Any = CliRunner().invoke(command, [str(tmp_path / "top.yaml")])
    assert (told.exit_code, told.output.count("placet policy")) == (0, 1)
    write(tmp_path, base="tols: {}\n")
    told = CliRunner().invoke(command, [str(tmp_path / "top.yaml"), str(tmp_path / "none.yaml")])
    assert told.exit_code == 1
    assert f"{tmp_path}/base.yaml:3:1: unknown key 'tols'" in told.output
    assert f"{tmp_path}/none.yaml:1:1: cannot read the file" in told.output
