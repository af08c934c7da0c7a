"""The console in a real Chromium over its fake API: it draws, it decides, it never lies, it never runs foreign text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled
from tests.fakes import console_samples as samples

Screens = Callable[..., Screen]


PLAIN, MAIL, QUORUM, OWN, DESTRUCTIVE, HOSTILE, LISTS, LONG = (request_id(n) for n in range(1, 9))


def test_a_server_opens_into_its_tools(screen: Screen) -> None:
    page = settled(screen, "/servers")
    expect(page.get_by_role("table")).not_to_contain_text("Last asked")
    page.get_by_role("link", name="payments").click()
    expect(page.get_by_role("heading", name="Tools of payments")).to_be_visible()
    table = page.get_by_role("table")
    expect(table.get_by_role("row", name="refund_payment")).to_contain_text("financial")
    expect(table.get_by_role("row", name="delete_customer")).to_contain_text("Hidden")
    expect(table.get_by_role("row", name="run_report")).to_contain_text("its input schema is not valid")
    expect(table.get_by_role("row", name="send_receipt")).to_contain_text("it changed since it was accepted")
    table.get_by_text("Definition").first.click()
    expect(table).to_contain_text('"inputSchema"')


def test_a_tool_shows_the_exact_words_the_rule_now_and_one_to_begin_with(screen: Screen) -> None:
    page = settled(screen, "/servers?name=payments")
    refund = page.get_by_role("row", name="refund_payment")
    expect(refund.locator("q", has_text="Pay money back")).to_be_visible()
    expect(refund).to_contain_text("parameter")
    expect(refund).to_contain_text("high confidence")
    expect(refund).to_contain_text("Depends on the call")
    expect(refund).to_contain_text("/tools/refund_payment/approve_if/0")
    expect(refund).to_contain_text("5000 of args.amount per day, by agent on this server")
    expect(refund).to_contain_text("A person decides: Money moves")
    expect(page.get_by_role("row", name="delete_customer").locator(".finding")).to_contain_text("readOnlyHint")
    expect(page.get_by_role("row", name="close_month")).to_contain_text("by the policy; its words say write, medium")


def test_the_rule_to_begin_with_is_copied(screens: Screens) -> None:
    screen = screens(permissions=["clipboard-read", "clipboard-write"])
    page = settled(screen, "/servers?name=payments")
    page.get_by_role("button", name="Copy the rule for refund_payment").click()
    expect(page.get_by_role("row", name="refund_payment")).to_contain_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == "tools:\n  refund_payment: {action: require_approval, reason: Money moves}\n"


def test_tools_are_found_filtered_and_ordered_and_the_address_keeps_it(screen: Screen) -> None:
    page = settled(screen, "/servers?name=payments")
    names = page.locator("tbody .mono.strong")
    expect(names).to_have_text(
        ["refund_payment", "delete_customer", "run_report", "send_receipt", "close_month", "find_order"]
    )
    page.get_by_role("combobox", name="Order").select_option("name")
    expect(names.first).to_have_text("close_month")
    page.get_by_role("combobox", name="Class").select_option("read")
    expect(names).to_have_text(["close_month", "find_order"])
    expect(page.get_by_role("status").filter(has_text="2 of 6 tools")).to_be_visible()
    page.reload()
    expect(names).to_have_text(["close_month", "find_order"])
    page.get_by_role("searchbox", name="Search").fill("number")
    expect(names).to_have_text(["find_order"])
    page.get_by_role("searchbox", name="Search").fill("nothing has this")
    expect(page.get_by_text("None of these.")).to_be_visible()
    page.get_by_role("searchbox", name="Search").fill("")
    page.get_by_role("combobox", name="Class").select_option("")
    page.get_by_label("To look at (3)").check()
    expect(names).to_have_text(["delete_customer", "run_report", "send_receipt"])
    page.get_by_label("To look at (3)").uncheck()
    page.get_by_role("combobox", name="Rule now").select_option("depends")
    expect(names).to_have_text(["refund_payment"])


@pytest.mark.parametrize("scenario", ["hostile"])
def test_what_a_server_says_of_its_tools_is_text(screen: Screen) -> None:
    page = settled(screen, "/servers?name=payments")
    expect(page.get_by_role("table")).to_contain_text("<script>alert(2)</script>")
    expect(page.locator(".tool .hid").first).to_be_visible()
    assert page.locator("main script, main img").count() == 0


@pytest.mark.parametrize("scenario", ["hostile"])
def test_a_hundred_thousand_letters_without_a_space_do_not_hang_the_page(screen: Screen) -> None:
    page = settled(screen, f"/requests/{PLAIN}")
    expect(page.get_by_role("button", name="Show the other 96,000 characters")).to_be_visible()


@pytest.mark.parametrize("scenario", ["empty"])
def test_an_empty_inbox_tells_the_last_decision_and_how_each_channel_is_doing(screen: Screen) -> None:
    page = settled(screen, "/")
    expect(page.locator(".empty")).to_contain_text("by ben@example.com")
    expect(page.locator(".parts li", has_text="Slack")).to_contain_text("delivers")


def test_what_happened_before_the_feed_opened_is_not_missed(screen: Screen, console: RunningConsole) -> None:
    held: list[Route] = []
    screen.page.route("**/api/v1/events", lambda route: held.append(route))
    page = settled(screen, f"/requests/{MAIL}")
    expect(page.get_by_role("button", name="Approve and run send_mail")).to_be_enabled()
    expect(page.locator("#live")).to_have_attribute("data-state", "starting")
    console.call(lambda: console.fake.record(MAIL, samples.vote(samples.BEN, "approve", datetime.now(UTC))))
    held[0].continue_()
    expect(page.locator(".verdict")).to_contain_text("Approved by ben@example.com")


def test_what_is_wrong_with_the_service_comes_and_goes_while_a_page_is_open(
    screen: Screen, console: RunningConsole
) -> None:
    screen.page.clock.install()
    page = settled(screen, "/servers")
    notices = page.locator("#notices")
    expect(notices).to_contain_text("Slack did not answer for 4 minutes")
    console.fake.notices = [{"level": "error", "text": 'A "file" on disk is not the policy in force.'}]
    page.clock.fast_forward(31_000)
    expect(notices).to_contain_text('A "file" on disk is not the policy in force.')
    expect(notices).not_to_contain_text("Slack did not answer")


def test_a_call_is_approved_with_the_keyboard_alone(screen: Screen, console: RunningConsole) -> None:
    page = settled(screen, f"/?open={MAIL}")
    expect(page.get_by_role("button", name="Approve and run send_mail")).to_be_enabled()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_contain_text("Approve send_mail?")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("Approved by you@example.com via web")
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_have_count(0)
    assert console.fake.requests[MAIL]["state"] == "approved"


@pytest.mark.parametrize(("roles", "count"), [(["viewer"], 0), (["auditor", "viewer"], 0), (["reviewer"], 1)])
def test_who_only_reads_is_not_offered_to_comment(
    screen: Screen, console: RunningConsole, roles: list[str], count: int
) -> None:
    console.fake.me["roles"] = roles
    page = settled(screen, f"/requests/{PLAIN}")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.get_by_role("button", name="Comment…")).to_have_count(count)


def test_the_reasons_of_a_denial_are_those_of_the_deployment(screen: Screen, console: RunningConsole) -> None:
    console.fake.deny_reasons = ("Not on a Friday.", "Ask finance first.")
    page = settled(screen, f"/requests/{MAIL}")
    page.keyboard.press("d")
    choices = page.get_by_role("dialog").locator("label.choice")
    expect(choices).to_have_text(["Not on a Friday.1", "Ask finance first.2"])
    page.keyboard.press("Escape")
    console.fake.deny_reasons = ()
    page.reload()
    expect(page.get_by_role("button", name="Deny and tell the agent")).to_be_enabled()
    page.keyboard.press("d")
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
    expect(choices).to_have_count(0)


def test_a_call_is_denied_with_a_preset_reason_and_the_keyboard_alone(screen: Screen, console: RunningConsole) -> None:
    page = settled(screen, f"/requests/{MAIL}")
    expect(page.get_by_role("button", name="Deny and tell the agent")).to_be_enabled()
    page.keyboard.press("d")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("Denied by you@example.com")
    expect(page.locator(".verdict")).to_contain_text("Not needed for this task.")
    assert console.fake.requests[MAIL]["votes"][0]["reason"] == "Not needed for this task."


def test_the_focus_moves_to_the_next_row_after_a_decision(screen: Screen) -> None:
    page = settled(screen, f"/?open={MAIL}")
    expect(page.get_by_role("button", name="Approve and run")).to_be_visible()
    page.keyboard.press("d")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator("a.row:focus")).to_have_count(1)
    expect(page.locator("a.row:focus")).not_to_have_attribute("data-id", MAIL)


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_who_loses_a_race_reads_who_won_and_gets_the_record(
    screen: Screen, console: RunningConsole, answer: str
) -> None:
    theirs = {"approve": "deny", "deny": "approve"}[answer]
    console.fake.before_decision = samples.vote(
        samples.BEN, theirs, datetime.now(UTC), via="slack", reason="Seen it first"
    )
    screen.expected = ("status of 409",)
    page = settled(screen, f"/requests/{MAIL}")
    page.get_by_role("button", name={"approve": "Approve and run", "deny": "Deny and tell"}[answer]).click()
    if answer == "deny":
        page.get_by_role("dialog").get_by_role("button", name="Deny and tell").click()
    expect(page.locator(".slot-said")).to_contain_text("by ben@example.com")
    expect(page.locator(".slot-said")).to_contain_text("was not recorded")
    expect(page.locator(".verdict")).to_contain_text("by ben@example.com via slack")
    expect(page.locator(".decision")).to_have_count(0)
    assert len(console.fake.requests[MAIL]["votes"]) == 1


def test_a_decision_given_elsewhere_closes_the_open_dialog_and_shows_the_record(
    screen: Screen, console: RunningConsole
) -> None:
    page = settled(screen, f"/requests/{MAIL}")
    page.keyboard.press("d")
    expect(page.get_by_role("dialog")).to_be_visible()
    console.call(lambda: console.fake.record(MAIL, samples.vote(samples.BEN, "approve", datetime.now(UTC))))
    expect(page.locator(".verdict")).to_contain_text("Approved by ben@example.com")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_answer_to_a_servers_question_is_not_shown_as_a_call(screen: Screen, console: RunningConsole) -> None:
    asked = [{"asked": {"message": "How many?"}, "answered": {"action": "accept", "content": {"copies": 2}}}]
    row = {**console.fake.requests[MAIL], "answer_to": PLAIN, "arguments": {"arguments": {}, "elicitation": asked}}
    console.call(lambda: console.fake.add(row))
    page = settled(screen, f"/requests/{MAIL}")
    head = page.locator(".request-head")
    expect(head).to_contain_text("made this call")
    expect(head).to_contain_text("In the middle of it the server asked a question (that call is approved)")
    expect(head.get_by_role("link", name="that call")).to_have_attribute("href", f"/requests/{PLAIN}")
    expect(page.get_by_text("Once approved, the answer goes to it at once, exactly as shown.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve this answer")).to_be_enabled()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_contain_text("Approve the answer in send_mail?")


def test_hostile_text_is_shown_as_text_with_nothing_hidden(screen: Screen) -> None:
    page = settled(screen, f"/requests/{HOSTILE}")
    arguments = page.locator(".args").first
    expect(arguments).to_contain_text("<img src=x onerror=alert(1)><script>alert(2)</script>")
    for code in ("U+202E", "U+200B", "U+2066", "U+2069", "U+E0041", "U+001B"):
        expect(arguments.locator(".hid", has_text=code).first).to_be_visible()
    expect(arguments.locator(".odd")).to_have_count(2)
    expect(page.locator(".args-warning")).to_contain_text("hidden characters and 2 look-alike letters")
    assert page.locator("main img, main script, main iframe").count() == 0
    unmarked = page.evaluate("document.querySelector('main').textContent.match(/[\\p{Cf}\\p{Co}\\x1b]/u)")
    assert unmarked is None


def test_a_high_risk_call_asks_again_and_does_not_put_the_focus_on_yes(screen: Screen, console: RunningConsole) -> None:
    page = settled(screen, f"/requests/{PLAIN}")
    page.get_by_role("button", name="Approve and run refund_payment").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Approve refund_payment?")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    assert console.fake.requests[PLAIN]["state"] == "pending"
    dialog.get_by_role("button", name="Approve and run refund_payment").click()
    expect(page.locator(".verdict")).to_contain_text("Approved by you@example.com")


def test_a_destructive_call_takes_the_typed_tool_name_and_no_single_key(
    screen: Screen, console: RunningConsole
) -> None:
    page = settled(screen, f"/requests/{DESTRUCTIVE}")
    button = page.get_by_role("button", name="Approve drop_table")
    expect(button).to_be_enabled()
    page.keyboard.press("a")
    expect(button).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    button.click()
    sure = page.get_by_role("dialog").get_by_role("button", name="Approve drop_table")
    expect(sure).to_be_disabled()
    page.get_by_role("dialog").get_by_role("textbox").fill("drop_table")
    sure.click()
    expect(page.locator(".verdict")).to_contain_text("Approved by you@example.com")
    assert console.fake.requests[DESTRUCTIVE]["state"] == "approved"


@pytest.mark.must_have(19)
@pytest.mark.pain(14)
def test_long_arguments_open_approval_only_after_everything_was_unfolded_and_reached(screen: Screen) -> None:
    page = settled(screen, f"/requests/{LONG}")
    approve = page.get_by_role("button", name="Approve and run import_rows")
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".decision-why")).to_contain_text("Open what is folded")
    for folded in ("other .* characters", "other .* lines"):
        page.get_by_role("button", name=re.compile(folded)).focus()
        page.keyboard.press("Enter")
    expect(page.locator(".decision-why")).to_contain_text("to the end first")
    page.locator(".args-end").scroll_into_view_if_needed()
    page.mouse.move(600, 400)
    page.mouse.wheel(0, 40_000)
    expect(approve).not_to_have_attribute("aria-disabled", "true")


def test_one_of_several_votes_is_recorded_without_pretending_that_it_ran(screen: Screen) -> None:
    page = settled(screen, f"/requests/{QUORUM}")
    page.get_by_role("button", name="Approve new_order, 1 more needed").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve new_order").click()
    expect(page.locator(".decision-why")).to_contain_text("Your vote is recorded")
    expect(page.locator(".request-kind")).to_contain_text("Held")
    expect(page.locator(".needs")).to_contain_text("2 of 2 from finance")


def test_a_person_who_may_not_decide_reads_why(screen: Screen) -> None:
    page = settled(screen, f"/requests/{OWN}")
    expect(page.locator(".decision-why")).to_contain_text("You may not decide this")
    expect(page.get_by_role("button", name="Deny and tell the agent")).to_have_attribute("aria-disabled", "true")


def test_more_time_can_be_given_with_a_key(screen: Screen, console: RunningConsole) -> None:
    before = console.fake.requests[MAIL]["expires_at"]
    page = settled(screen, f"/requests/{MAIL}")
    expect(page.locator(".decision-time")).to_contain_text(":")
    page.keyboard.press("+")
    expect(page.locator(".decision-time")).to_contain_text("16 min left")
    assert console.fake.requests[MAIL]["expires_at"] > before


def test_what_became_of_an_unknown_is_noted_with_words(screen: Screen, console: RunningConsole) -> None:
    unknown = request_id(23)
    page = settled(screen, f"/requests/{unknown}")
    page.get_by_role("button", name="It did not run").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Not in the ledger of the bank")
    page.get_by_role("dialog").get_by_role("button", name="Note that it did not run").click()
    expect(page.locator(".verdict")).to_contain_text("a person noted that it did not run")
    assert console.fake.requests[unknown]["cause"] == "resolved_did_not_run"


def test_offline_closes_the_buttons_with_the_reason(screen: Screen) -> None:
    page = settled(screen, f"/requests/{MAIL}")
    expect(page.get_by_role("button", name="Deny and tell the agent")).to_be_enabled()
    page.context.set_offline(True)
    expect(page.locator(".decision-why")).to_contain_text("You are offline")
    expect(page.get_by_role("button", name="Deny and tell the agent")).to_have_attribute("aria-disabled", "true")
    page.context.set_offline(False)
    expect(page.locator(".decision-why")).to_contain_text("The agent is waiting")
    screen.expected = ("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK")


@pytest.mark.parametrize("scenario", ["many"])
def test_new_rows_wait_behind_a_button_while_the_list_is_being_read(screen: Screen, console: RunningConsole) -> None:
    page = settled(screen, "/")
    expect(page.locator("a.row")).to_have_count(100)
    scroller = page.locator(".list-scroll")
    top = scroller.evaluate("(element) => (element.scrollTop = 2000)")
    console.call(lambda: console.fake.add(samples.sample(9001, datetime.now(UTC), age=0, tool="fresh_tool")))
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(page.locator("a.row", has_text="fresh_tool")).to_have_count(0)
    assert scroller.evaluate("(element) => element.scrollTop") == top
    page.get_by_role("button", name="1 new").click()
    expect(page.locator("a.row").first).to_contain_text("fresh_tool")


def test_the_count_stands_in_the_title_and_in_the_tab_picture(screen: Screen, console: RunningConsole) -> None:
    page = settled(screen, "/history")
    expect(page).to_have_title("(8) History · Placet")
    expect(page.locator("#favicon")).to_have_attribute("href", "/static/icons/tab-8.svg")
    console.call(lambda: console.fake.record(MAIL, samples.vote(samples.BEN, "deny", datetime.now(UTC))))
    expect(page).to_have_title("(7) History · Placet")


def test_single_keys_can_be_turned_off_and_never_act_in_inputs(screen: Screen) -> None:
    page = settled(screen, f"/?open={MAIL}")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("ad")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.locator(".request-title").focus()
    page.keyboard.press("d")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_history_pages_by_cursor_searches_and_downloads_what_is_shown(screen: Screen) -> None:
    page = settled(screen, "/history?q=refund")
    expect(page.locator("tbody tr").first).to_be_visible()
    shown = page.locator("tbody tr").count()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    lines = waiting.value.path().read_bytes().decode().split("\r\n")
    assert lines[0].startswith("id,state,cause,server,tool")
    assert len(lines) == shown + 2
    assert waiting.value.suggested_filename.endswith(".csv")


@pytest.mark.parametrize("scenario", ["many"])
def test_older_pages_of_the_history_are_real_addresses(screen: Screen) -> None:
    page = settled(screen, "/history")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page).to_have_url(re.compile(r"cursor=50"))
    expect(page.locator("tbody")).to_contain_text("customer-50")
    page.go_back()
    expect(page.locator("tbody")).to_contain_text("customer-0")


def test_the_sign_in_link_is_spent_by_the_button_not_by_opening_it(screen: Screen, console: RunningConsole) -> None:
    console.fake.signed_in = False
    page = settled(screen, "/login?next=/history#good-token")
    assert "good-token" not in page.url
    assert console.fake.signed_in is False
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"]
)
def test_signing_in_never_leads_to_another_site(screen: Screen, target: str) -> None:
    page = settled(screen, f"/login?next={target}#good-token")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def test_without_a_session_every_page_leads_to_sign_in_and_back(screen: Screen, console: RunningConsole) -> None:
    console.fake.signed_in = False
    screen.expected = ("status of 401",)
    page = settled(screen, "/history?q=x")
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fhistory%3Fq%3Dx$"))


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("empty", "Nothing is waiting."), ("first", "Nothing has been held yet.")],
    ids=["after decisions", "first run"],
)
def test_an_empty_inbox_says_so_and_what_comes_next(screen: Screen, words: str) -> None:
    page = settled(screen, "/")
    expect(page.get_by_role("heading", name=words)).to_be_visible()


def test_notices_of_the_server_stand_on_top(screen: Screen) -> None:
    page = settled(screen, "/agents")
    expect(page.locator(".notice")).to_contain_text("Slack did not answer for 4 minutes")


OVER, BOTH_MUST, RAISED = (request_id(n) for n in (41, 42, 43))


@pytest.mark.parametrize("scenario", ["over"])
def test_a_call_over_limits_can_be_approved_with_a_raise_and_the_raise_taken_back(screen: Screen) -> None:
    page = settled(screen, f"/requests/{OVER}")
    expect(page.get_by_text("It goes over the limits refunds_today: 5000 EUR per day for each agent")).to_be_visible()
    page.get_by_role("button", name="Approve and raise the limit…").click()
    dialog = page.get_by_role("dialog", name="Approve and raise?")
    expect(dialog.get_by_role("listitem")).to_have_text(
        [
            "refunds_today up to 11150 instead of 5000 EUR per day for each agent",
            "refunds_each up to 3250 instead of 1000 EUR per week for each agent and args.to",
        ]
    )
    dialog.get_by_label("For how long").select_option("15 minutes")
    dialog.get_by_role("button", name="Approve and raise for 15 minutes").click()
    raised = page.get_by_role("region", name="Raised limits")
    expect(raised.get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_role("region", name="Votes")).to_contain_text("and to raise the limit for 15 min")
    raised.get_by_role("button", name="Take the raise back").first.click()
    expect(raised.get_by_role("listitem").first).to_contain_text("Taken back")
    expect(raised.get_by_role("button", name="Take the raise back")).to_have_count(1)


@pytest.mark.parametrize("scenario", ["earlier"])
def test_a_request_shows_how_calls_like_it_were_decided(screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(83)}")
    section = page.get_by_role("region", name="Earlier calls")
    expect(section).to_contain_text("No earlier decision of this tool.")
    expect(section.get_by_role("listitem")).to_have_count(0)
    page = settled(screen, f"/requests/{request_id(81)}")
    expect(section).to_contain_text("Approved 7, denied 1 of the last 8 decided by people")
    expect(section).to_contain_text("account 6 of 8 (approved 6)")
    denied = section.get_by_role("listitem").filter(has_text="Denied by cleo@example.com")
    expect(denied).to_contain_text("3 of 5 arguments equal; differs in account, note")
    expect(denied).to_contain_text(
        "“Not to an account we have never paid before; ask the supplier by telephone first.”"
    )
    expect(section).to_contain_text("What was decided before does not say that this call is right.")
    denied.get_by_role("link", name="Denied").click()
    expect(page).to_have_url(re.compile(f"/requests/{request_id(97)}$"))


@pytest.mark.parametrize("scenario", ["over"])
def test_where_several_decide_it_is_said_who_wants_the_raise(screen: Screen) -> None:
    page = settled(screen, f"/requests/{BOTH_MUST}")
    page.get_by_role("button", name="Approve and raise the limit…").click()
    dialog = page.get_by_role("dialog", name="Approve and raise?")
    expect(dialog).to_contain_text("only if everybody who approves asks for that")
    expect(dialog).to_contain_text("cleo@example.com (4 h)")
    dialog.get_by_role("button", name="Go back").click()
    page.get_by_role("button", name="Approve and run refund_payment").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve and run refund_payment").click()
    expect(page.get_by_role("region", name="Decision")).to_contain_text("Approved")
    expect(page.get_by_role("region", name="Raised limits")).to_have_count(0)


def test_a_call_that_goes_over_nothing_offers_no_raise(screen: Screen) -> None:
    page = settled(screen, f"/requests/{PLAIN}")
    expect(page.get_by_role("button", name="Approve and run refund_payment")).to_be_visible()
    expect(page.get_by_role("button", name="Approve and raise")).to_have_count(0)


def test_what_was_written_stays_in_the_dialog_until_the_server_has_taken_it(screen: Screen) -> None:
    screen.expected = ("status of 422",)
    page = settled(screen, f"/requests/{PLAIN}")
    page.get_by_role("button", name="Hand on…").click()
    dialog = page.get_by_role("dialog", name="Let somebody else decide")
    to = dialog.get_by_label("Groups or people")
    to.fill("group:nobody")
    dialog.get_by_label("Why").fill("I am on leave")
    dialog.get_by_role("button", name="Hand it on").click()
    expect(dialog.get_by_role("alert")).to_contain_text("nobody is in group:nobody")
    expect(dialog.get_by_label("Why")).to_have_value("I am on leave")
    to.fill("group:security")
    dialog.get_by_role("button", name="Hand it on").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#announce")).to_have_text("It was handed on.")


@pytest.mark.parametrize(("path", "seen"), [("/", "a.row"), ("/history", ".ledger tbody tr")], ids=["inbox", "history"])
def test_a_search_is_typed_and_sent_by_enter(screen: Screen, path: str, seen: str) -> None:
    page = settled(screen, path)
    expect(page.locator(seen).first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("send_mail")
    with page.expect_navigation(url=f"**{path}?q=send_mail"):
        page.keyboard.press("Enter")
    expect(page.locator(seen).first).to_contain_text("send_mail")
    expect(page.get_by_role("searchbox")).to_have_value("send_mail")


def test_back_goes_through_what_was_opened_beside_the_list(screen: Screen) -> None:
    page = settled(screen, "/")
    rows = page.locator("a.row")
    expect(rows.first).to_have_attribute("aria-current", "true")
    for at in (1, 2):
        rows.nth(at).click()
        expect(rows.nth(at)).to_have_attribute("aria-current", "true")
    for at in (1, 0):
        page.go_back()
        expect(rows.nth(at)).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("scenario", ["first"])
def test_who_has_no_role_is_told_so_and_not_how_to_begin(screen: Screen, console: RunningConsole) -> None:
    console.fake.me = {**console.fake.me, "roles": []}
    page = settled(screen, "/")
    expect(page.locator("main")).to_contain_text("Ask an admin for a role")
    expect(page.locator("main")).not_to_contain_text("Three steps")


def test_who_is_signed_in_is_told_so_at_the_door_and_may_go_on(screen: Screen, console: RunningConsole) -> None:
    console.fake.offer = {**console.fake.offer, "person": "ada@example.com"}
    page = settled(screen, "/login?next=/history")
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    expect(page.locator("main")).to_contain_text("ada@example.com")
    page.get_by_role("link", name="Go on").click()
    expect(page).to_have_url(re.compile(r"/history$"))


def test_no_two_parts_of_an_agents_page_have_one_name(screen: Screen) -> None:
    page = settled(screen, "/agents?name=claude-ada")
    expect(page.get_by_role("region", name="Tokens", exact=True)).to_have_count(1)
