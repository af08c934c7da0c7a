"""Whatever an upstream sends, and however it is cut into chunks, reading it is total and the same."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.upstreams.rpc import read
from gateway.upstreams.sse import Event, Reader

PIECES = st.sampled_from(
    [b"data: a", b"data", b"id: 7", b"retry: 5", b"event: x", b": c", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf"]
)


def whole(*chunks: bytes) -> list[Event]:
    reader = Reader(max_event_bytes=10_000)
    return [event for chunk in chunks for event in reader.feed(chunk)]


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=8))
def test_events_do_not_depend_on_how_the_stream_was_cut(stream: bytes, cuts: list[int]) -> None:
    marks = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in itertools.pairwise(marks)]
    assert whole(*chunks) == whole(stream)


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\ue0219jsonrpcidresult.', max_size=80).map(str.encode))
def test_any_bytes_are_read_as_something(raw: bytes) -> None:
    assert read(raw) is not None
