"""The console's fake API keeps the shapes of the real one where it speaks of policies, so the pages cannot drift."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from approvals.web.models_insights import InsightsOut
from approvals.web.models_similar import SimilarOut
from gateway.policy_page import models
from tests.fakes import console_insights, console_similar
from tests.fakes import console_policies as fake
from tests.fakes.console_api import ConsoleFake

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
BOOKS = [
    pytest.param(book, id=f"{scenario} {book.server}")
    for scenario in ("rich", "empty", "hostile")
    for book in fake.books(NOW, scenario).values()
]


@pytest.mark.parametrize("book", BOOKS)
def test_what_the_fake_shows_of_a_policy_is_what_the_service_shows(book: fake.Book) -> None:
    models.ListedPolicyOut.model_validate(fake.listed(book))
    for operator in (True, False):
        models.PolicyOut.model_validate(fake.whole(book, operator=operator))
    for version in book.versions or ():
        models.VersionOut.model_validate({**version.entry(1), "text": version.text})


@pytest.mark.parametrize("text", [fake.PAGE, fake.BROKEN])
def test_what_the_fake_makes_of_a_text_is_what_the_service_makes_of_it(text: str) -> None:
    models.CheckOut.model_validate(fake.checked(text, "page:payments"))


@pytest.mark.parametrize("scenario", ["rich", "empty"])
def test_the_numbers_of_the_fake_have_the_shape_of_the_services(scenario: str) -> None:
    found = InsightsOut.model_validate(console_insights.insights(NOW, scenario))
    assert len(found.load) == 168


@pytest.mark.parametrize("scenario", ["rich", "hostile", "over", "earlier"])
def test_the_earlier_decisions_of_the_fake_have_the_shape_of_the_services(scenario: str) -> None:
    rows = list(ConsoleFake.of(scenario, NOW).requests.values())
    for row in rows:
        SimilarOut.model_validate(console_similar.similar(row, rows))


def test_what_the_fake_says_of_a_call_is_what_the_service_says() -> None:
    book = fake.books(NOW, "rich")["payments"]
    question = {"tool": "refund_payment", "as": "claude-ada"}
    told = fake.explained(book, question, {"amount": 250, "currency": "USD"}, NOW)
    assert models.ExplainOut.model_validate(told).verdict == "require_approval"
    text = fake.PAGE.replace("send_mail: {rate_limit: 30/minute}", "send_mail: {action: require_approval}")
    assert models.ReplayOut.model_validate(fake.replayed(book, text, NOW)).changes
