"""What ARCHITECTURE.md, CONTRIBUTING.md and README.md say of the code is so, and a few house rules no linter sees."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from approvals.domain.happening import Event
from approvals.domain.lifecycle import TABLE
from approvals.domain.model import Cause, State
from tests import generated
from tests.fakes.pages import fenced

ROOT = Path(__file__).parents[2]


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SystemError:
        # CPython 3.11 can miscount its depth when garbage is collected in the middle of a parse; once more is enough.
        return ast.parse(text)


ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PRODUCT = ("approvals", "gateway", "migrations")
MODULES = sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HARD_LIMIT = 400
TOPS = "approvals|gateway|migrations|config|docs|tests|requirements|.ci"
A_PATH = re.compile(rf"`((?:{TOPS.replace('.', re.escape('.'))})(?:/[\w.\-/]*)?)`")
A_FUNCTION = re.compile(r"`(gateway/[\w/]+\.py|approvals/[\w/]+\.py)` `([A-Za-z_.]+)`")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/security-model.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = A_PATH.findall((ROOT / page).read_text(encoding="utf-8"))
    assert page == "SECURITY.md" or named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_decision_names_paths_that_exist_and_what_would_change_our_mind() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(records) >= 4
    for number, record in enumerate(records, 1):
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. "), record.name
        for part in ("**Context.**", "**Choice.**", "**What would change our mind.**"):
            assert part in text, record.name
        assert [path for path in A_PATH.findall(text) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("path", "function"), A_FUNCTION.findall(ARCHITECTURE))
def test_every_function_of_the_walk_is_where_it_is_said_to_be(path: str, function: str) -> None:
    tree = _parsed((ROOT / path).read_text(encoding="utf-8"))
    body: list[ast.stmt] = tree.body
    found: ast.stmt | None = None
    for part in function.split("."):
        found = next((one for one in body if part in _defines(one)), None)
        assert found is not None, f"{path} has no {function}"
        body = getattr(found, "body", [])


def _defines(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def test_the_state_table_is_the_one_of_the_lifecycle() -> None:
    part = ARCHITECTURE.partition(generated.TABLE_BEGIN)[2].partition(generated.TABLE_END)[0].strip()
    assert part == generated.state_table()
    read: dict[tuple[str, str], str] = {}
    for row in part.splitlines()[2:]:
        if not row.startswith("| "):
            continue
        _, source, arrows, _ = (cell.strip() for cell in row.split("|"))
        for arrow in arrows.split(" · ") if "→" in arrows else []:
            events, _, target = arrow.partition(" → ")
            read |= {(source, event): target.strip("*") for event in events.split(", ")}
    assert read == {(source.value, event.value): target.value for (source, event), target in TABLE.items()}
    assert f"{len(State)} states, {len(Event)} events, {len(TABLE)} arrows" in part


def test_every_cause_is_named() -> None:
    assert [cause.value for cause in Cause if f"`{cause.value}`" not in ARCHITECTURE] == []


def test_every_dependency_has_its_reason_and_is_used() -> None:
    project = PROJECT["project"]
    bare = re.compile(r"^[A-Za-z0-9_.\-]+")
    wanted = {match[0] for line in project["dependencies"] if (match := bare.match(line))}
    table = ARCHITECTURE.partition("## Dependencies")[2].partition("Not used on purpose")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")][1:]
    listed = {word.strip() for cell in rows for word in cell.split("(")[0].split(",")}
    assert listed == wanted | {"apprise", "asyncpg", "cel-expr-python", "icalendar", "joserfc", "recurring-ical-events"}
    for extra in ("cel", "dev", "notify", "oidc", "oncall", "postgres"):
        for line in project["optional-dependencies"][extra]:
            match = bare.match(line)
            assert match is not None
            assert match[0] == "placet" or match[0] in ARCHITECTURE, f"{match[0]} of the extra {extra} has no reason"


def test_every_package_directory_is_installed() -> None:
    """A package that is missing from the list works in a checkout and is not in the wheel."""
    packages = set(PROJECT["tool"]["setuptools"]["packages"])
    here = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("__init__.py")
    }
    wanted = {re.sub(r"^migrations\b", "approvals.migrations", package) for package in here}
    assert packages == wanted
    for folder in {path.parent for path in MODULES}:
        assert (folder / "__init__.py").exists(), f"{name(folder)} has no __init__.py"


def test_every_module_has_its_line() -> None:
    """Top-level modules and packages by their path; what is inside a package is its own matter."""
    homes = {name(path) for folder in ("approvals", "gateway") for path in (ROOT / folder).glob("*.py")}
    homes |= {
        name(path.parent) for folder in ("approvals", "gateway") for path in (ROOT / folder).glob("*/__init__.py")
    }
    unsaid = {home for home in homes if f"`{home}`" not in ARCHITECTURE and not home.endswith("__.py")}
    assert unsaid == set()


def test_every_layer_is_named_where_it_says_who_may_import_whom() -> None:
    section = ARCHITECTURE.partition("## Who may import whom")[2].partition("\n## ")[0]
    contracts = [one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    layers = {word.strip() for one in contracts for layer in one["layers"] for word in layer.split("|")}
    # `config` and its parts are one step of the page.
    said = {layer for layer in layers if re.search(rf"(?<![\w/]){layer}(?!\w)", section)}
    assert layers - said <= {"config_checks", "config_file", "config_env"}


def test_no_file_is_longer_than_the_hard_limit() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > HARD_LIMIT} == {}


def test_tasks_are_started_in_a_task_group_and_nowhere_else() -> None:
    """Ruff bans `asyncio.create_task`; here it is looked for on loops and under other names."""
    found = [
        f"{name(path)}:{line}" for path in MODULES for line in _stray_tasks(_parsed(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_look_for_stray_tasks_sees_them() -> None:
    bad = (
        "asyncio.get_running_loop().create_task(x())\nloop.create_task(x())\nself._loop.create_task(x())\n"
        "asyncio.ensure_future(x())\nasyncio.create_task(x())\ncreate_task(x())\n"
        "asyncio.run_coroutine_threadsafe(x(), loop)"
    )
    assert list(_stray_tasks(_parsed(bad))) == [1, 2, 3, 4, 5, 6, 7]
    assert (
        list(_stray_tasks(_parsed("group.create_task(x())\nself._group.create_task(x())\ninner.create_task(x())")))
        == []
    )


def _stray_tasks(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case (
                ast.Attribute(attr="ensure_future" | "run_coroutine_threadsafe")
                | ast.Name(id="ensure_future" | "create_task")
            ):
                yield node.lineno
            case ast.Attribute(attr="create_task", value=owner) if not _is_group(owner):
                yield node.lineno


def _is_group(owner: ast.expr) -> bool:
    word = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return word.strip("_") in {"group", "inner"}


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["--version"]])
def test_help_and_version_import_neither_sqlalchemy_nor_slack(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom gateway.__main__ import main\nsys.argv = ['placet', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = {'sqlalchemy', 'slack_sdk', 'aiohttp', 'pydantic', 'alembic'} & sys.modules.keys()\n"
        "assert not loaded, f'imported {sorted(loaded)}'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "placet" in done.stdout.lower()


def test_the_makefile_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md", "docs/get-started.md", "ARCHITECTURE.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        said = re.findall(r"`make ([a-z]+)", text)
        said += [
            found[1] for block in fenced(text, "sh") for found in re.finditer(r"^make ([a-z]+)", block, re.MULTILINE)
        ]
        assert set(said) <= targets, page


def test_the_generated_files_are_what_the_code_says() -> None:
    assert generated.differences() == []


def test_a_generated_file_that_was_changed_by_hand_is_named_and_mended(tmp_path: Path) -> None:
    for path in generated.GENERATED:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "docs/openapi.json").write_text("{}\n", encoding="utf-8")
    (tmp_path / "config/slack-manifest.yaml").unlink()
    page = tmp_path / "ARCHITECTURE.md"
    page.write_text(page.read_text(encoding="utf-8").replace("vetoed → **denied**", "vetoed → **approved**"), "utf-8")
    told = "\n".join(generated.differences(tmp_path))
    for path in ("docs/openapi.json", "config/slack-manifest.yaml is missing", "ARCHITECTURE.md", "+| pending |"):
        assert path in told
    assert set(generated.write(tmp_path)) == {"ARCHITECTURE.md", "docs/openapi.json", "config/slack-manifest.yaml"}
    assert generated.differences(tmp_path) == []


def test_the_check_ends_with_one_and_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generated, "differences", lambda: ["docs/openapi.json is missing"])
    assert generated.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "docs/openapi.json is missing" in said
    assert said.endswith("run: make schemas\n")
