"""`placet policy`: the group; each command of it has a file of its own."""

from __future__ import annotations

from collections.abc import Mapping

import click

from gateway.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "scan": ("gateway.cli.policy_scan", "Say what each tool of a server does, and the rule to begin with."),
    "init": ("gateway.cli.policy_init", "Write a policy to begin with, with the evidence for each rule."),
    "check": ("gateway.cli.policy_check", "Say everything that is wrong with policy files."),
    "test": ("gateway.cli.policy_test", "Run the tests in policy files."),
    "diff": ("gateway.cli.policy_diff", "Say what one policy says otherwise than another."),
    "convert": ("gateway.cli.policy_convert", "Write a policy in another published format, or in ours."),
    "explain": ("gateway.cli.policy_explain", "Print the ruling on a call, with every rule considered."),
    "replay": ("gateway.cli.policy_replay", "Judge recorded calls again by another policy, and say what would change."),
    "shadow": ("gateway.cli.policy_shadow", "Say what entries in shadow would have done."),
    "suggest": ("gateway.cli.policy_suggest", "Suggest rules by what people decided."),
    "status": ("gateway.cli.policy_status", "Compare what is enforced with the files on disk."),
    "versions": ("gateway.cli.policy_versions", "List what was saved on the page of a server."),
    "save": ("gateway.cli.policy_save", "Save a file as the next version of a page."),
    "rollback": ("gateway.cli.policy_rollback", "Put an earlier version of a page in force again."),
    "export": ("gateway.cli.policy_export", "Print the policy of a page as a file."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Write, check, test, explain, compare and try policies."""
