"""A few runs of the machine with every run of the tests; `make machine RUNS=5000` makes as many as it is told to."""

from __future__ import annotations

from tests.properties.desk_machine.long_run import several
from tests.properties.desk_machine.rules import DeskMachine

TestDeskMachine = DeskMachine.TestCase
TestDeskMachine.settings = several(30, steps=20)
