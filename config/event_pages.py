"""The documentation of events, made of the payloads that are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations import payloads
from integrations.payloads import Payload

MARK = "<!-- Below: written by `manage.py event_schemas`; change integrations/payloads.py. -->"


def files(docs: Path) -> dict[str, str]:
    """Return the text of each page and schema, by its path below the folder of documentation.

    What stands above the mark of `events.md` is written by people and kept.
    """
    above = (docs / "events.md").read_text(encoding="utf-8").partition(MARK)[0]
    found = {"events.md": "\n".join([f"{above}{MARK}", *map(_section, payloads.known())])}
    for one in payloads.known():
        schema = json.dumps(payloads.schema_of(one), indent=2, ensure_ascii=False)
        found[f"events/{one.type}.json"] = f"{schema}\n"
    return found


def _section(payload: type[Payload]) -> str:
    fields = payload.model_json_schema()["properties"]
    rows = [f"| `{name}` | {_kind(of)} | {of['description']} |" for name, of in fields.items()]
    return "\n".join(
        [
            "",
            f"### `{payload.type}`",
            f"{payload.explained} Version {payload.version}, [schema](events/{payload.type}.json).",
            "",
            "| field | type | what it is |",
            "|---|---|---|",
            *rows,
        ]
    ) + ("\n" if payload is payloads.known()[-1] else "")


def _kind(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"])
    names = {"uuid": "UUID", "date-time": "time (ISO 8601)"}
    return str(names.get(str(field.get("format")), field["type"]))
