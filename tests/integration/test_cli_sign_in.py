"""What commands do about signing in: links that are off, and an account of the provider that is freed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from approvals.domain.model import PersonId
from approvals.storage.engine import Database
from gateway.cli.root import main

ISSUER = "https://login.example.com"
CONFIG = f"""
login: {{local: false, oidc: {{issuer: '{ISSUER}', client_id: placet, groups_claim: groups}}}}
people:
  alma@example.com: {{roles: [admin]}}
  ada@example.com: {{roles: [reviewer], groups_from: oidc}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "placet.yaml").write_text(CONFIG)
    return tmp_path


def placet(folder: Path, *arguments: str, who: str = "alma@example.com") -> Result:
    options = ["--config", str(folder / "placet.yaml"), "--as", who]
    return CliRunner().invoke(main, ["people", *arguments, *options])


def test_a_link_is_not_made_where_links_are_off(folder: Path) -> None:
    said = placet(folder, "login-link", "ada@example.com")
    assert said.exit_code == 1
    assert "One-time links are switched off (login.local: false)" in said.stderr


def test_an_account_is_freed_by_an_admin_and_only_where_there_is_one(folder: Path) -> None:
    async def link() -> None:
        async with Database.opened(f"sqlite:///{folder / 'placet.db'}") as db:
            await db.write(lambda tx: tx.identities.link(ISSUER, "sub-1", PersonId("ada@example.com")))

    assert placet(folder, "unlink", "ada@example.com").exit_code == 1
    asyncio.run(link())
    refused = placet(folder, "unlink", "ada@example.com", who="ada@example.com")
    assert (refused.exit_code, "admin" in refused.stderr) == (3, True)
    done = placet(folder, "unlink", "Ada@example.com", "--json")
    assert (done.exit_code, json.loads(done.output)) == (0, {"unlinked": "ada@example.com"})
    assert placet(folder, "unlink", "ada@example.com").exit_code == 1
    said = placet(folder, "add", "zoe@example.com", "--group", "oidc:staff")
    assert (said.exit_code, "given by the identity provider alone" in said.stderr) == (1, True)
