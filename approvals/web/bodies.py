"""What the bodies of the REST contract are made of: the strict base, and the kinds of text that their members take."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_TEXT = 500

RequestIdText = Annotated[str, Field(max_length=64, pattern=r"^req_[0-9A-Za-z]+$")]
StateName = Literal[
    "pending", "approved", "denied", "expired", "cancelled", "executing", "succeeded", "failed", "unknown"
]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC.")]


def _no_control_characters(text: str) -> str:
    for position, char in enumerate(text):
        if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t":
            raise ValueError(f"the character U+{ord(char):04X} at {position} is not allowed")
    return text


def _some_words(text: str) -> str:
    if not text.strip():
        raise ValueError("at least a word is needed here, not only space")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_no_control_characters)]
Words = Annotated[Text, AfterValidator(_some_words), Field(json_schema_extra={"minLength": 1})]
Length = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}[smhd]$", description="A duration: `30s`, `15m`, `2h`, `7d`.")]
Name = Annotated[Text, Field(max_length=128)]
Reason = Annotated[
    str,
    Field(
        json_schema_extra={"maxLength": MAX_TEXT},
        description="Free text; the agent gets it quoted, as data, never as instructions.",
    ),
]
"""Why somebody decides so. The desk judges it, because a vote with a bad reason is refused on record."""
PeoplesNote = Annotated[Text, Field(description="Free text for people; the agent never gets it.")]


class Model(BaseModel):
    """A strict body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
