"""The page of policies over the fake API, whose texts are read and judged by the real code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, settled
from tests.fakes.console_policies import PAGE

Screens = Callable[..., Screen]
TOOLS_UNKNOWN = ("status of 503",)
"""These servers do not answer, so there are no names to choose from."""
PAYMENTS = "/policies?server=payments"


@pytest.fixture
def operator(console: RunningConsole) -> RunningConsole:
    """The fake, with somebody who may save."""
    console.fake.me = {**console.fake.me, "roles": ["reviewer", "operator"]}
    return console


def editor(page: Page) -> Locator:
    return page.get_by_label("Policy of payments")


def opened(screen: Screen) -> Page:
    """The page of a server with the editor open."""
    page = settled(screen, PAYMENTS)
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(editor(page)).to_be_focused()
    return page


def change(page: Page, before: str, after: str) -> None:
    """Replace a part of the text, as if it were typed."""
    text = editor(page).input_value()
    assert before in text
    editor(page).fill(text.replace(before, after))


def test_the_list_says_how_every_policy_stands_and_opens_into_one(screen: Screen) -> None:
    page = settled(screen, "/policies")
    rows = page.get_by_role("row")
    expect(rows.filter(has_text="payments").first).to_contain_text("on the page, version 3")
    differs = rows.filter(has_text="warehouse").first
    expect(differs).to_contain_text("Not what is on disk")
    expect(differs).to_contain_text(re.compile("on disk [0-9a-f]{12}, enforced [0-9a-f]{12}"))
    expect(rows.filter(has_text="search").first).to_contain_text("No policy")
    page.get_by_role("link", name="payments").click()
    expect(page.get_by_role("heading", name="Policy of payments")).to_be_visible()


@pytest.mark.parametrize("scenario", ["first"])
def test_without_a_server_the_list_says_where_to_begin(screen: Screen) -> None:
    expect(settled(screen, "/policies").locator(".empty")).to_contain_text("Name one under servers:")


def test_a_layer_is_read_with_numbers_and_searched_by_text_and_pointer(screen: Screen) -> None:
    page = settled(screen, PAYMENTS)
    lines = page.locator(".code li")
    expect(lines).to_have_count(len(PAGE.splitlines()))
    page.keyboard.press("/")
    page.keyboard.type("/tools/refund_payment/approve_if/0")
    expect(page.locator(".code-count")).to_have_text("2 lines")
    page.keyboard.press("Enter")
    expect(page.locator(".code-count")).to_have_text("1 of 2 lines")
    expect(page.locator(".code-where")).to_contain_text("Line 15/tools/refund_payment/approve_if/0")
    page.keyboard.press("Enter")
    expect(page.locator("li.here")).to_have_attribute("data-line", "16")
    lines.nth(7).click()
    expect(page.locator(".code-where code")).to_have_text("/tools/send_mail")


def test_an_address_names_a_rule_and_the_page_goes_there(screen: Screen) -> None:
    page = settled(screen, f"{PAYMENTS}&rule=/tools/refund_payment/deny_if/0")
    expect(page.get_by_role("button", name="policies/payments.yaml")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("li.here")).to_contain_text("op: gt, value: 10000")


def test_a_call_is_tried_and_each_rule_leads_to_its_line(screen: Screen) -> None:
    page = settled(screen, PAYMENTS)
    page.get_by_label("Tool").fill("refund_payment")
    page.get_by_label("Arguments, as JSON").fill('{"amount": 20000, "currency": "USD"}')
    page.get_by_label("As agent").fill("claude-ada")
    page.get_by_role("button", name="Judge this call").click()
    ruling = page.locator(".ruling")
    expect(ruling.locator(".ruling-head")).to_contain_text("Denied")
    expect(ruling.locator(".ruling-head")).to_contain_text("Never over 10,000.")
    expect(ruling.locator(".considered")).to_contain_text("args.amount 20000 is > 10000")
    ruling.locator(".ruling-head").get_by_role("button", name="/tools/refund_payment/deny_if/0").click()
    expect(page.get_by_role("button", name="policies/payments.yaml")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("li.here")).to_have_attribute("data-line", "10")
    ruling.locator(".considered").get_by_role("button", name="/tools/refund_payment/approve_if/0").click()
    expect(page.locator("li.here")).to_contain_text("op: gt, value: 100}")


def test_a_tool_of_the_catalogue_brings_arguments_to_begin_with(screen: Screen) -> None:
    page = settled(screen, PAYMENTS)
    expect(page.locator("#try-tools option[value='refund_payment']")).to_have_count(1)
    page.get_by_label("Tool").fill("refund_payment")
    expect(page.get_by_label("Arguments, as JSON")).to_have_value('{\n  "amount": 0\n}')
    page.get_by_label("Arguments, as JSON").fill("{}")
    page.get_by_label("Tool").fill("find_order")
    expect(page.get_by_label("Arguments, as JSON")).to_have_value("{}")


def test_arguments_that_cannot_be_read_are_shown_at_their_place(screen: Screen) -> None:
    screen.expected = ("status of 422",)
    page = settled(screen, PAYMENTS)
    page.get_by_label("Tool").fill("refund_payment")
    area = page.get_by_label("Arguments, as JSON")
    area.fill('{"amount": 1,\n "amount": 2}')
    page.get_by_role("button", name="Judge this call").click()
    expect(page.locator(".ruling")).to_contain_text("'amount' stands twice in one object")
    page.get_by_role("button", name="Go to line 2, column 2").click()
    expect(area).to_be_focused()
    assert area.evaluate("(one) => one.selectionStart") == 15


def test_a_file_that_is_not_what_is_enforced_is_told_with_both_hashes_and_what_is_wrong(screen: Screen) -> None:
    screen.expected = TOOLS_UNKNOWN
    page = settled(screen, "/policies?server=warehouse")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("policies/warehouse.yaml on disk is not what is enforced.")
    expect(alert).to_contain_text(re.compile("On disk [0-9a-f]{12}, enforced [0-9a-f]{12}"))
    expect(alert).to_contain_text("did you mean 'require_approval'?")
    alert.get_by_text("Show the difference").click()
    expect(alert.locator(".diff-lines .gone")).to_contain_text("removed: ")
    expect(alert.locator(".diff-lines .new")).to_contain_text("require_aproval")
    expect(page.locator(".code")).to_contain_text("require_approval")


def test_a_server_without_a_policy_says_what_to_write(screen: Screen) -> None:
    screen.expected = TOOLS_UNKNOWN
    page = settled(screen, "/policies?server=search")
    expect(page.locator(".empty")).to_contain_text("every tool of it is denied")
    expect(page.locator(".empty code")).to_have_text("policy: page")
    expect(page.get_by_role("button", name="Edit", exact=True)).to_have_count(0)


def test_who_may_not_save_is_not_offered_to_edit(screen: Screen) -> None:
    page = settled(screen, PAYMENTS)
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    for words in ("Edit", "Bring back… version 2"):
        expect(page.get_by_role("button", name=words, exact=True)).to_have_count(0)


def test_an_edit_is_checked_as_it_is_typed_and_saved_after_a_look_at_what_changes(
    screen: Screen, operator: RunningConsole
) -> None:
    page = opened(screen)
    change(page, "approve_if", "aprove_if")
    expect(page.locator(".editor-state")).to_have_text("1 problem; it cannot be saved like this.")
    expect(page.locator(".editor-numbers .wrong")).to_have_text("14")
    page.get_by_role("button", name="Line 14, column 5: unknown key 'aprove_if'").click()
    expect(editor(page)).to_be_focused()
    assert editor(page).evaluate("(one) => one.value.slice(one.selectionStart, one.selectionEnd)") == "aprove_if:"
    page.keyboard.type("approve_if: # mended")
    expect(page.locator(".editor-state")).to_have_text("Not saved yet. A placet policy, its test passes.")
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".diff-lines .gone")).to_have_count(1)
    expect(dialog.locator(".diff-lines .new")).to_contain_text("approve_if: # mended")
    dialog.get_by_label("What changes, and why").fill("A word of explanation")
    dialog.get_by_role("button", name="Save version 4 and enforce it").click()
    expect(page.locator(".layer-head")).to_contain_text("version 4 by Yuki Moreau")
    expect(page.locator(".code")).to_contain_text("# mended")
    expect(page.get_by_role("row", name="4 in force")).to_contain_text("A word of explanation")
    assert operator.fake.books["payments"].newest == 4


@pytest.mark.parametrize("scenario", ["empty"])
def test_the_first_version_is_written_where_nothing_was_saved(screen: Screen, operator: RunningConsole) -> None:
    page = settled(screen, PAYMENTS)
    expect(page.locator(".empty")).to_contain_text("Nothing is saved here yet, so this layer denies everything.")
    page.get_by_role("button", name="Write the first version").click()
    expect(editor(page)).to_have_value(re.compile("takes away from what the other layers allow"))
    change(page, "tools: {}", "tools: {find_order: {}}")
    page.get_by_role("button", name="Review and save…").click()
    page.get_by_role("button", name="Save version 1 and enforce it").click()
    expect(page.locator(".layer-head")).to_contain_text("version 1 by Yuki Moreau")


def test_who_is_second_keeps_their_text_and_saves_it_on_top(screen: Screen, operator: RunningConsole) -> None:
    screen.expected = ("status of 409",)
    page = opened(screen)
    change(page, "find_order: {}", "find_order: {reason: mine}")
    operator.fake.before_save = PAGE.replace("30/minute", "60/minute")
    page.get_by_role("button", name="Review and save…").click()
    page.get_by_role("button", name="Save version 4 and enforce it").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Version 4 was saved by Otto since you began. Your text is still here and not saved.")
    expect(editor(page)).to_have_value(re.compile("reason: mine"))
    alert.get_by_text("From version 4 to my text").click()
    expect(alert.locator(".diff-lines .gone").filter(has_text="60/minute")).to_have_count(1)
    page.get_by_role("button", name="Keep my text, on top of version 4").click()
    page.get_by_role("button", name="Review and save…").click()
    page.get_by_role("button", name="Save version 5 and enforce it").click()
    expect(page.locator(".layer-head")).to_contain_text("version 5 by Yuki Moreau")
    versions = operator.fake.books["payments"].versions or []
    assert ["60/minute" in one.text for one in versions[-2:]] == [True, False]


def test_who_is_second_may_take_the_other_text(screen: Screen, operator: RunningConsole) -> None:
    screen.expected = ("status of 409",)
    page = opened(screen)
    change(page, "find_order: {}", "find_order: {reason: mine}")
    operator.fake.before_save = PAGE.replace("30/minute", "60/minute")
    page.keyboard.press("Control+s")
    page.get_by_role("button", name="Save version 4 and enforce it").click()
    page.get_by_role("button", name="Take version 4 instead").click()
    expect(editor(page)).to_have_value(re.compile("60/minute"))
    page.get_by_role("button", name="Leave").click()
    expect(page.locator(".code")).to_contain_text("60/minute")


def test_a_save_of_somebody_else_is_noticed_while_one_edits(screen: Screen, operator: RunningConsole) -> None:
    page = opened(screen)
    change(page, "find_order: {}", "find_order: {reason: mine}")
    other = {"id": "otto@example.com", "name": "Otto"}
    fake = operator.fake
    operator.call(lambda: fake.books["payments"].save(PAGE + "# his\n", other, fake.clock(), None))
    expect(page.get_by_role("alert")).to_contain_text("Version 4 was saved by Otto since you began.")


def test_a_text_that_was_not_saved_is_still_there_after_a_reload(screen: Screen, operator: RunningConsole) -> None:
    page = opened(screen)
    change(page, "find_order: {}", "find_order: {reason: precious}")
    expect(page.locator(".editor-state")).to_contain_text("Not saved yet")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(editor(page)).to_have_value(re.compile("precious"))
    expect(page.locator(".editor-said")).to_contain_text("This is your text of")
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("dialog").get_by_role("button", name="Throw my text away").click()
    expect(page.locator(".code")).not_to_contain_text("precious")
    page.reload()
    expect(page.get_by_role("button", name="Edit", exact=True)).to_be_visible()


def test_a_text_is_tested_on_what_happened_before_it_is_saved(screen: Screen, operator: RunningConsole) -> None:
    page = opened(screen)
    change(page, "send_mail: {rate_limit: 30/minute}", "send_mail: {action: require_approval}")
    page.get_by_role("button", name="Test first").click()
    tested = page.locator(".tested")
    expect(tested).to_contain_text("It is a policy, and its test passes.")
    expect(tested).to_contain_text("12 calls of 44 would have got something else.")
    expect(tested.get_by_role("row").nth(1)).to_contain_text("Newly held for a person")
    tested.get_by_role("button", name="/tools/send_mail/action").click()
    expect(editor(page)).to_be_focused()
    change(page, "find_order: {}", "find_order: {reason: x}")
    expect(tested).to_contain_text("The text has changed since this was tested.")
    change(page, "expect: {verdict: allow}", "expect: {verdict: deny}")
    page.get_by_role("button", name="Test first").click()
    expect(tested).to_contain_text("It is no policy yet")
    expect(page.locator(".editing .problems")).to_contain_text("the test")


def test_a_call_is_tried_with_the_text_that_is_not_saved(screen: Screen, operator: RunningConsole) -> None:
    page = opened(screen)
    change(page, "  find_order: {}", "  find_order: {action: deny, reason: Not today}")
    page.get_by_label("Tool").fill("find_order")
    page.get_by_label("Arguments, as JSON").fill("{}")
    page.get_by_role("button", name="Judge this call").click()
    head = page.locator(".ruling-head")
    expect(head).to_contain_text("Denied by the text in the editor")
    head.get_by_role("button", name="/tools/find_order/action").click()
    expect(editor(page)).to_be_focused()
    page.locator(".considered").get_by_role("button", name="/default").click()
    expect(page.get_by_role("dialog", name="Line 3 of policies/payments.yaml")).to_be_visible()


def test_tab_indents_and_escape_gives_the_keyboard_back(screen: Screen, operator: RunningConsole) -> None:
    page = opened(screen)
    editor(page).fill("tools:\n  a: {}\n")
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("b: {}")
    expect(editor(page)).to_have_value("tools:\n  a: {}\n  b: {}\n")
    page.keyboard.press("Tab")
    expect(editor(page)).to_have_value("tools:\n  a: {}\n  b: {}  \n")
    page.keyboard.press("Control+a")
    page.keyboard.press("Tab")
    expect(editor(page)).to_have_value("  tools:\n    a: {}\n    b: {}  \n")
    page.keyboard.press("Shift+Tab")
    expect(editor(page)).to_have_value("tools:\n  a: {}\n  b: {}  \n")
    page.keyboard.press("Control+z")
    expect(editor(page)).to_have_value("  tools:\n    a: {}\n    b: {}  \n")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor(page)).not_to_be_focused()


def test_an_earlier_version_is_compared_exported_and_brought_back(
    screen: Screen, operator: RunningConsole, tmp_path: Path
) -> None:
    page = settled(screen, PAYMENTS)
    page.get_by_role("button", name="Compare version 2 with the one in force").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".diff-lines .gone")).to_contain_text("max: 500000")
    expect(dialog.locator(".diff-lines .new")).to_contain_text("max: 5000,")
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.locator(".layer-tools").get_by_role("link", name="Export").click()
    assert download.value.suggested_filename == "payments.yaml"
    assert download.value.path().read_text() == PAGE
    page.get_by_role("button", name="Bring back… version 2").click()
    dialog.get_by_label("What changes, and why").fill("It was right after all")
    dialog.get_by_role("button", name="Save it as version 4 and enforce it").click()
    row = page.get_by_role("row", name="4 in force")
    expect(row).to_contain_text("It was right after all")
    expect(row).to_contain_text("Version 2 once more")
    expect(page.locator(".code")).to_contain_text("max: 500000")


@pytest.mark.parametrize("scenario", ["hostile"])
def test_what_stands_in_a_policy_and_its_history_is_text(screen: Screen) -> None:
    page = settled(screen, PAYMENTS)
    expect(page.locator(".code")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".code .hid").first).to_be_visible()
    expect(page.get_by_role("table", name="Saved versions")).to_contain_text("<b>x</b>")
    assert page.locator("main img, main b, main script").count() == 0


def test_without_a_connection_nothing_is_lost_and_the_page_says_why(screen: Screen, operator: RunningConsole) -> None:
    screen.expected = ("net::ERR", "Failed to load resource")
    page = opened(screen)
    change(page, "find_order: {}", "find_order: {reason: kept}")
    expect(page.locator(".editor-state")).to_contain_text("Not saved yet")

    def broken(route: Route) -> None:
        route.abort()

    page.route("**/api/v1/policies/**", broken)
    page.get_by_role("button", name="Review and save…").click()
    expect(page.locator(".editor-state")).to_contain_text("Not checked: Placet cannot be reached from here.")
    page.get_by_label("Tool").fill("find_order")
    page.get_by_role("button", name="Judge this call").click()
    expect(page.locator(".ruling")).to_contain_text("Placet cannot be reached from here.")
    page.unroute("**/api/v1/policies/**", broken)
    page.get_by_role("button", name="Review and save…").click()
    expect(page.get_by_role("dialog")).to_contain_text("reason: kept")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/policies?server=nope", "There is no such server."),
        ("/policies?server=payments", "You may not see the policies."),
    ],
)
def test_what_cannot_be_shown_is_said_in_words(screen: Screen, console: RunningConsole, path: str, words: str) -> None:
    screen.expected = ("status of 40",)
    if words.startswith("You"):
        console.fake.me = {**console.fake.me, "roles": ["viewer"]}
    expect(settled(screen, path).locator(".empty")).to_contain_text(words)


def test_the_request_leads_to_its_rule_in_the_policy(screen: Screen) -> None:
    page = settled(screen, "/requests/req_00000000000000000000000001")
    link = page.locator(".why p a")
    expect(link).to_have_attribute("href", re.compile(r"^/policies\?server=.+&rule=%2Ftools%2F"))


COMPARE = """async ([before, after]) => {
    const { compare, linesOf, withContext } = await import("/static/js/policies/lines.js");
    const rows = compare(before, after);
    const side = (other) => JSON.stringify(rows.filter((row) => row.kind !== other).map((row) => row.line));
    const whole = (text) => JSON.stringify(linesOf(text));
    return {
        whole: side("new") === whole(before) && side("gone") === whole(after),
        numbers: rows.every((row) => (row.before === null || linesOf(before)[row.before - 1] === row.line)
            && (row.after === null || linesOf(after)[row.after - 1] === row.line)),
        kinds: rows.map((row) => row.kind[0]).join(""),
        shown: withContext(rows, 1).map((row) => row.kind[0] + (row.count ?? "")).join(" "),
    };
}"""
MANY = "\n".join(map(str, range(3000)))


@pytest.mark.parametrize(
    ("before", "after", "kinds", "shown"),
    [
        pytest.param("a\nb\nc\n", "a\nb\nc\n", "sss", "g3", id="the same"),
        pytest.param("a\nb\nc\n", "a\nB\nc\n", "sgns", "s g n s", id="a line changed"),
        pytest.param("", "a\nb\n", "gnn", "g n n", id="from nothing"),
        pytest.param("a\nb\nc\nd\ne\nf", "a\nb\nc\nd\ne\nf\ng", "ssssssn", "g5 s n", id="a line at the end"),
        pytest.param("x\na\nb\nc", "a\nb\nc\ny", "gsssn", "g s g1 s n", id="a line moved out and one in"),
        pytest.param("a\r\nb\r\n", "a\nb\n", "ss", "g2", id="the ends of lines"),
        pytest.param(MANY, MANY[::-1], None, None, id="too different to be compared line by line"),
    ],
)
def test_what_differs_is_all_that_differs(
    screen: Screen, before: str, after: str, kinds: str | None, shown: str | None
) -> None:
    found = settled(screen, "/policies").evaluate(COMPARE, [before, after])
    assert (found["whole"], found["numbers"]) == (True, True)
    assert kinds is None or (found["kinds"], found["shown"]) == (kinds, shown)


def test_a_long_policy_is_drawn_in_parts_and_found_as_a_whole(screen: Screen, operator: RunningConsole) -> None:
    tools = "\n".join(f"  tool_{number}: {{}}" for number in range(4000))
    text = f'version: "1"\ndefault: deny\ntools:\n{tools}\n'
    fake = operator.fake
    operator.call(lambda: fake.books["payments"].save(text, fake.me, fake.clock(), None))
    page = settled(screen, PAYMENTS)
    expect(page.get_by_role("button", name="Show the other 2,503 lines")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("tool_3999")
    page.keyboard.press("Enter")
    expect(page.locator("li.here")).to_have_attribute("data-line", "4003")
