"""The JSON Schemas of the two files people write, for editors: generated, never edited.

`write_schemas` fills `config/schema/`; a test compares. They describe the shape only: what `placet check`
says beyond it (places, cross-checks, did-you-mean) no schema can.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.config_file import ConfigFile
from gateway.policy.shapes import PolicyShape

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MODELS: dict[str, type[BaseModel]] = {"placet": ConfigFile, "policy": PolicyShape}


def schema(name: str) -> dict[str, Any]:
    """The schema called `placet` or `policy`."""
    return {"$schema": DIALECT, **MODELS[name].model_json_schema(by_alias=True)}


def write_schemas(folder: Path) -> None:
    """Write `NAME.schema.json` for each file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.schema.json").write_text(rendered(name), encoding="utf-8")


def rendered(name: str) -> str:
    """The text of a schema file."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"
