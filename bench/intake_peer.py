"""What the intake is measured against: the usual FastAPI door that pushes onto a Redis list.

    KEYS=targets.json REDIS_URL=... uvicorn bench.intake_peer:app --workers 2

It verifies the signature, reads the JSON and pushes the body; Redis keeps an append-only file that
is written to disk once a second, so what it acknowledges is not durable yet.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path

from fastapi import FastAPI, Request, Response
from redis import asyncio as redis

app = FastAPI()
broker = redis.Redis.from_url(os.environ["REDIS_URL"])
keys = {path: key.encode() for path, key in json.loads(Path(os.environ["KEYS"]).read_text())}


@app.post("/hooks/whatsapp/{route_key}/")
async def receive(route_key: str, request: Request) -> Response:
    """Take one webhook."""
    body = await request.body()
    key = keys.get(request.url.path)
    if key is None:
        return Response(status_code=404)
    wanted = hmac.new(key, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, request.headers.get("x-hmac-signature", "")):
        return Response(status_code=401)
    json.loads(body)
    await broker.rpush(f"peer:{route_key}", body)
    return Response(b'{"status": "accepted"}', media_type="application/json")


@app.get("/livez")
async def livez() -> Response:
    """Tell that the process is up."""
    return Response(b"ok")
