"""The demo's upstream MCP server: a small shop with orders, mail and refunds.

A stateless server of protocol revision 2026-07-28 over aiohttp, just large enough to be a real
peer of the gateway: `server/discover`, `tools/list`, `tools/call`. What really happened in the shop
is its `ledger`, so that the demo can show that nothing ran before somebody said yes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

VERSION = "2026-07-28"
_META_VERSION = "io.modelcontextprotocol/protocolVersion"
_SERVER_INFO = {"io.modelcontextprotocol/serverInfo": {"name": "placet-demo-shop", "version": "1.0"}}

ORDERS = {
    "A-1001": {"customer": "Grace Hopper", "item": "Mechanical keyboard", "paid": 129.0, "status": "delivered"},
    "A-1002": {"customer": "Alan Turing", "item": "Noise-cancelling headphones", "paid": 349.0, "status": "returned"},
    "A-1003": {"customer": "Ada Lovelace", "item": "Standing desk", "paid": 580.0, "status": "shipped"},
}


def _tool(name: str, description: str, **properties: tuple[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": {key: {"type": kind, "description": text} for key, (kind, text) in properties.items()},
            "required": list(properties),
            "additionalProperties": False,
        },
    }


TOOLS = [
    _tool("find_order", "Look an order up by its number.", order=("string", "The order's number, for example A-1002")),
    _tool(
        "send_mail",
        "Send an e-mail to a customer.",
        to=("string", "The customer's name"),
        text=("string", "What the mail says"),
    ),
    _tool(
        "refund_payment",
        "Pay money back to a customer. This cannot be undone.",
        order=("string", "The order's number"),
        amount=("number", "Amount in USD"),
        reason=("string", "Why the money is paid back"),
    ),
    _tool("delete_customer", "Delete a customer and all their orders.", customer=("string", "The customer's name")),
]


class Shop:
    """The shop's state and its MCP endpoint; `on_ledger` is called with each line that is written."""

    def __init__(self, on_ledger: Callable[[str], None] | None = None) -> None:
        self.ledger: list[str] = []
        self._on_ledger = on_ledger
        self._tools: Mapping[str, Callable[[dict[str, Any]], str]] = {
            "find_order": self._find_order,
            "send_mail": self._send_mail,
            "refund_payment": self._refund_payment,
            "delete_customer": self._delete_customer,
        }

    def app(self) -> web.Application:
        """The aiohttp application; the endpoint is `/mcp`."""
        app = web.Application()
        app.router.add_post("/mcp", self._post)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        message = await request.json()
        params = message.get("params") or {}
        if (params.get("_meta") or {}).get(_META_VERSION) != VERSION:
            return self._error(message, -32022, "This server speaks 2026-07-28 only.", {"supported": [VERSION]})
        match message.get("method"):
            case "server/discover":
                return self._result(message, {"supportedVersions": [VERSION], "capabilities": {"tools": {}}})
            case "tools/list":
                return self._result(message, {"tools": TOOLS})
            case "tools/call":
                return self._call(message, params)
            case _:
                return self._error(message, -32601, "No such method.", status=404)

    def _call(self, message: dict[str, Any], params: dict[str, Any]) -> web.Response:
        run = self._tools.get(params.get("name", ""))
        if run is None:
            return self._error(message, -32602, f"There is no tool {params.get('name')!r}.")
        return self._result(message, {"content": [{"type": "text", "text": run(params.get("arguments") or {})}]})

    def _result(self, message: dict[str, Any], result: dict[str, Any]) -> web.Response:
        whole = {"resultType": "complete", **result, "_meta": _SERVER_INFO}
        if "content" not in result:
            whole |= {"ttlMs": 60_000, "cacheScope": "public"}
        return web.json_response({"jsonrpc": "2.0", "id": message.get("id"), "result": whole})

    def _error(
        self, message: dict[str, Any], code: int, text: str, data: Any = None, *, status: int = 400
    ) -> web.Response:
        error = {"code": code, "message": text} | ({"data": data} if data is not None else {})
        return web.json_response({"jsonrpc": "2.0", "id": message.get("id"), "error": error}, status=status)

    def _write(self, line: str) -> None:
        self.ledger.append(line)
        if self._on_ledger is not None:
            self._on_ledger(line)

    def _find_order(self, arguments: dict[str, Any]) -> str:
        return json.dumps(ORDERS.get(arguments["order"]) or {"error": f"no order {arguments['order']}"})

    def _send_mail(self, arguments: dict[str, Any]) -> str:
        self._write(f"mail to {arguments['to']}: {arguments['text']}")
        return f"Mail to {arguments['to']} is on its way."

    def _refund_payment(self, arguments: dict[str, Any]) -> str:
        self._write(f"refunded {arguments['amount']} USD on order {arguments['order']}")
        return f"{arguments['amount']} USD paid back on order {arguments['order']}."

    def _delete_customer(self, arguments: dict[str, Any]) -> str:
        self._write(f"deleted customer {arguments['customer']}")
        return f"{arguments['customer']} is gone."
