"""`placet policy test`: run the tests that stand in policy files, and say what they leave untried."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import FAILED, config_option, fail, json_option, say
from gateway.cli.policy_files import configured, look_at, stacks
from gateway.cli.policy_text import indented, limits, trace
from gateway.policy.model import Policy
from gateway.policy.source import visible
from gateway.policy.trials import Coverage, TooLong, Tried, coverage, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The tests of one file."""

    policy: Policy
    tried: tuple[Tried, ...]
    left: Coverage

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(not one.passed for one in self.tried)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--junit", type=click.Path(path_type=Path), help="Write the results as JUnit XML to this file.")
@config_option
@json_option
def command(files: tuple[Path, ...], junit: Path | None, config: Path | None, as_json: bool) -> None:
    """Run the tests in policy FILES, or in every policy of the configuration.

    Exit code 1 if one fails. The same tests run whenever a file is loaded: while one fails, the policy that was in
    force before stays in force.
    """
    if not files:
        files = configured(config)
    if not files:
        fail("The configuration names no policy file; name one: placet policy test FILE.")
    reports = [_report(layers) for layers in stacks(files, look_at)]
    failed = sum(report.failed for report in reports)
    say({"ok": not failed, "files": list(map(_json, reports))}, "\n".join(_text(reports)), as_json=as_json)
    if junit is not None:
        _write_junit(junit, reports)
    if failed:
        raise SystemExit(FAILED)


def _report(layers: Sequence[Policy]) -> Report:
    policy = layers[-1]
    try:
        tried = run(layers, policy.tests)
    except TooLong as err:
        line, column = policy.place(err.trial.pointer)
        fail(f"{policy.name}:{line}:{column}: {err} (at {err.trial.pointer})")
    return Report(policy=policy, tried=tried, left=coverage(policy, tried))


def _text(reports: Sequence[Report]) -> list[str]:
    lines = [line for report in reports for line in _lines(report)]
    ran, failed = sum(len(report.tried) for report in reports), sum(report.failed for report in reports)
    return [*lines, f"{ran} test{'' if ran == 1 else 's'}: {ran - failed} ok, {failed} failed"]


def _lines(report: Report) -> list[str]:
    if not report.tried:
        return [f"{report.policy.name}: no tests", ""]
    lines = [f"{report.policy.name}:"]
    for one in report.tried:
        lines.append(f"  {'ok    ' if one.passed else 'FAILED'}  {visible(one.trial.name, 200)[1:-1]}")
        if not one.passed:
            lines += indented(_failure(report.policy, one), "          ")
    for what, rules in (
        ("no test reaches", report.left.unreached),
        ("looked at, but never matched", report.left.unmatched),
    ):
        if rules:
            lines += [f"  {what}:", *indented(rules, "          ")]
    return [*lines, ""]


def _failure(policy: Policy, one: Tried) -> list[str]:
    line, column = policy.place(one.trial.pointer)
    return [
        f"{policy.name}:{line}:{column}",
        *one.failures,
        "every rule considered:",
        *indented(trace(one.final), "  "),
        *(["limits:", *indented(limits(one.final), "  ")] if one.final.standings else []),
    ]


def _json(report: Report) -> dict[str, Any]:
    return {
        "file": report.policy.name,
        "policy_version": report.policy.version,
        "tests": [_trial_json(report.policy, one) for one in report.tried],
        "failed": report.failed,
        "unreached": list(report.left.unreached),
        "unmatched": list(report.left.unmatched),
    }


def _trial_json(policy: Policy, one: Tried) -> dict[str, Any]:
    line, column = policy.place(one.trial.pointer)
    return {
        "name": one.trial.name,
        "test": one.trial.pointer,
        "line": line,
        "column": column,
        "ok": one.passed,
        "failures": list(one.failures),
        "got": one.final.as_json(),
    }


def _write_junit(file: Path, reports: Sequence[Report]) -> None:
    root = ET.Element("testsuites")
    for report in reports:
        counts = {"tests": str(len(report.tried)), "failures": str(report.failed)}
        suite = ET.SubElement(root, "testsuite", {"name": report.policy.name, **counts})
        for one in report.tried:
            line, _ = report.policy.place(one.trial.pointer)
            where = {"classname": report.policy.name, "file": report.policy.name, "line": str(line)}
            case = ET.SubElement(suite, "testcase", {"name": visible(one.trial.name, 200)[1:-1], **where})
            if not one.passed:
                failure = ET.SubElement(case, "failure", {"message": "; ".join(one.failures)})
                failure.text = "\n".join(trace(one.final))
    file.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
