"""Groups of commands import a command when it is asked for, with the collector of garbage paused just as long."""

from __future__ import annotations

import gc

import click
import pytest

from gateway.cli.lazy import LazyGroup

TABLE = {"version": ("gateway.cli.version", "Print the version."), "gone": ("gateway.cli.no_such_module", "Not there.")}


def test_a_command_is_imported_when_it_is_asked_for() -> None:
    group = LazyGroup(table=TABLE)
    with click.Context(group) as asked:
        assert group.list_commands(asked) == ["version", "gone"]
        assert isinstance(group.get_command(asked, "version"), click.Command)
        assert group.get_command(asked, "unknown") is None
    assert gc.isenabled()


def test_garbage_is_collected_again_after_an_import_that_failed() -> None:
    group = LazyGroup(table=TABLE)
    with click.Context(group) as asked, pytest.raises(ModuleNotFoundError):
        group.get_command(asked, "gone")
    assert gc.isenabled()
