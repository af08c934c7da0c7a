"""The `placet` command: finds the command asked for and imports nothing else.

Each noun is one module with one click command named `command`; it is imported when it is run,
so that `placet --help` and `placet version` answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import click

from gateway.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("gateway.cli.demo", "See the whole story in five minutes: no account, no key, nothing to set up."),
    "init": ("gateway.cli.init", "Write a configuration to start from, and a link that signs you in."),
    "serve": ("gateway.cli.serve", "Run the gateway and the web console."),
    "check": ("gateway.cli.check", "Say everything that is wrong with the configuration and its policies."),
    "config": ("gateway.cli.config", "Print the effective configuration or its JSON Schema."),
    "policy": ("gateway.cli.policy", "Write, check, test, explain, compare and try policies."),
    "agents": ("gateway.cli.agents", "Add agents, rotate and revoke their tokens."),
    "people": ("gateway.cli.people", "Add people, make sign-in links and tokens."),
    "servers": ("gateway.cli.servers", "List upstream servers and tools; accept a tool that changed; sign in."),
    "requests": ("gateway.cli.requests", "List, show and decide the calls that wait."),
    "freeze": ("gateway.cli.freeze", "Stop every agent at once, or one, or one server; end that."),
    "messages": ("gateway.cli.messages", "List cards and events that could not be delivered, and try them again."),
    "grants": ("gateway.cli.grants", "List the standing grants, look at one, take one back."),
    "raises": ("gateway.cli.raises", "List the limits that people have raised for a while; take a raise back."),
    "break-glass": ("gateway.cli.break_glass", "Let calls that need approval run without it for a while."),
    "stdio": ("gateway.cli.stdio", "Bridge a stdio MCP client to the gateway."),
    "slack": ("gateway.cli.slack", "Print the app manifest to install in Slack."),
    "audit": ("gateway.cli.audit", "Verify the audit chain, and export it."),
    "receipt": ("gateway.cli.receipt", "Print the signed receipt of a request, and check one offline."),
    "keys": ("gateway.cli.keys", "List, rotate and give up the keys that what is stored is sealed with."),
    "db": ("gateway.cli.db", "Upgrade or back up the database."),
    "version": ("gateway.cli.version", "Print the version."),
}


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="placet", prog_name="placet", message="%(prog)s %(version)s")
def main() -> None:
    """Placet, the approval gateway for AI agents.

    It stands between agents and MCP servers: every tool call passes a policy, and a call that needs a person waits
    until somebody says yes. Start with `placet demo`.

    Exit codes: 0 ok, 1 failed check, 2 usage, 3 denied, 4 expired.
    """
