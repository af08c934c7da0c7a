"""The one redactor: what leaves for a card, a log or a webhook has been through here (approvals.md 1, no. 19).

Three ways to know a secret: a rule names its place, the name it stands under, and its own shape. In doubt it is
hidden, since whoever may see the full arguments finds them on the web page. Redaction comes before any shortening,
so that half a secret never shows; and a card counts what was hidden, so that nothing hides unnoticed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from approvals.domain.terms import Steps

HIDDEN = "[redacted]"

# Any of these inside the name, once it is squashed to lower-case letters and digits.
_NAMES = re.compile(
    r"passw(?:or)?d|passphrase|passcode|secretkey|clientsecret|appsecret|sharedsecret|signingsecret|webhooksecret"
    r"|apikey|accesskey|privatekey|signingkey|encryptionkey|masterkey|sshkey|authkey|accountkey"
    r"|(?:auth|access|refresh|id|session|api|bot|user|app|bearer|security|csrf|xsrf|personal|private|service)token"
    r"|authorization|credential|connectionstring|setcookie|mnemonic|seedphrase|recoverycode|onetimecode"
)
# One of these as a whole word of the name (`db_secret`, `userPin`), not inside another word (`secretary`).
_WORDS = frozenset(
    {
        "secret",
        "secrets",
        "pwd",
        "pass",
        "passwd",
        "token",
        "bearer",
        "cookie",
        "cookies",
        "jwt",
        "otp",
        "totp",
        "pin",
        "cvv",
        "cvc",
        "cvv2",
        "ssn",
        "auth",
        "hmac",
    }
)
_NOT_SECRET = frozenset(
    {
        "page",
        "next",
        "nextpage",
        "continuation",
        "cursor",
        "max",
        "min",
        "count",
        "total",
        "limit",
        "used",
        "input",
        "output",
        "prompt",
        "completion",
    }
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPLIT = re.compile(r"[\W_]+")
_LABELS = ("name", "key", "header", "field", "param")

_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|plc_[a-z]{2,12}_[A-Za-z0-9_]{6,}"
    r"|(?<![A-Za-z0-9])(?:sk|rk)[-_](?:[A-Za-z0-9]{1,12}[-_]){0,4}[A-Za-z0-9_-]{16,}"
    r"|gh[opsur]_[A-Za-z0-9_]{16,}|github_pat_[A-Za-z0-9_]{16,}|gl(?:pat|dt|rt|ptt|cbt|ft|soat)-[\w-]{12,}"
    r"|xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|xwfp-[A-Za-z0-9-]{8,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|AIza[\w-]{30,}|ya29\.[\w.-]{16,}|GOCSPX-[\w-]{16,}"
    r"|(?<![A-Za-z0-9])(?:npm|hf|dop_v\d|shpat|shpss|sbp|tskey|dckr_pat|figd)[_-][A-Za-z0-9_-]{16,}"
    r"|pypi-[\w-]{16,}|SG\.[\w-]{10,}\.[\w-]{10,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|hv[sb]\.[\w-]{16,}"
    r"|https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/]{8,}",
    re.DOTALL,
)
# A JWT has no end a pattern could look for without reading a long text many times over: whole dotted runs
# are found first, each once, and looked into by `_hide_jwt`.
# Possessive, and never begun inside a word: linear on any text (a quadratic one stalls the service).
_DOTTED = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]*+)++")
_JWT_START = re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{7,}")
_SCHEME = re.compile(r"(?i)\b(bearer|basic|negotiate|digest|apikey)(\s{1,4})(?!\[redacted)[A-Za-z0-9._~+/=:-]{6,}")
_USERINFO = re.compile(r"(?i)([a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'\\]{0,100}:)[^\s/@\"'\\]{1,300}(@)")
_ASSIGNED = re.compile(
    r"""(?ix)
    ( (?: passw(?:or)?d | passwd | pwd | passphrase | secret | token | api[\s_-]?key | access[\s_-]?key
        | private[\s_-]?key | authorization | credentials? | cookie | account[\s_-]?key ) [\w-]{0,32} )
    ( \\{0,3} ["']? \s{0,4} (?: => | [:=] ) \s{0,4} | (?<=[\w]) \s{1,4} (?= \\{0,3} ["'] ) )
    ( \\{0,3} " (?: [^"\\] | \\(?!") | \\" (?! \s* [,}\]] ) )* \\{0,3} "?
      | \\{0,3} ' [^']* '?
      | (?: (?:bearer|basic|digest|token) \s+ )? [^\s"'\\,;&}\]]+ )
    """
)
_FLAG = re.compile(
    r"(?i)(--?(?:password|passwd|pass|pwd|token|secret|api-?key|access-?key|auth)(?:-[a-z]{1,16})?[ =])(?!-)\S+"
)


class Redactor:
    """Redacts one thing after another, counts what it hid, and knows the values that it hid for their place or name."""

    def __init__(self) -> None:
        self.hidden = 0
        self.known: set[str] = set()

    def places(self, value: Any, places: Iterable[Steps]) -> Any:
        """A JSON value with everything hidden that stands at these places; what is not there is passed over."""
        for steps in places:
            value = self._place(value, steps)
        return value

    def value(self, value: Any) -> Any:
        """A JSON value with its secrets hidden; names, order and structure stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self._object(value) if isinstance(value, dict) else value

    def text(self, text: str) -> str:
        """A text with everything hidden that has the shape of a secret or is assigned to the name of one."""
        text = self._sub(_SHAPES, lambda _: HIDDEN, text)
        if "eyJ" in text:
            text = self._sub(_DOTTED, _hide_jwt, text)
        text = self._sub(_SCHEME, lambda m: f"{m[1]}{m[2]}{HIDDEN}", text)
        text = self._sub(_USERINFO, lambda m: f"{m[1]}{HIDDEN}{m[2]}", text)
        text = self._sub(_FLAG, lambda m: f"{m[1]}{HIDDEN}", text)
        return self._sub(_ASSIGNED, _hide_assigned, text)

    def _place(self, value: Any, steps: Steps) -> Any:
        if not steps:
            self.hidden += value != HIDDEN
            self._learn(value)
            return HIDDEN
        step, rest = steps[0], steps[1:]
        if isinstance(value, dict) and isinstance(step, str):
            return {key: self._place(item, rest) if key == step else item for key, item in value.items()}
        if isinstance(value, list) and not isinstance(step, str):
            return [self._place(item, rest) if step in {None, at} else item for at, item in enumerate(value)]
        return value

    def _learn(self, value: Any) -> None:
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                self._learn(item)
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != HIDDEN:
            self.known.add(str(value))

    def _object(self, members: dict[str, Any]) -> dict[str, Any]:
        label = next((members[k] for k in _LABELS if isinstance(members.get(k), str)), None)
        named_secret = label is not None and is_secret_name(label)
        out: dict[str, Any] = {}
        for key, item in members.items():
            secret = is_secret_name(key) or (named_secret and key.lower() in ("value", "content", "values"))
            name = self._unused(self.text(key), out)
            hide = secret and _can_be_secret(item)
            self.hidden += hide
            if hide:
                self._learn(item)
            out[name] = HIDDEN if hide else self.value(item)
        return out

    def _unused(self, key: str, taken: dict[str, Any]) -> str:
        # Two names that were secrets both read "[redacted]"; neither member may vanish from the card.
        name, number = key, 2
        while name in taken:
            name, number = f"{key} ({number})", number + 1
        return name

    def _sub(self, pattern: re.Pattern[str], hide: Callable[[re.Match[str]], str], text: str) -> str:
        def counted(match: re.Match[str]) -> str:
            shown = hide(match)
            self.hidden += shown != match[0]
            return shown

        return pattern.sub(counted, text)


def redact_value(value: Any, places: Iterable[Steps] = ()) -> Any:
    """A JSON value with its secrets hidden, and with what stands at these places."""
    redactor = Redactor()
    return redactor.value(redactor.places(value, places))


def redact_text(text: str) -> str:
    """A text with its secrets hidden."""
    return Redactor().text(text)


def is_secret_name(name: str) -> bool:
    """Does a value under this name have to be hidden, whatever it looks like?"""
    folded = unicodedata.normalize("NFKC", name)
    words = [word.lower() for word in _SPLIT.split(_CAMEL.sub(" ", folded)) if word]
    if _NAMES.search("".join(words)):
        return True
    if not _WORDS.intersection(words):
        return False
    return not ("token" in words and _NOT_SECRET.intersection(words) and not _WORDS.intersection(words) - {"token"})


def _can_be_secret(item: Any) -> bool:
    # A switch or an absent value tells nothing, and hiding it would hide what the call does.
    return item is not None and not isinstance(item, bool) and item not in ("", [], {}, HIDDEN)


def _hide_jwt(match: re.Match[str]) -> str:
    run = match[0]
    start = _JWT_START.search(run)
    if start is None or run.count(".", start.start()) < (1 if ".eyJ" in run else 2):
        return run
    return run[: start.start()] + HIDDEN


def _hide_assigned(match: re.Match[str]) -> str:
    value = match[3]
    if "token" in match[1].lower() and value.replace(".", "").isdigit():
        return match[0]  # a count of language-model tokens
    if HIDDEN in value or HIDDEN.startswith(value.strip("\\\"'")):
        return match[0]
    quote = re.match(r"\\{0,3}[\"']", value)
    return f"{match[1]}{match[2]}{quote[0]}{HIDDEN}{quote[0]}" if quote else f"{match[1]}{match[2]}{HIDDEN}"
