"""Byte strings that mean two things, or nothing, or too much: each with why it must be refused.

A row is (reason, bytes, JSON-RPC code, words the refusal must hold). `wrap` puts a JSON text where tool arguments
stand, so that a row is hostile for its one reason alone.
"""

from __future__ import annotations

from typing import Final

PARSE, INVALID, PARAMS = -32700, -32600, -32602
Row = tuple[str, bytes, int, str]

OK: Final = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":"acme"}}}'


def wrap(arguments: str | bytes) -> bytes:
    """A tools/call whose arguments are this JSON text."""
    text = arguments.encode() if isinstance(arguments, str) else arguments
    return b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":' + text + b"}}"


def value(text: str | bytes) -> bytes:
    """A tools/call with one argument `a` of this JSON text."""
    raw = text.encode() if isinstance(text, str) else text
    return wrap(b'{"a":' + raw + b"}")


def envelope(members: str) -> bytes:
    """An envelope of exactly these members."""
    return ("{" + members + "}").encode()


CALL = '"jsonrpc":"2.0","id":1,"method":"ping"'

BYTES: list[Row] = [
    ("empty body", b"", PARSE, "empty"),
    ("only spaces", b" \r\n\t ", PARSE, "empty"),
    ("byte order mark", b"\xef\xbb\xbf" + OK, PARSE, "byte order mark"),
    ("UTF-16 little endian", OK.decode().encode("utf-16-le"), PARSE, "NUL byte"),
    ("UTF-16 with its mark", OK.decode().encode("utf-16"), PARSE, "NUL byte"),
    ("UTF-32", OK.decode().encode("utf-32-be"), PARSE, "NUL byte"),
    ("NUL byte after the value", OK + b"\x00", PARSE, "NUL byte"),
    ("NUL byte in a string", value(b'"a\x00b"'), PARSE, "NUL byte"),
    ("NUL byte between tokens", OK.replace(b",", b"\x00,", 1), PARSE, "NUL byte"),
    ("lone continuation byte", value(b'"\x80"'), PARSE, "not UTF-8"),
    ("overlong slash", value(b'"\xc0\xaf"'), PARSE, "not UTF-8"),
    ("overlong NUL", value(b'"\xc0\x80"'), PARSE, "not UTF-8"),
    ("surrogate as UTF-8 bytes", value(b'"\xed\xa0\x80"'), PARSE, "not UTF-8"),
    ("surrogate pair as CESU-8", value(b'"\xed\xa0\xbd\xed\xb8\x80"'), PARSE, "not UTF-8"),
    ("beyond the last code point", value(b'"\xf4\x90\x80\x80"'), PARSE, "not UTF-8"),
    ("five byte sequence", value(b'"\xf8\x88\x80\x80\x80"'), PARSE, "not UTF-8"),
    ("truncated sequence", b'{"a":"\xe2\x82', PARSE, "not UTF-8"),
    ("latin-1 letter", value(b'"caf\xe9"'), PARSE, "not UTF-8"),
    ("bad bytes in a name", wrap(b'{"\xff":1}'), PARSE, "not UTF-8"),
    ("UTF-7", b"+AHsAIgBhACI", PARSE, "not valid JSON"),
    ("gzip magic", b"\x1f\x8b\x08\x00abc", PARSE, "NUL byte"),
    ("over the cap", b'{"a":"' + b"x" * (1024 * 1024) + b'"}', INVALID, "at most 1048576"),
]

SYNTAX: list[Row] = [
    ("nothing but a word", b"hello", PARSE, "not valid JSON"),
    ("single quotes", b"{'jsonrpc':'2.0'}", PARSE, "not valid JSON"),
    ("bare name", b'{jsonrpc:"2.0"}', PARSE, "not valid JSON"),
    ("unfinished object", OK[:-1], PARSE, "not valid JSON"),
    ("unfinished string", b'{"jsonrpc":"2.0', PARSE, "not valid JSON"),
    ("comma at the end of an object", OK[:-1] + b",}", PARSE, "not valid JSON"),
    ("comma at the end of an array", value("[1,]"), PARSE, "not valid JSON"),
    ("comma at the start", value("[,1]"), PARSE, "not valid JSON"),
    ("two commas", value("[1,,2]"), PARSE, "not valid JSON"),
    ("missing comma", value("[1 2]"), PARSE, "not valid JSON"),
    ("missing colon", wrap('{"a" 1}'), PARSE, "not valid JSON"),
    ("equals sign", wrap('{"a"=1}'), PARSE, "not valid JSON"),
    ("line comment", OK + b"// x", PARSE, "more than one JSON value"),
    ("block comment inside", value("/* x */1"), PARSE, "not valid JSON"),
    ("hash comment", b"# x\n" + OK, PARSE, "not valid JSON"),
    ("trailing word", OK + b"x", PARSE, "more than one JSON value"),
    ("two objects", OK + OK, PARSE, "more than one JSON value"),
    ("two objects on two lines", OK + b"\n" + OK, PARSE, "more than one JSON value"),
    ("closing bracket too many", OK + b"}", PARSE, "more than one JSON value"),
    ("record separator before", b"\x1e" + OK, PARSE, "not valid JSON"),
    ("form feed as a blank", b"\x0c" + OK, PARSE, "not valid JSON"),
    ("vertical tab as a blank", OK + b"\x0b", PARSE, "more than one JSON value"),
    ("no-break space as a blank", "\u00a0".encode() + OK, PARSE, "not valid JSON"),
    ("line separator as a blank", OK + "\u2028".encode(), PARSE, "more than one JSON value"),
    ("raw tab in a string", value('"a\tb"'), PARSE, "not valid JSON"),
    ("raw line break in a string", value('"a\nb"'), PARSE, "not valid JSON"),
    ("raw escape character in a string", value('"\x1b[31m"'), PARSE, "not valid JSON"),
    ("unknown escape", value(r'"\x41"'), PARSE, "not valid JSON"),
    ("escaped apostrophe", value(r'"\'"'), PARSE, "not valid JSON"),
    ("octal escape", value(r'"\101"'), PARSE, "not valid JSON"),
    ("short unicode escape", value(r'"\u12"'), PARSE, "not valid JSON"),
    ("braced unicode escape", value(r'"\u{41}"'), PARSE, "not valid JSON"),
    ("signed unicode escape", value(r'"\u+041"'), PARSE, "not valid JSON"),
    ("backslash at the end", b'{"a":"\\', PARSE, "not valid JSON"),
    ("capital True", value("True"), PARSE, "not valid JSON"),
    ("undefined", value("undefined"), PARSE, "not valid JSON"),
    ("None", value("None"), PARSE, "not valid JSON"),
    ("closing with the wrong bracket", value("[1}"), PARSE, "not valid JSON"),
    ("a form", b"jsonrpc=2.0&id=1&method=ping", PARSE, "not valid JSON"),
    ("XML", b"<call/>", PARSE, "not valid JSON"),
]

NUMBERS: list[Row] = [
    ("NaN", value("NaN"), PARSE, "/params/arguments/a"),
    ("Infinity", value("Infinity"), PARSE, "Infinity is not JSON"),
    ("minus Infinity", value("-Infinity"), PARSE, "-Infinity is not JSON"),
    ("lower-case nan", value("nan"), PARSE, "not valid JSON"),
    ("leading zero", value("01"), PARSE, "not valid JSON"),
    ("leading plus", value("+1"), PARSE, "not valid JSON"),
    ("minus alone", value("-"), PARSE, "not valid JSON"),
    ("minus and leading zero", value("-01"), PARSE, "not valid JSON"),
    ("leading point", value(".5"), PARSE, "not valid JSON"),
    ("trailing point", value("5."), PARSE, "not valid JSON"),
    ("exponent without digits", value("1e"), PARSE, "not valid JSON"),
    ("exponent with a sign alone", value("1e+"), PARSE, "not valid JSON"),
    ("hexadecimal", value("0x10"), PARSE, "not valid JSON"),
    ("underscores", value("1_000"), PARSE, "not valid JSON"),
    ("arabic digits", value("١"), PARSE, "not valid JSON"),
    ("full-width digits", value("１"), PARSE, "not valid JSON"),
    ("big integer suffix", value("1n"), PARSE, "not valid JSON"),
    ("2^53", value("9007199254740992"), INVALID, "2^53-1"),
    ("2^53 + 1, which many round", value("9007199254740993"), INVALID, "Send it as a string"),
    ("-(2^53)", value("-9007199254740992"), INVALID, "2^53-1"),
    ("2^64", value("18446744073709551616"), INVALID, "2^53-1"),
    ("thirty digits", value("1" * 30), INVALID, "2^53-1"),
    ("five thousand digits", value("1" * 5000), INVALID, "longer than 64 characters"),
    ("a megabyte of digits", value("1" * 900_000), INVALID, "longer than 64 characters"),
    ("sixty-five characters", value("0." + "1" * 63), INVALID, "longer than 64 characters"),
    ("infinite", value("1e400"), INVALID, "does not survive"),
    ("infinite below zero", value("-1e400"), INVALID, "does not survive"),
    ("vanishing", value("1e-400"), INVALID, "does not survive"),
    ("vanishing by an absurd exponent", value("1e-999999999999999999999"), INVALID, "does not survive"),
    ("absurd exponent", value("1e999999999999999999999"), INVALID, "does not survive"),
    ("more digits than a float has", value("123456789.123456789"), INVALID, "does not survive"),
    ("seventeen threes", value("0.33333333333333333"), INVALID, "does not survive"),
    ("2^53 + 1 with a point", value("9007199254740993.0"), INVALID, "does not survive"),
    ("2^53 with a point", value("9007199254740992.0"), INVALID, "does not survive"),
    ("1e20, an unsafe integer once canonical", value("1e20"), INVALID, "does not survive"),
    ("deep in the arguments", wrap('{"a":[{"b":[0,1e999]}]}'), INVALID, "/params/arguments/a/0/b/1"),
    ("in a name that needs escaping", wrap('{"a/b~c":NaN}'), PARSE, "/params/arguments/a~1b~0c"),
]

NAMES: list[Row] = [
    ("same name twice", wrap('{"a":1,"a":2}'), INVALID, "At /params/arguments/a: this name appears twice"),
    ("same name twice, same value", wrap('{"a":1,"a":1}'), INVALID, "appears twice"),
    ("same name by an escape", wrap(r'{"a":1,"\u0061":2}'), INVALID, "appears twice"),
    ("same name deep down", wrap('{"x":[{"y":{"a":1,"b":2,"a":3}}]}'), INVALID, "/params/arguments/x/0/y/a"),
    ("empty name twice", wrap('{"":1,"":2}'), INVALID, "appears twice"),
    ("method twice", envelope(CALL + ',"method":"tools/call"'), INVALID, "/method"),
    ("id twice", envelope(CALL + ',"id":2'), INVALID, "/id"),
    ("params twice", envelope(CALL + ',"params":{},"params":{"name":"x"}'), INVALID, "/params"),
    (
        "arguments twice",
        envelope(CALL + ',"params":{"arguments":{},"arguments":{"a":1}}'),
        INVALID,
        "/params/arguments",
    ),
    ("_meta twice", envelope(CALL + ',"params":{"_meta":{},"_meta":{}}'), INVALID, "/params/_meta"),
    ("composed and decomposed", wrap('{"\u00e9":1,"e\u0301":2}'), INVALID, "same text in Unicode"),
    ("ångström and its sign", wrap('{"\u00c5":1,"\u212b":2}'), INVALID, "same text in Unicode"),
    ("hangul and its letters", wrap('{"\uac00":1,"\u1100\u1161":2}'), INVALID, "same text in Unicode"),
    ("ohm and omega", wrap('{"\u03a9":1,"\u2126":2}'), INVALID, "same text in Unicode"),
    ("NUL in a name", wrap(r'{"a\u0000":1}'), INVALID, "U+0000"),
    ("NUL twin beside its name", wrap(r'{"a":1,"a\u0000":2}'), INVALID, "U+0000"),
    ("name of 257 bytes", wrap('{"' + "n" * 257 + '":1}'), INVALID, "longer than 256 bytes"),
    ("name of 257 bytes in few characters", wrap('{"' + "€" * 86 + '":1}'), INVALID, "longer than 256 bytes"),
    ("half a surrogate in a name", wrap(r'{"\ud800":1}'), INVALID, "surrogate"),
    ("names equal but for half a surrogate", wrap(r'{"a":1,"a\udfff":2}'), INVALID, "surrogate"),
]

STRINGS: list[Row] = [
    ("high surrogate alone", value(r'"\ud800"'), INVALID, "At /params/arguments/a"),
    ("low surrogate alone", value(r'"\udc00"'), INVALID, "surrogate"),
    ("surrogates in the wrong order", value(r'"\udc00\ud800"'), INVALID, "surrogate"),
    ("high surrogate twice", value(r'"\ud83d\ud83d"'), INVALID, "surrogate"),
    ("surrogate in upper case hex", value(r'"\uD83Dx"'), INVALID, "surrogate"),
    ("surrogate in an array", value(r'["ok","\udfff"]'), INVALID, "/params/arguments/a/1"),
    ("string over the cap", value('"' + "x" * (256 * 1024 + 1) + '"'), INVALID, "at most 262144"),
    ("string over the cap in bytes", value('"' + "€" * 90_000 + '"'), INVALID, "at most 262144"),
    ("name in the megabytes", wrap('{"' + "n" * 300_000 + '":1}'), INVALID, "longer than 256 bytes"),
    ("half a surrogate as the method", envelope(r'"jsonrpc":"2.0","id":1,"method":"\ud800"'), INVALID, "/method"),
    ("half a surrogate as the id", envelope(r'"jsonrpc":"2.0","id":"\udbff","method":"ping"'), INVALID, "/id"),
]

SIZE: list[Row] = [
    ("depth 65 in arrays", value("[" * 62 + "]" * 62), INVALID, "deeper than 64"),
    ("depth 65 in objects", value('{"a":' * 62 + "1" + "}" * 62), INVALID, "deeper than 64"),
    ("depth 1,000", b"[" * 1_000 + b"]" * 1_000, INVALID, "deeper than 64"),
    ("half a million brackets", b"[" * 500_000, INVALID, "at most 10000"),
    ("nine thousand open brackets", b"[" * 9_000, INVALID, "deeper than 64"),
    ("deep behind a string of brackets", value('["]]]]",' + "[" * 70 + "]" * 70 + "]"), INVALID, "deeper than 64"),
    ("10,001 numbers", value("[" + "1," * 10_000 + "1]"), INVALID, "at most 10000"),
    ("10,001 empty arrays", value("[" + "[]," * 10_000 + "[]]"), INVALID, "at most 10000"),
    ("10,001 empty strings", value("[" + '"",' * 10_000 + '""]'), INVALID, "at most 10000"),
    ("half a million closed brackets", b"[]" * 500_000, INVALID, "at most 10000"),
    ("more closing than opening brackets", b"[" * 65 + b"]" * 100_000, INVALID, "deeper than 64"),
    ("a million quotes in an array", b"[,,[" + b",[" * 9_999 + b'"' * 900_000, INVALID, "at most 10000"),
    ("strings of a backslash", value("[" + r'"\\",' * 40_000 + "1]"), INVALID, "at most 10000"),
    ("10,001 values behind an escaped quote", value(r'["\"",' + "1," * 10_000 + "1]"), INVALID, "at most 10000"),
    ("10,001 values behind a backslash", value(r'["\\",' + "1," * 10_000 + "1]"), INVALID, "at most 10000"),
    ("depth 65 behind a backslash", value(r'["\\",' + "[" * 62 + "]" * 62 + "]"), INVALID, "deeper than 64"),
    ("a million quotes", b'{"a":' + b'"' * 1_000_000 + b"}", PARSE, "not valid JSON"),
    ("10,001 members", wrap("{" + ",".join(f'"k{n}":1' for n in range(10_001)) + "}"), INVALID, "at most 10000"),
]

TOP: list[Row] = [
    ("a batch of one", b"[" + OK + b"]", INVALID, "Batches are not accepted"),
    ("a batch of two", b"[" + OK + b"," + OK + b"]", INVALID, "Batches are not accepted"),
    ("an empty batch", b"[]", INVALID, "Batches are not accepted"),
    ("a batch of a batch", b"[[" + OK + b"]]", INVALID, "Batches are not accepted"),
    ("a string", b'"ping"', INVALID, "not a JSON object"),
    ("a number", b"1", INVALID, "not a JSON object"),
    ("null", b"null", INVALID, "not a JSON object"),
    ("true", b"true", INVALID, "not a JSON object"),
]

ENVELOPE: list[Row] = [
    ("an empty object", b"{}", INVALID, "/jsonrpc"),
    ("no version", envelope('"id":1,"method":"ping"'), INVALID, '/jsonrpc: must be exactly "2.0"'),
    ("version 1.0", envelope('"jsonrpc":"1.0","id":1,"method":"ping"'), INVALID, "/jsonrpc"),
    ("version as a number", envelope('"jsonrpc":2.0,"id":1,"method":"ping"'), INVALID, "/jsonrpc"),
    ("version with a space", envelope('"jsonrpc":"2.0 ","id":1,"method":"ping"'), INVALID, "/jsonrpc"),
    ("no method", envelope('"jsonrpc":"2.0","id":1'), INVALID, "/method"),
    ("null method", envelope('"jsonrpc":"2.0","id":1,"method":null'), INVALID, "/method"),
    ("number as method", envelope('"jsonrpc":"2.0","id":1,"method":7'), INVALID, "/method"),
    ("empty method", envelope('"jsonrpc":"2.0","id":1,"method":""'), INVALID, "/method"),
    ("NUL in the method", envelope(r'"jsonrpc":"2.0","id":1,"method":"ping\u0000"'), INVALID, "/method"),
    ("line break in the method", envelope(r'"jsonrpc":"2.0","id":1,"method":"ping\n"'), INVALID, "/method"),
    ("bidi mark in the method", envelope(r'"jsonrpc":"2.0","id":1,"method":"\u202eping"'), INVALID, "/method"),
    ("a very long method", envelope('"jsonrpc":"2.0","id":1,"method":"' + "m" * 129 + '"'), INVALID, "/method"),
    ("null id", envelope('"jsonrpc":"2.0","id":null,"method":"ping"'), INVALID, "/id"),
    ("fraction as id", envelope('"jsonrpc":"2.0","id":1.5,"method":"ping"'), INVALID, "/id"),
    ("whole fraction as id", envelope('"jsonrpc":"2.0","id":1.0,"method":"ping"'), INVALID, "/id"),
    ("true as id", envelope('"jsonrpc":"2.0","id":true,"method":"ping"'), INVALID, "/id"),
    ("array as id", envelope('"jsonrpc":"2.0","id":[1],"method":"ping"'), INVALID, "/id"),
    ("object as id", envelope('"jsonrpc":"2.0","id":{},"method":"ping"'), INVALID, "/id"),
    ("unsafe integer as id", envelope('"jsonrpc":"2.0","id":9007199254740993,"method":"ping"'), INVALID, "/id"),
    ("long id", envelope('"jsonrpc":"2.0","id":"' + "i" * 129 + '","method":"ping"'), INVALID, "/id"),
    ("long id in few characters", envelope('"jsonrpc":"2.0","id":"' + "€" * 43 + '","method":"ping"'), INVALID, "/id"),
    ("NUL in the id", envelope(r'"jsonrpc":"2.0","id":"a\u0000","method":"ping"'), INVALID, "/id"),
    ("unknown member", envelope(CALL + ',"approved":true'), INVALID, '"approved" is not known'),
    ("arguments beside params", envelope(CALL + ',"arguments":{}'), INVALID, '"arguments" is not known'),
    ("method in title case", envelope(CALL + ',"Method":"tools/call"'), INVALID, 'is not "method"'),
    ("method in capitals alone", envelope('"jsonrpc":"2.0","id":1,"METHOD":"ping"'), INVALID, 'is not "method"'),
    ("params with the long s", envelope(CALL + ',"param\u017f":{}'), INVALID, 'is not "params"'),
    ("a kelvin sign in no known name", envelope(CALL + ',"\u212aey":1'), INVALID, "is not known"),
    ("id with a NUL", envelope(CALL + r',"id\u0000":2'), INVALID, "U+0000"),
    ("id in capitals", envelope(CALL + ',"ID":2'), INVALID, 'is not "id"'),
    ("id with a space", envelope(CALL + ',"id ":2'), INVALID, 'is not "id"'),
    ("method and result", envelope(CALL + ',"result":{}'), INVALID, '"result" is not known'),
    ("method and error", envelope(CALL + ',"error":{}'), INVALID, '"error" is not known'),
    ("result and error", envelope('"jsonrpc":"2.0","id":1,"result":{},"error":{}'), INVALID, "not both"),
    ("response without an id", envelope('"jsonrpc":"2.0","result":{}'), INVALID, "/id"),
    ("response with params", envelope('"jsonrpc":"2.0","id":1,"result":{},"params":{}'), INVALID, '"params"'),
    ("params as an array", envelope(CALL + ',"params":["pay",{}]'), PARAMS, "/params: must be an object"),
    ("params as null", envelope(CALL + ',"params":null'), PARAMS, "/params"),
    ("params as a string", envelope(CALL + ',"params":"{}"'), PARAMS, "/params"),
    ("_meta as an array", envelope(CALL + ',"params":{"_meta":[]}'), PARAMS, "/params/_meta"),
    ("_meta as null", envelope(CALL + ',"params":{"_meta":null}'), PARAMS, "/params/_meta"),
    (
        "progress token as a fraction",
        envelope(CALL + ',"params":{"_meta":{"progressToken":1.5}}'),
        PARAMS,
        "progressToken",
    ),
    ("progress token as null", envelope(CALL + ',"params":{"_meta":{"progressToken":null}}'), PARAMS, "progressToken"),
    ("progress token as true", envelope(CALL + ',"params":{"_meta":{"progressToken":true}}'), PARAMS, "progressToken"),
    ("twin of the progress token", envelope(CALL + ',"params":{"_meta":{"ProgressToken":1}}'), PARAMS, "progressToken"),
    (
        "twin of the protocol version",
        envelope(CALL + ',"params":{"_meta":{"IO.modelcontextprotocol/protocolVersion":"2026-07-28"}}'),
        PARAMS,
        "protocolVersion",
    ),
]

ROWS: list[Row] = [*BYTES, *SYNTAX, *NUMBERS, *NAMES, *STRINGS, *SIZE, *TOP, *ENVELOPE]
