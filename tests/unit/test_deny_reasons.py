"""The reasons offered with a denial: what a deployment may choose, and what becomes of the choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.channels.slack_views import deny
from approvals.domain.deny_reasons import LONGEST, MOST, USUAL, joined, why_not, why_not_these
from approvals.testing import samples
from gateway.config import ConfigErrors, load_config

CONFIG = """keys: {file: placet.keys}
approvals:
  deny_reasons:
    - Not on a Friday
    - %s
"""


@pytest.mark.parametrize(
    ("chosen", "own", "reason"),
    [
        pytest.param(None, None, None, id="neither"),
        pytest.param("Not now.", None, "Not now.", id="a choice"),
        pytest.param(None, "  wait  ", "wait", id="own words"),
        pytest.param("Not now.", "wait", "Not now. wait", id="both"),
        pytest.param(" ", "", None, id="space is none"),
    ],
)
def test_a_reason_is_what_was_chosen_and_the_persons_words(
    chosen: str | None, own: str | None, reason: str | None
) -> None:
    assert joined(chosen, own) == reason


def test_ours_keep_to_the_limits() -> None:
    assert why_not_these(USUAL) is None
    assert [why_not(one) for one in USUAL] == [None] * len(USUAL)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        pytest.param('""', "1 to 75 characters, this has 0", id="empty"),
        pytest.param("x" * (LONGEST + 1), "1 to 75 characters, this has 76", id="too long"),
        pytest.param('" wait"', "without space around it", id="space"),
        pytest.param('"wait\\u202e"', r"the character U\+202E cannot be seen", id="invisible"),
        pytest.param('"wait\\nlonger"', r"the character U\+000A cannot be seen", id="two lines"),
    ],
)
def test_a_reason_that_will_not_do_is_refused_with_its_line(tmp_path: Path, written: str, why: str) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(CONFIG % written)
    with pytest.raises(ConfigErrors, match=rf"placet\.yaml:5:7: .*{why}"):
        load_config(file, {})


@pytest.mark.parametrize(
    ("reasons", "why"),
    [
        pytest.param([f"{n}" for n in range(MOST + 1)], "at most 9 reasons, these are 10", id="too many"),
        pytest.param(["a", "b", "a"], "'a' is there twice", id="twice"),
    ],
)
def test_a_list_that_will_not_do_is_refused_with_its_line(tmp_path: Path, reasons: list[str], why: str) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(f"keys: {{file: placet.keys}}\napprovals: {{deny_reasons: {reasons!r}}}\n".replace("'", '"'))
    with pytest.raises(ConfigErrors, match=rf"placet\.yaml:2:\d+: .*{why}"):
        load_config(file, {})


@pytest.mark.parametrize(
    ("said", "taken"),
    [("", USUAL), ("approvals: {deny_reasons: []}\n", ()), ('approvals: {deny_reasons: ["No."]}\n', ("No.",))],
)
def test_what_the_file_says_is_offered_and_ours_where_it_says_nothing(
    tmp_path: Path, said: str, taken: tuple[str, ...]
) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(f"keys: {{file: placet.keys}}\n{said}")
    assert load_config(file, {}).approvals.deny_reasons == taken


def test_slack_offers_each_and_only_own_words_where_there_is_none() -> None:
    some, none = deny(samples.card(), ("No.", "Later.")), deny(samples.card(), ())
    (radios,) = [block["element"] for block in some["blocks"] if block["block_id"] == "preset"]
    assert [(one["text"]["text"], one["value"]) for one in radios["options"]] == [("No.", "No."), ("Later.", "Later.")]
    assert [block["block_id"] for block in none["blocks"]] == ["what", "words"]
