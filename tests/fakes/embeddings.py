"""A server of embeddings on loopback that speaks OpenAI's and Gemini's wire formats.

A vector is made of the words of its text, so that texts which share words lie near each other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
import threading
from enum import StrEnum
from typing import Any

from tests.fakes.http import Answer, Received, ScriptedServer, json_answer

OPENAI = "/v1/embeddings"
GEMINI = re.compile(r"/v1beta/models/([\w.-]+):batchEmbedContents")
DIMENSIONS = 96


class Mode(StrEnum):
    """How the server behaves."""

    GOOD = "good"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"  # 429 with Retry-After
    BROKE = "broke"  # 429 that no wait helps
    BROKEN = "broken"  # 500
    NO_MODEL = "no_model"  # 404
    REFUSED = "refused"  # 400
    SLOW = "slow"
    CUT = "cut"
    INVALID_JSON = "invalid_json"
    NOT_JSON = "not_json"  # a proxy's error page with status 200
    WRONG_SHAPE = "wrong_shape"
    TOO_FEW = "too_few"
    WRONG_LENGTH = "wrong_length"
    ZEROS = "zeros"
    NOT_A_NUMBER = "not_a_number"
    SHUFFLED = "shuffled"  # in another order than asked, which the numbers tell
    UNCOUNTED = "uncounted"  # without its usage
    REDIRECT = "redirect"
    PACKED = "packed"


_REFUSALS: dict[Mode, tuple[int, str, dict[str, str]]] = {
    Mode.UNAUTHORIZED: (401, "invalid_api_key", {}),
    Mode.BUSY: (429, "rate_limit_exceeded", {"retry-after": "7"}),
    Mode.BROKE: (429, "insufficient_quota", {}),
    Mode.BROKEN: (500, "server_error", {}),
    Mode.NO_MODEL: (404, "model_not_found", {}),
    Mode.REFUSED: (400, "invalid_argument", {}),
}
_JSON = {"content-type": "application/json"}
_UNUSABLE = {
    Mode.SLOW: Answer(delay_s=30),
    Mode.CUT: Answer(headers=_JSON, parts=(b'{"da',), cut=True),
    Mode.INVALID_JSON: Answer(headers=_JSON, body=b'{"data": ['),
    Mode.NOT_JSON: Answer(headers={"content-type": "text/html"}, body=b"<h1>Gateway</h1>"),
    Mode.WRONG_SHAPE: json_answer({"data": 3, "embeddings": 3}),
    Mode.REDIRECT: Answer(302, {"location": "http://169.254.169.254/"}),
    Mode.PACKED: Answer(headers={"content-encoding": "gzip"}, body=b"\x1f\x8b"),
}


class FakeEmbeddings(ScriptedServer):
    """Speaks both formats.

    Args:
        dimensions: what it gives unless asked for another length.
        base64: packs numbers where OpenAI's clients ask for it; older servers do not know how.
        delay_s: before each answer.
    """

    def __init__(
        self,
        mode: Mode = Mode.GOOD,
        *,
        dimensions: int = DIMENSIONS,
        base64: bool = True,
        delay_s: float = 0.0,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.mode = mode
        self.dimensions = dimensions
        self.base64 = base64
        self.delay_s = delay_s
        self.gate = threading.Event()
        self.gate.set()

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def calls(self) -> list[list[str]]:
        """Return the texts of each call so far."""
        return [_texts(one) for one in self.received]

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def answer(self, request: Received) -> Answer | None:
        scripted = super().answer(request)
        if scripted is not None:
            return scripted
        is_gemini = bool(GEMINI.fullmatch(request.path))
        if request.path != OPENAI and not is_gemini:
            return None
        self.gate.wait(30)
        return self._failure(is_gemini) or self._vectors(request, is_gemini)

    def _failure(self, is_gemini: bool) -> Answer | None:
        if self.mode in _REFUSALS:
            status, code, headers = _REFUSALS[self.mode]
            error: dict[str, Any] = {"message": "Incorrect API key provided: sk-secret"}
            error |= {"code": status, "status": code.upper()} if is_gemini else {"code": code}
            return json_answer({"error": error}, status=status, headers=headers)
        return _UNUSABLE.get(self.mode)

    def _vectors(self, request: Received, is_gemini: bool) -> Answer:
        payload = json.loads(request.body)
        texts = _texts(request)
        asked = _dimensions(payload) or self.dimensions
        if self.mode is Mode.WRONG_LENGTH:
            asked = self.dimensions + 1
        rows = [self._row(text, asked) for text in texts]
        if self.mode is Mode.TOO_FEW:
            rows = rows[:-1]
        n_tokens = sum(count(text) for text in texts)
        body: dict[str, Any]
        if is_gemini:
            body = {"embeddings": [{"values": row} for row in rows]}
            usage: dict[str, Any] = {"usageMetadata": {"promptTokenCount": n_tokens}}
        else:
            packed = self.base64 and payload.get("encoding_format") == "base64"
            items = [
                {"object": "embedding", "index": place, "embedding": pack(row) if packed else row}
                for place, row in enumerate(rows)
            ]
            if self.mode is Mode.SHUFFLED:
                items.reverse()
            body = {"object": "list", "data": items, "model": payload["model"]}
            usage = {"usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens}}
        if self.mode is not Mode.UNCOUNTED:
            body |= usage
        answer = json_answer(body)
        return Answer(answer.status, answer.headers, answer.body, delay_s=self.delay_s)

    def _row(self, text: str, dimensions: int) -> list[float]:
        if self.mode is Mode.ZEROS:
            return [0.0] * dimensions
        if self.mode is Mode.NOT_A_NUMBER:
            return [math.nan] * dimensions
        return direction(text, dimensions)


def direction(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return float[dimensions] of length 3: providers promise no unit length."""
    row = [0.001] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % dimensions] += 1.0
    norm = math.sqrt(sum(value * value for value in row))
    return [3 * value / norm for value in row]


def count(text: str) -> int:
    """Return the tokens of a text as this server counts them."""
    return max(1, len(text) // 4)


def pack(row: list[float]) -> str:
    """Return numbers as OpenAI packs them: little-endian float32 in base64."""
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


def _texts(request: Received) -> list[str]:
    payload = json.loads(request.body)
    if "requests" in payload:
        return [
            "".join(part["text"] for part in one["content"]["parts"]) for one in payload["requests"]
        ]
    found = payload["input"]
    return [found] if isinstance(found, str) else list(found)


def _dimensions(payload: dict[str, Any]) -> int:
    if "requests" in payload:
        first = payload["requests"][0]
        found = first.get("outputDimensionality", first.get("output_dimensionality", 0))
        return int(found or 0)
    return int(payload.get("dimensions") or 0)
