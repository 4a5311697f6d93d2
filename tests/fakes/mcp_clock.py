"""A program that serves one MCP tool over its standard streams, without a library: it starts fast.

Run by a test as an operator's program would be.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

TOOL = {
    "name": "get_current_time",
    "description": "Tells the time.",
    "inputSchema": {"type": "object", "properties": {"timezone": {"type": "string"}}},
}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "clock", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        said = {**params["arguments"], "variables": sorted(os.environ)}
        return {"content": [{"type": "text", "text": json.dumps(said)}]}
    return None


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        result = answer(asked["method"], asked.get("params", {}))
        said = {"result": result} if result else {"error": {"code": -32601, "message": "unknown"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}), flush=True)


if __name__ == "__main__":
    main()
