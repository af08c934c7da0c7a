"""Which layers judge when a file takes the place of one: the commands that try a policy on a recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.cli.benches import layers, moment
from gateway.config import load_config
from gateway.policy.model import Policy
from gateway.settings import Settings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DENIES = 'version: "1"\ndefault: deny\n'
SERVERS = {
    "one": "own.yaml",
    "two": "[outer.yaml, own.yaml]",
    "page": "[own.yaml, page]",
    "none": None,
}


def write(folder: Path, name: str, text: str = DENIES) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An organisation's layer, a base that one file extends, and servers with one layer, two, a page, and none."""
    for name in ("organisation.yaml", "outer.yaml", "base.yaml", "new.yaml"):
        write(tmp_path, name)
    write(tmp_path, "own.yaml", f"{DENIES}extends: base.yaml\n")
    servers = "".join(
        f"  {name}: {{url: 'http://127.0.0.1:9/mcp'{f', policy: {files}' if files else ''}}}\n"
        for name, files in SERVERS.items()
    )
    config = write(tmp_path, "placet.yaml", f"policy: organisation.yaml\nservers:\n{servers}")
    return load_config(config, {})


def names(found: tuple[Policy, ...]) -> list[str]:
    return [Path(policy.name).stem if not policy.name.startswith("page:") else "page" for policy in found]


PLACES = [
    ("the only layer, with what it extends", "one", ["new"], None, ["organisation", "new"]),
    ("several files are all layers", "two", ["outer", "new"], None, ["organisation", "outer", "new"]),
    ("the layer of that file", "two", ["own"], None, ["organisation", "outer", "base", "own"]),
    ("the layer that is named", "two", ["new"], "outer.yaml", ["organisation", "new", "base", "own"]),
    ("the page", "page", ["new"], "page", ["organisation", "base", "own", "new"]),
    ("a server that has none", "none", ["new"], None, ["organisation", "new"]),
]


@pytest.mark.parametrize(
    ("server", "new", "layer", "wanted"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_a_file_takes_the_place_of_a_layer(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    new: list[str],
    layer: str | None,
    wanted: list[str],
) -> None:
    folder = settings.file.parent
    monkeypatch.chdir(folder)
    assert names(layers(settings, server, [folder / f"{name}.yaml" for name in new], layer)) == wanted


WRONG = [
    ("of several, none is named", "two", ["new"], None, "Say with --layer which one"),
    ("a layer that is not there", "two", ["new"], "page", "Say with --layer which one"),
    ("a layer for several files", "two", ["new", "own"], "own.yaml", "--layer goes with one file"),
    ("a server that is not there", "three", ["new"], None, "There is no server 'three'"),
]


@pytest.mark.parametrize(("server", "new", "layer", "says"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_where_it_is_not_clear_the_command_ends_with_what_to_say(
    settings: Settings, capsys: pytest.CaptureFixture[str], server: str, new: list[str], layer: str | None, says: str
) -> None:
    folder = settings.file.parent
    with pytest.raises(SystemExit) as ended:
        layers(settings, server, [folder / f"{name}.yaml" for name in new], layer)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


MOMENTS = [
    ("so long ago", "1d", NOW - timedelta(days=1)),
    ("a date", "2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ("a moment", "2026-11-20T10:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
]


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in MOMENTS], ids=[row[0] for row in MOMENTS])
def test_a_moment_is_so_long_ago_or_a_date(text: str, wanted: datetime) -> None:
    assert moment(text, NOW, "--since") == wanted
