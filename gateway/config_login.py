"""How people sign in, in the configuration: `login`, and what must hold of it.

A list that is empty lets nobody in. Groups of the provider are named as it names them here, because here it is the
provider that is spoken of; in policies and `approvals.reviewers` they carry `group_prefix`, so that the provider puts
nobody into a group of the file by naming one of its own alike.
"""

from __future__ import annotations

import importlib.util
import re
from datetime import timedelta
from urllib.parse import urlsplit

from approvals.domain.claims import ClaimRules
from approvals.domain.model import PersonId, Role
from gateway.config_file import ConfigFile, OidcFile
from gateway.config_oauth import check_issuer, check_scopes
from gateway.policy.collecting import Collector, Path
from gateway.settings import OidcSettings

GROUPS_VALID_FOR = timedelta(hours=24)
_FROM = "oidc"
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def oidc_of(shape: ConfigFile) -> OidcSettings | None:
    """The provider as settings."""
    said = shape.login.oidc
    if said is None:
        return None
    configured = (PersonId(key.lower()) for key, person in shape.people.items() if person.groups_from == _FROM)
    return OidcSettings(
        issuer=said.issuer,
        client_id=said.client_id,
        client_secret=said.client_secret,
        name=said.name or urlsplit(said.issuer).netloc,
        scopes=tuple(said.scopes),
        groups_claim=tuple(said.groups_claim or ()),
        admit_groups=frozenset(said.admit_groups),
        admit_domains=_domains(said.admit_domains),
        verified_domains=_domains(said.verified_domains),
        claims=ClaimRules(
            issuer=said.issuer,
            prefix=said.group_prefix,
            valid_for=said.groups_valid_for or GROUPS_VALID_FOR,
            roles={Role(role): frozenset(groups) for role, groups in said.roles.items()},
            configured=frozenset(configured),
        ),
    )


def check_login(checks: Collector, shape: ConfigFile) -> None:
    """Everything that can be wrong with `login`, and with people who take groups from it."""
    said, path = shape.login.oidc, ("login", "oidc")
    if said is None:
        _without(checks, shape)
        return
    if importlib.util.find_spec("joserfc") is None:
        checks.problem(path, "login.oidc needs the package joserfc", "install it: pip install 'placet[oidc]'")
    check_issuer(checks, said.issuer, path)
    check_scopes(checks, said.scopes, path)
    if "openid" not in said.scopes:
        checks.problem((*path, "scopes"), "without the scope openid there is no ID token")
    _groups(checks, shape, said, path)
    for name, person in shape.people.items():
        for index, group in enumerate(person.groups):
            if said.group_prefix and group.startswith(said.group_prefix):
                message = f"{group!r} is given by the identity provider alone (login.oidc.group_prefix)"
                checks.problem(("people", name, "groups", index), message)
    for key in ("admit_domains", "verified_domains"):
        wrong = [(n, one) for n, one in enumerate(getattr(said, key)) if not _DOMAIN.fullmatch(one)]
        for index, domain in wrong:
            checks.problem((*path, key, index), f"{domain!r} is not a domain; write it whole, such as example.com")
    if said.groups_valid_for is not None and not said.groups_valid_for:
        checks.problem((*path, "groups_valid_for"), "groups hold for longer than nothing")


def _without(checks: Collector, shape: ConfigFile) -> None:
    if not shape.login.local:
        checks.problem(("login", "local"), "without one-time links nobody could sign in", "add login.oidc")
    for key, person in shape.people.items():
        if person.groups_from == _FROM:
            checks.problem(("people", key, "groups_from"), "there is no login.oidc to take groups from")


def _groups(checks: Collector, shape: ConfigFile, said: OidcFile, path: Path) -> None:
    takes = [key for key, person in shape.people.items() if person.groups_from == _FROM]
    needs: dict[Path, bool] = {
        (*path, "roles"): bool(said.roles),
        (*path, "admit_groups"): bool(said.admit_groups),
        **{("people", key, "groups_from"): True for key in takes},
    }
    if not said.groups_claim:
        for place, needed in needs.items():
            if needed:
                checks.problem(place, "this needs login.oidc.groups_claim: it says where the groups stand")
    for role, groups in said.roles.items():
        if not groups:
            checks.problem((*path, "roles", role), "name at least one group, or take the role out")


def _domains(said: list[str]) -> frozenset[str]:
    return frozenset(one.lower() for one in said)
