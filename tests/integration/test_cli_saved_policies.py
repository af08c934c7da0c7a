"""`placet policy save|versions|rollback|export|status` and `placet check`, beside no service and beside one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from approvals.storage.engine import Database
from approvals.storage.policies import digest
from gateway.cli.root import main
from tests.fakes.keys import VAULT

POLICY = 'version: "1"\ndefault: deny\ntools: {read: {}} # Grüße\n'
ASKS = 'version: "1"\ndefault: deny\ntools: {pay: {action: require_approval}}\n'
CONFIG = """\
servers:
  shop: {url: http://127.0.0.1:1/mcp, policy: [base.yaml, page]}
  bank: {url: http://127.0.0.1:1/mcp, policy: base.yaml}
  bare: {url: http://127.0.0.1:1/mcp}
people:
  ada@example.com: {roles: [reviewer, operator]}
  bob@example.com: {roles: [reviewer, admin, auditor, viewer]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "placet.yaml").write_text(CONFIG)
    (tmp_path / "base.yaml").write_text('version: "1"\ndefault: allow\n')
    return tmp_path


def placet(folder: Path, *arguments: str, sent: str = "", person: str = "ada@example.com") -> Result:
    options = ["--config", str(folder / "placet.yaml")]
    return CliRunner(env={"PLACET_PERSON": person}).invoke(main, [*arguments, *options], input=sent)


def save(folder: Path, text: str = POLICY, *more: str, person: str = "ada@example.com", server: str = "shop") -> Result:
    return placet(folder, "policy", "save", server, "-", *more, sent=text, person=person)


def numbers(folder: Path) -> list[tuple[int, int | None, str | None]]:
    said = placet(folder, "policy", "versions", "shop", "--json")
    return [(one["number"], one["restores"], one["note"]) for one in json.loads(said.output)["versions"]]


def test_a_policy_is_saved_listed_brought_back_and_exported_as_it_was(folder: Path) -> None:
    assert placet(folder, "policy", "versions", "shop").output == "Nothing was saved yet for shop.\n"
    assert save(folder, POLICY, "--note", "to begin with").output == "Version 1 of the policy of shop is saved.\n"
    assert save(folder, POLICY.replace("read", "write")).exit_code == 0
    back = placet(folder, "policy", "rollback", "shop", "1", "--note", "too loose")
    assert back.output == "Version 3 of the policy of shop is saved; it is version 1 once more.\n"
    assert numbers(folder) == [(3, 1, "too loose"), (2, None, None), (1, None, "to begin with")]
    assert placet(folder, "policy", "export", "shop").output == POLICY
    written = placet(folder, "policy", "export", "shop", "--number", "2", "--output", str(folder))
    assert (folder / "shop.yaml").read_text() == POLICY.replace("read", "write")
    assert written.output == f"Version 2 of the policy of shop is in {folder / 'shop.yaml'}.\n"
    assert "restores 1; too loose" in placet(folder, "policy", "versions", "shop").output


@pytest.mark.parametrize(
    ("text", "server", "person", "code", "said"),
    [
        pytest.param(POLICY + "freez: 1\n", "shop", "ada", 1, "page:shop:4:1: unknown key 'freez'", id="no policy"),
        pytest.param(POLICY + "#" * 200_000, "shop", "ada", 1, "a policy of that size is a file", id="too long"),
        pytest.param(ASKS, "shop", "ada", 1, "and nobody is named to give it", id="nobody to ask"),
        pytest.param(POLICY, "shop", "bob", 3, "that takes the operator role", id="no operator"),
        pytest.param(POLICY, "shop", "eve", 2, "There is no person eve@example.com", id="nobody"),
        pytest.param(POLICY, "shp", "ada", 2, "There are: shop, bank, bare.", id="no such server"),
        pytest.param(POLICY, "bank", "ada", 1, "write `policy: [base.yaml, page]` under servers.bank", id="files only"),
        pytest.param(POLICY, "bare", "ada", 1, "write `policy: page` under servers.bare", id="no policy yet"),
    ],
)
def test_what_cannot_be_saved_is_refused_in_words(
    folder: Path, text: str, server: str, person: str, code: int, said: str
) -> None:
    refused = save(folder, text, person=f"{person}@example.com", server=server)
    assert (refused.exit_code, said in refused.stderr) == (code, True), refused.stderr
    assert numbers(folder) == []


def test_a_version_that_the_configuration_has_left_behind_can_be_replaced(folder: Path) -> None:
    with_reviewers = CONFIG + "approvals: {reviewers: [ada@example.com]}\n"
    (folder / "placet.yaml").write_text(with_reviewers)
    assert save(folder).exit_code == 0
    assert save(folder, ASKS).exit_code == 0
    (folder / "placet.yaml").write_text(CONFIG)
    assert "page:shop:3:23" in placet(folder, "check").output
    assert placet(folder, "policy", "rollback", "shop", "1").exit_code == 0
    assert placet(folder, "check").exit_code == 0


@pytest.mark.parametrize("arguments", [["export", "shop"], ["rollback", "shop", "1"]])
def test_a_version_that_is_not_there_is_named(folder: Path, arguments: list[str]) -> None:
    said = placet(folder, "policy", *arguments)
    assert (said.exit_code, said.stderr.startswith(("Nothing was saved yet", "There is no version 1"))) == (1, True)


def test_without_a_service_there_is_nothing_to_compare(folder: Path) -> None:
    said = placet(folder, "policy", "status")
    assert (said.exit_code, said.output) == (0, "No service runs on this database.\n")


def test_what_a_running_process_enforces_is_compared_with_the_files(folder: Path) -> None:
    assert save(folder).exit_code == 0
    base = folder / "base.yaml"
    layers = [
        {"server": "shop", "layer": str(base), "sha256": digest(base.read_text()), "page": None},
        {"server": "shop", "layer": "page:shop", "sha256": digest(POLICY), "page": 1},
    ]

    async def tell() -> None:
        async with Database.opened(f"sqlite:///{folder / 'placet.db'}", VAULT) as db:
            said = {"difference": None, "layers": layers}
            await db.write(lambda tx: tx.replicas.tell("host:1", tx.now, said))

    asyncio.run(tell())
    assert placet(folder, "policy", "status").exit_code == 0
    enforced = digest(base.read_text())
    base.write_text('version: "1"\ndefault: deny\n')
    on_disk = digest(base.read_text())
    said = placet(folder, "policy", "status")
    assert said.exit_code == 1
    assert said.output.splitlines() == [
        "host:1",
        f"  shop: {base} enforced {enforced[:12]}, on disk {on_disk[:12]}  DIFFERS",
        f"  shop: page:shop enforced {digest(POLICY)[:12]}, version 1",
    ]
    (layer, _) = json.loads(placet(folder, "policy", "status", "--json").output)["processes"][0]["layers"]
    assert (layer["enforced"], layer["on_disk"], layer["differs"]) == (enforced, on_disk, True)
    sentence = f"{base} on disk ({on_disk[:12]}) is not the policy in force for shop ({enforced[:12]})."
    assert f"note: host:1: {sentence}" in placet(folder, "check").output
    base.write_text("nonsense: 1\n")
    said = placet(folder, "check")
    assert (said.exit_code, "is not the policy in force for shop" in said.output) == (1, True)
