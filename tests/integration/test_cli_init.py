"""`placet init`: every answer is judged before a file is written, and the files come all together or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.root import main
from gateway.config import load_config

GOOD = {"--server": "files", "--url": "http://127.0.0.1:1/mcp", "--email": "Ada@Example.com", "--name": "Ada L."}
MADE = {
    ".env.example",
    "placet.db",
    "placet.keys",
    "placet.yaml",
    "policies/files.yaml",
    "schema/placet.schema.json",
    "schema/policy.schema.json",
}


def init(folder: Path, *more: str, asked: str | None = None, **but: str | None) -> Result:
    """Run it with good answers, but for those given; None takes an option away."""
    options = {**GOOD, **{f"--{name}": value for name, value in but.items()}}
    said = [part for name, value in options.items() if value is not None for part in (name, value)]
    return CliRunner().invoke(main, ["init", "--dir", str(folder), *said, *more], input=asked)


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder that is no folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_that_are_written_load_and_sign_in_the_first_person(tmp_path: Path) -> None:
    said = init(tmp_path / "new" / "place")
    assert said.exit_code == 0, said.output
    folder = tmp_path / "new" / "place"
    assert set(files(folder)) == MADE
    settings = load_config(folder / "placet.yaml", {})
    assert settings.people["ada@example.com"].name == "Ada L."  # type: ignore[index]  # a plain word is as good here
    assert settings.agents["claude"].servers == ("files",)
    assert stat.S_IMODE((folder / "placet.keys").stat().st_mode) == 0o600
    assert "http://127.0.0.1:8642/login" in said.output
    assert f"placet serve --config {folder / 'placet.yaml'}" in said.output


BAD = [
    pytest.param({"server": "../../evil"}, "cannot name a server", id="a server outside"),
    pytest.param({"server": "a b"}, "cannot name a server", id="a server of two words"),
    pytest.param({"server": "x" * 65}, "cannot name a server", id="a server too long"),
    pytest.param({"email": "ada"}, "e-mail address", id="no address"),
    pytest.param({"email": "a da@x"}, "e-mail address", id="an address with a space"),
    pytest.param({"agent": "my agent"}, "cannot name an agent", id="an agent of two words"),
    pytest.param({"url": "ftp://x/mcp"}, "not an http(s) address", id="no web address"),
    pytest.param({"url": "http://u:p@x/mcp"}, "credentials", id="an address with a password"),
    pytest.param({"url": None, "command": 'npx "unclosed'}, "No closing quotation", id="an unclosed quote"),
    pytest.param({"url": None, "command": "  "}, "command", id="an empty command"),
    pytest.param({"command": "npx x"}, "one of --url and --command", id="both"),
    pytest.param({"name": "A\x07"}, "name", id="a name that rings"),
    pytest.param(
        {"url": None, "command": "x ${env:NO_SUCH_VARIABLE}"}, "NO_SUCH_VARIABLE", id="what only loading finds"
    ),
]


@pytest.mark.parametrize(("but", "says"), BAD)
def test_a_bad_answer_is_said_and_nothing_is_written(tmp_path: Path, but: dict[str, str | None], says: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    said = init(folder, **but)
    assert (said.exit_code, isinstance(said.exception, SystemExit)) == (2, True), said.output
    assert says in said.stderr
    assert files(tmp_path) == {}
    assert list(folder.iterdir()) == []
    again = init(folder)
    assert again.exit_code == 0, again.output


def test_a_bad_answer_to_a_question_is_asked_again(tmp_path: Path) -> None:
    questions = {"server": None, "url": None, "email": None, "name": None}
    answers = ["../../evil", "files", 'npx "unclosed', "npx -y 'a b'", "nobody", "ada@example.com", ""]
    said = init(tmp_path, asked="\n".join([*answers, ""]), **questions)
    assert said.exit_code == 0, said.output
    assert said.output.count("Error: ") == 3
    settings = load_config(tmp_path / "placet.yaml", {})
    assert settings.servers["files"].command == ("npx", "-y", "a b")
    assert [person.name for person in settings.people.values()] == ["Ada"]


@pytest.mark.parametrize("word", ["true", "null", "007", "1e3", "no"])
def test_a_name_that_yaml_would_take_for_something_else_stays_a_name(tmp_path: Path, word: str) -> None:
    said = init(tmp_path, server=word, agent=word, email=f"{word}@x,{{y}}", name=word)
    assert said.exit_code == 0, said.output
    settings = load_config(tmp_path / "placet.yaml", {})
    assert (list(settings.servers), list(settings.agents)) == ([word], [word])
    assert list(settings.people) == [f"{word}@x,{{y}}"]


@pytest.mark.parametrize("there", sorted(MADE - {".env.example", "placet.db"}))
def test_a_file_that_is_there_stops_it_before_anything_is_written(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    said = init(tmp_path)
    assert said.exit_code == 2
    assert f"{there} is there already" in said.stderr
    assert files(tmp_path) == {there: b"mine"}


def test_force_overwrites_all_but_the_keys(tmp_path: Path) -> None:
    assert init(tmp_path).exit_code == 0
    before = files(tmp_path)
    (tmp_path / "placet.yaml").write_text("mine")
    assert init(tmp_path, "--force").exit_code == 0
    after = files(tmp_path)
    assert after["placet.keys"] == before["placet.keys"]
    assert after["placet.yaml"].startswith(b"# yaml-language-server")
    assert set(after) == MADE


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_env_example_of_somebody_else_is_neither_in_the_way_nor_touched(
    tmp_path: Path, force: tuple[str, ...]
) -> None:
    (tmp_path / ".env.example").write_text("THEIRS=1\n")
    said = init(tmp_path, *force)
    assert said.exit_code == 0, said.output
    assert (tmp_path / ".env.example").read_text() == "THEIRS=1\n"
    assert "SLACK_BOT_TOKEN" in (tmp_path / ".env.placet.example").read_text()


def test_where_both_names_are_taken_the_example_is_left_out_with_a_word(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("THEIRS=1\n")
    (tmp_path / ".env.placet.example").write_text("THEIRS=2\n")
    said = init(tmp_path)
    assert said.exit_code == 0, said.output
    assert (tmp_path / ".env.placet.example").read_text() == "THEIRS=2\n"
    assert "SLACK_BOT_TOKEN" in said.output


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_when_the_database_cannot_be_made_everything_is_as_before(tmp_path: Path, force: tuple[str, ...]) -> None:
    (tmp_path / "placet.db").mkdir()
    if force:
        (tmp_path / "placet.yaml").write_text("mine")
    before = files(tmp_path)
    said = init(tmp_path, *force)
    assert said.exit_code != 0
    assert isinstance(said.exception, SystemExit), said.exception
    assert files(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["placet.db"]


def test_a_folder_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = init(tmp_path / "file")
    assert said.exit_code == 2
    assert "file" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("started_as", "path", "command"),
    [
        pytest.param("{bin}/placet", "{bin}", "placet", id="found on the path"),
        pytest.param(".venv/bin/placet", "/nowhere", ".venv/bin/placet", id="by its place"),
        pytest.param("/opt/a b/placet", "/nowhere", "'/opt/a b/placet'", id="by a place with a space"),
        pytest.param("/x/gateway/__main__.py", "/nowhere", f"{sys.executable} -m gateway", id="as a module"),
        pytest.param("/usr/bin/pytest", "/nowhere", "placet", id="inside of something else"),
    ],
)
def test_the_next_step_is_a_command_that_can_be_run_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started_as: str, path: str, command: str
) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "placet").write_text("#!/bin/sh\n")
    (binaries / "placet").chmod(0o755)
    monkeypatch.setattr(sys, "argv", [started_as.format(bin=binaries)])
    monkeypatch.setitem(os.environ, "PATH", path.format(bin=binaries))
    said = init(tmp_path / "here")
    assert said.exit_code == 0, said.output
    assert f"Start Placet:        {command} serve --config " in said.output
