"""What a tool's definition says of its risk, held against what people said of a thousand tools."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.policy.model import Confidence, Evidence, Risk, RiskClass, Severity
from gateway.policy.risk import classify
from tests.fakes.pages import ROOT
from tests.fakes.tools import Labelled, binance_us, labelled

RISK = ROOT / "gateway" / "policy" / "risk"
READ, WRITE, EXECUTE = RiskClass.READ, RiskClass.WRITE, RiskClass.EXECUTE
DESTRUCTIVE, FINANCIAL = RiskClass.DESTRUCTIVE, RiskClass.FINANCIAL
CODES = set(re.findall(r'code="(\w+)"', "".join(path.read_text("utf-8") for path in RISK.glob("*.py"))))
EVERY = [*binance_us(), *labelled("learned"), *labelled("checked"), *labelled("unseen")]


def tool(name: str, *parameters: str, says: str = "", **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {parameter: {} for parameter in parameters}}
    return {"name": name, "description": says, "inputSchema": schema, **more}


@pytest.mark.parametrize("one", binance_us(), ids=lambda one: one.name.removeprefix("binance_us_"))
def test_each_of_the_93_tools_of_the_first_catalogue_is_what_a_person_said(one: Labelled) -> None:
    risk = classify(one.definition)
    assert (risk.kind, risk.severity) == (one.kind, one.severity), one.why


@pytest.mark.parametrize(("table", "known"), [("learned", []), ("checked", []), ("unseen", ["onramp"])])
def test_nothing_that_destroys_or_moves_money_is_taken_for_a_reader(table: str, known: list[str]) -> None:
    """`onramp` gets a link by which a person may buy: a reader by its words, and no more is learned from that table."""
    grave = [one for one in labelled(table) if one.kind in {DESTRUCTIVE, FINANCIAL, EXECUTE}]
    assert len(grave) > 40
    assert [one.name for one in grave if classify(one.definition).kind is READ] == known


def _row(title: str, tools: list[Labelled]) -> str:
    order = list(RiskClass)
    risks = [(classify(one.definition), one) for one in tools]
    right = [(risk, one) for risk, one in risks if risk.kind is one.kind]
    severe = sum(risk.severity is one.severity for risk, one in right)
    milder = sum(order.index(risk.kind) < order.index(one.kind) for risk, one in risks)
    return f"| {title} | {len(tools)} | {len(right)} | {severe} | {milder} | {len(tools) - len(right) - milder} |"


@pytest.mark.parametrize("table", ["Binance.US", "learned", "checked", "unseen"])
def test_the_page_tells_how_well_each_table_is_met(table: str) -> None:
    page = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
    assert _row(table, binance_us() if table == "Binance.US" else labelled(table)) in page.splitlines()


@pytest.mark.parametrize("finding", sorted(CODES))
def test_the_page_has_every_finding(finding: str) -> None:
    assert f"`{finding}`" in (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")


PRINCIPLES: list[tuple[str, dict[str, Any], RiskClass]] = [
    ("a verb in front decides", tool("delete_file", "path"), DESTRUCTIVE),
    ("a verb at the end decides", tool("kv_namespace_delete"), DESTRUCTIVE),
    ("a verb behind the server's name decides", tool("acme_crm_delete_contact"), DESTRUCTIVE),
    ("what stands in front decides over what follows", tool("get_delete_status"), READ),
    ("joined verbs all count", tool("search_and_replace"), WRITE),
    ("get or create creates", tool("get_or_create_label"), WRITE),
    ("a noun in front yields to a verb at the end", tool("order_create"), FINANCIAL),
    ("a verb in front does not", tool("mark_all_as_read"), WRITE),
    ("money that is told of only reads", tool("transfer_history"), READ),
    ("money that is moved does not", tool("transfer_funds"), FINANCIAL),
    ("a file that is transferred is no money", tool("transfer_issue"), WRITE),
    ("what belongs to an order is no order", tool("create_order_note"), WRITE),
    ("a link that others pay by is money", tool("create_payment_link"), FINANCIAL),
    ("a subscription to events is none", tool("create_event_subscription"), WRITE),
    ("an order in a list is none", tool("set_sort_order"), WRITE),
    ("tags of an order move no money", tool("update_order", "id", "tags", "note"), WRITE),
    ("a quantity of an order does", tool("update_order", "id", "qty"), FINANCIAL),
    ("an adjective is no verb when the description reads", tool("open_orders", says="Get all open orders."), READ),
    ("and is money when nothing says otherwise", tool("open_orders"), FINANCIAL),
    ("a code host has no till", tool("git_checkout", "branch_name"), WRITE),
    ("a clock converts no money", tool("convert_time", "time"), READ),
    ("an exchange does", tool("convert", "from_asset", "to_asset", "amount"), FINANCIAL),
    ("a book is a noun, but in front", tool("address_book"), READ),
    ("booked is paid", tool("book_flight", "flight_id"), FINANCIAL),
    ("a fused name is still dangerous", tool("deletefile"), DESTRUCTIVE),
    ("but not harmless", tool("listfiles"), WRITE),
    ("running is told by the verb", tool("invoke_lambda"), EXECUTE),
    ("or by what is made", tool("create_deployment"), EXECUTE),
    ("a query that writes runs", tool("write_query", "query"), EXECUTE),
    ("a database may change what it asks", tool("sql_query", "query"), EXECUTE),
    ("unless it can only read", tool("sql_query", "query", says="Run a read-only SQL query."), READ),
    ("nor what its service calls a database", tool("query_pages", "filter", says="Query a database."), READ),
    ("coins that are sent are money", tool("send_eth", "address"), FINANCIAL),
    ("doubled letters are the same verb", tool("klaxon", says="Dropping all alarms."), DESTRUCTIVE),
    (
        "what a later sentence says of something else",
        tool("list_a", says="List. This frobs. This gets. This resets."),
        READ,
    ),
    ("what looks something up is a query too", tool("query_metrics", "query"), READ),
    ("a command among the parameters is run", tool("helper", "command"), EXECUTE),
    ("also where the name reads", tool("get_output", "command"), EXECUTE),
    ("unless it is explained", tool("explain_command", "command"), READ),
    ("or kept", tool("create_container", "image", "command"), WRITE),
    ("a code of a country runs nothing", tool("get_holidays", "country_code"), READ),
    ("any request at all is run", tool("docker", says="Proxy any Docker API request."), EXECUTE),
    ("input for a process is run", tool("talk", "pid", "input"), EXECUTE),
    ("an amount with a currency is money", tool("gift", "amount", "currency"), FINANCIAL),
    ("an estimate of it is none", tool("estimate_fee", "amount", "currency"), READ),
    ("a trial that says so only tries", tool("test_order", "qty", says="Test an order without placing it."), READ),
    ("a trial that does not say so may do it", tool("test_order", "qty"), FINANCIAL),
    ("a description is asked when the name says nothing", tool("klaxon", says="Deletes every alarm."), DESTRUCTIVE),
    ("and may make it stricter", tool("create_number", says="Purchase a phone number."), FINANCIAL),
    ("and never milder", tool("delete_alarm", says="Gets nothing."), DESTRUCTIVE),
    ("verbs joined in a description count", tool("keys", says="List, create and delete keys."), DESTRUCTIVE),
    ("a light verb says nothing by itself", tool("finder", says="Performs an image search."), READ),
    ("its object does", tool("mover", says="Executes a transfer between accounts."), FINANCIAL),
    ("a later sentence may say outright", tool("settle_up", says="Settle it.\n⚠️ This sends funds out!"), FINANCIAL),
    ("advice that follows does not", tool("list_files", says="List files. Delete old ones first."), READ),
    ("commands of a language are names", tool("read_query", "query", says="Execute a SELECT query."), READ),
    ("formatting a disk is no formatting", tool("format_disk"), DESTRUCTIVE),
    ("formatting code is", tool("format_code", "code"), WRITE),
    ("a timer is reset without a loss", tool("reset_timer"), WRITE),
    ("a screenshot is taken by looking", tool("take_screenshot"), READ),
    ("control is not", tool("take_control"), WRITE),
    ("nothing known is a write", tool("frobnicate"), WRITE),
]


@pytest.mark.parametrize(("definition", "kind"), [row[1:] for row in PRINCIPLES], ids=[row[0] for row in PRINCIPLES])
def test_the_class_follows_from_a_principle(definition: dict[str, Any], kind: RiskClass) -> None:
    assert classify(definition).kind is kind


@pytest.mark.parametrize("choice", ["enum", "no enum"])
def test_an_action_that_may_delete_deletes_whatever_the_tool_is_called(choice: str) -> None:
    action = {"enum": ["list", "create", "delete"]} if choice == "enum" else {}
    risk = classify({"name": "manage_items", "inputSchema": {"properties": {"action": action}}})
    assert risk.kind is (DESTRUCTIVE if choice == "enum" else WRITE)
    if choice == "enum":
        assert (
            Evidence(where="parameter", quote="action: delete", says="takes away what does not come back by itself")
            in risk.evidence
        )


@pytest.mark.parametrize(
    "action",
    [
        {"const": "delete"},
        {"type": "array", "items": {"enum": ["list", "delete"]}},
        {"anyOf": [{"const": "list"}, {"enum": ["delete"]}, {"type": "null"}]},
        {"oneOf": [{"const": "delete"}]},
    ],
)
def test_choices_are_found_where_a_schema_has_them(action: dict[str, Any]) -> None:
    assert classify({"name": "items", "inputSchema": {"properties": {"action": action}}}).kind is DESTRUCTIVE


def test_a_side_that_may_be_buy_or_sell_is_money() -> None:
    schema = {"properties": {"side": {"enum": ["BUY", "SELL"]}, "symbol": {}}}
    assert classify({"name": "act", "inputSchema": schema}).kind is FINANCIAL
    assert classify({"name": "list_fills", "inputSchema": schema}).kind is READ


def test_a_method_with_an_address_can_be_any_request() -> None:
    schema = {"properties": {"method": {"enum": ["GET", "POST", "DELETE"]}, "url": {}}}
    risk = classify({"name": "fetch", "inputSchema": schema})
    assert (risk.kind, risk.severity) == (DESTRUCTIVE, Severity.CRITICAL)
    only = {"properties": {"method": {"enum": ["GET", "HEAD"]}, "url": {}}}
    assert classify({"name": "fetch", "inputSchema": only}).kind is READ


SEVERITIES: list[tuple[str, dict[str, Any], Severity]] = [
    ("what everybody sees", tool("get_ticker_price", "symbol"), Severity.LOW),
    ("what somebody owns", tool("get_balance"), Severity.MEDIUM),
    ("who somebody is", tool("list_customers"), Severity.MEDIUM),
    ("an order is somebody's", tool("get_order", "id"), Severity.MEDIUM),
    ("an order book is everybody's", tool("order_book", "symbol", says="Get order book depth."), Severity.LOW),
    ("messages of people", tool("get_channel_history"), Severity.MEDIUM),
    ("messages of a console", tool("list_console_messages"), Severity.LOW),
    ("whatever an address leads to", tool("fetch", "url"), Severity.MEDIUM),
    ("secrets", tool("get_secret", "name"), Severity.HIGH),
    ("what opens other things", tool("list_api_keys"), Severity.HIGH),
    ("a key that opens nothing", tool("scan_keys", "pattern"), Severity.LOW),
    ("the environment", tool("dump", says="Returns all environment variables."), Severity.MEDIUM),
    ("the environment, read", tool("show_it", says="Show environment variables."), Severity.HIGH),
    ("a change", tool("update_page", "id"), Severity.MEDIUM),
    ("a change of rights", tool("set_page_permissions", "id"), Severity.HIGH),
    ("of who belongs", tool("update_team_members", "id"), Severity.HIGH),
    ("of everything at once", tool("update_many", "filter"), Severity.HIGH),
    ("of what is there", tool("write_file", says="Create or overwrite a file."), Severity.HIGH),
    ("by force", tool("force_push", "branch"), Severity.HIGH),
    ("a run", tool("run_pipeline", "branch"), Severity.HIGH),
    ("anything at all", tool("execute_command", "command"), Severity.CRITICAL),
    ("code", tool("evaluate_script", "function"), Severity.CRITICAL),
    ("a shell by name", tool("open_shell"), Severity.CRITICAL),
    ("javascript by description", tool("run_it", says="Run JavaScript in the page."), Severity.CRITICAL),
    ("taken from something, says the description", tool("remove_x", says="Remove it from a list."), Severity.HIGH),
    ("one small thing lost", tool("delete_comment", "id"), Severity.HIGH),
    ("several of them", tool("delete_comments", "ids"), Severity.CRITICAL),
    ("a big one", tool("delete_project", "id"), Severity.CRITICAL),
    ("one that ends", tool("cancel_order", "id"), Severity.HIGH),
    ("all that end", tool("cancel_all_orders"), Severity.CRITICAL),
    ("taken from something", tool("remove_user_from_team", "user"), Severity.HIGH),
    ("found by something small", tool("delete_by_query", "query"), Severity.CRITICAL),
    ("money moves", tool("create_refund", "amount"), Severity.CRITICAL),
    ("money will be asked for", tool("create_invoice", "customer"), Severity.HIGH),
]


@pytest.mark.parametrize(
    ("definition", "severity"), [row[1:] for row in SEVERITIES], ids=[row[0] for row in SEVERITIES]
)
def test_the_severity_follows_from_what_is_reached(definition: dict[str, Any], severity: Severity) -> None:
    assert classify(definition).severity is severity


@pytest.mark.parametrize(
    "name", ["create_order", "createOrder", "create-order", "CreateOrder", "create.order", "orders/create"]
)
def test_a_name_says_the_same_in_every_spelling(name: str) -> None:
    assert classify(tool(name)).kind is FINANCIAL


@pytest.mark.parametrize(
    ("name", "annotations", "severity"),
    [
        ("write_file", {"destructiveHint": True}, Severity.HIGH),
        ("delete_file", {"readOnlyHint": True}, Severity.CRITICAL),
        ("read_file", {"destructiveHint": True}, Severity.LOW),
        ("write_file", "nonsense", Severity.MEDIUM),
        ("delete_comment", {"destructiveHint": False}, Severity.HIGH),
    ],
)
def test_annotations_may_raise_the_severity_and_never_lower_it(name: str, annotations: Any, severity: Severity) -> None:
    assert classify(tool(name, annotations=annotations)).severity is severity


@pytest.mark.parametrize("hints", [{"readOnlyHint": True}, {"destructiveHint": False}, {"destructiveHint": True}])
def test_no_hint_makes_any_tool_milder(hints: dict[str, bool]) -> None:
    kinds, severities = list(RiskClass), list(Severity)
    for one in EVERY:
        plain = classify({**one.definition, "annotations": {}})
        hinted = classify({**one.definition, "annotations": hints})
        assert kinds.index(hinted.kind) == kinds.index(plain.kind)
        assert severities.index(hinted.severity) >= severities.index(plain.severity)


def _texts(definition: dict[str, Any]) -> dict[str, str]:
    properties = definition["inputSchema"]["properties"]
    told = [f"{name} {name}: {' '.join(map(str, value.get('enum', ())))}" for name, value in properties.items()]
    return {
        "name": definition["name"],
        "description": " ".join(re.sub(r"[*_`#>]", " ", definition.get("description", "")).split()),
        "parameter": " ".join(told),
        "annotation": " ".join(definition.get("annotations", {})),
        "nothing": "",
    }


def test_every_quote_is_the_exact_words_of_where_it_is_said_to_stand() -> None:
    for one in EVERY:
        texts = _texts(one.definition)
        for evidence in classify(one.definition).evidence:
            place = texts[evidence.where]
            quote = " ".join(evidence.quote.split())
            if ": " in quote and evidence.where == "parameter":
                assert all(part in place for part in quote.split(": ", 1))
            else:
                assert quote.lower() in place.lower(), (one.name, evidence)


def test_evidence_is_a_sentence_for_people() -> None:
    assert [str(one) for one in classify(tool("delete_files", "paths")).evidence] == [
        'name "delete": takes away what does not come back by itself',
        'name "files": reaches many at once',
    ]
    assert [str(one) for one in classify({}).evidence] == [
        "nothing in its name, description or schema says what it does"
    ]


@pytest.mark.parametrize(
    ("definition", "confidence"),
    [
        (tool("delete_file", says="Delete a file."), Confidence.HIGH),
        (tool("delete_file"), Confidence.MEDIUM),
        (tool("get_file", says="Delete a file."), Confidence.MEDIUM),
        (tool("transfer_history"), Confidence.LOW),
        (tool("frobnicate"), Confidence.LOW),
    ],
    ids=["two agree", "one says", "they disagree", "a noun", "nothing"],
)
def test_the_confidence_is_how_many_agree(definition: dict[str, Any], confidence: Confidence) -> None:
    assert classify(definition).confidence is confidence


def test_what_is_worth_knowing_stands_beside() -> None:
    said = [str(one) for one in classify(tool("send_email", "to", "dry_run")).evidence]
    assert 'parameter "to": reaches whomever it names' in said
    assert 'parameter "dry_run": lets it be tried without effect' in said


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"name": 5, "description": None, "inputSchema": []},
        {"name": "", "inputSchema": {"properties": [1]}},
        {"name": "x", "inputSchema": {"properties": {"a": 5, "": {"enum": 3}, "b": {"enum": [1, None]}}}},
        {"name": "---", "description": "...", "annotations": [1]},
        {"name": "a" * 5_000, "description": "(" * 50_000},
    ],
)
def test_definitions_that_are_no_definitions_are_still_classed(definition: dict[str, Any]) -> None:
    risk = classify(definition)
    assert isinstance(risk, Risk)
    assert (risk.kind, risk.severity, risk.confidence) == (WRITE, Severity.MEDIUM, Confidence.LOW)
