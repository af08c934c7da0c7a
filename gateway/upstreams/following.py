"""A subscription to one server process: `subscriptions/listen` in the modern era, else resource by resource."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.upstreams import Result, RpcError, Wants
from gateway.upstreams.asks import plain
from gateway.upstreams.listening import NOTHING, Listening, hoped_for, listen_params, offered
from gateway.upstreams.process import Process


async def follow(process: Process, listening: Listening) -> None:
    """Keep it up for as long as the process lives.

    Raises:
        Unsent, NoAnswer: it does not.
    """
    hello = await process.ready()
    wants = (offered if process.modern else hoped_for)(listening.wants, hello)
    process.busy += 1
    try:
        if process.modern:
            await _modern(process, listening, wants)
        else:
            await _legacy(process, listening, wants)
    finally:
        process.busy -= 1
        process.used_at = asyncio.get_running_loop().time()


async def _modern(process: Process, listening: Listening, wants: Wants) -> None:
    if wants != NOTHING:
        ask = replace(plain("subscriptions/listen", listen_params(wants), place=listening.place), peer=listening)
        answer = await process.ask(ask)
        if not isinstance(answer, RpcError):
            return  # the server ended it in order
    listening.accept(NOTHING)
    await process.ended.wait()


async def _legacy(process: Process, listening: Listening, wants: Wants) -> None:
    uris: list[str] = []
    try:
        for uri in sorted(wants.uris):
            process.uris[uri] += 1
            uris.append(uri)
            if process.uris[uri] > 1:
                continue
            if not isinstance(await process.ask(plain("resources/subscribe", {"uri": uri})), Result):
                _drop(process, uris.pop())
        listening.accept(replace(wants, uris=frozenset(uris)))
        await process.ended.wait()
    finally:
        for uri in uris:
            if _drop(process, uri):
                process.tell("resources/unsubscribe", {"uri": uri})


def _drop(process: Process, uri: str) -> bool:
    """Whether nobody follows it any more."""
    process.uris[uri] -= 1
    if process.uris[uri] > 0:
        return False
    del process.uris[uri]
    return True
