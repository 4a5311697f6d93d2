"""Voice notes to text, by whoever of the providers can hear.

OpenAI and servers like it take the file as a form; Gemini takes it as part of a prompt.
"""

from __future__ import annotations

import time

from pydantic import BaseModel

from integrations import http
from integrations.llm import wire
from integrations.llm.errors import EmptyAnswer
from integrations.llm.types import (
    ChatConfig,
    ChatMessage,
    ChatRequest,
    FinishReason,
    Image,
    Provider,
    Sound,
    Transcript,
    Usage,
)
from tenants.context import release_connection
from tenants.errors import Permanent

MAX_BYTES = 25 * 1024 * 1024
"""The largest file that the providers take (source: OpenAI, "Speech to text")."""

_ENDINGS = {
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "m4a",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/webm": "webm",
    "audio/flac": "flac",
}

_ORDER = (
    "Transcribe the recording word for word in the language that is spoken. Write nothing but the"
    " words; where nothing is said, write nothing at all."
)
_OPENAI_LIKE = frozenset({Provider.OPENAI, Provider.OPENAI_COMPATIBLE})


class _WireTranscript(BaseModel):
    text: str = ""
    duration: object = None
    usage: object = None


def transcribe(config: ChatConfig, sound: Sound, *, language: str) -> Transcript:
    """Return what is said in a recording; an empty text where nothing is.

    Args:
        language: of the tenant, such as ``"pt-br"``; a hint, not an order.

    Raises:
        Temporary: the server is away, busy or slow.
        Permanent: too large, an unknown kind of sound, or a provider that cannot hear.
        RuntimeError: a transaction is open.
    """
    release_connection()
    if reason := refusal(config, sound):
        raise Permanent(reason)
    kind = _kind(sound)
    if config.provider == Provider.GEMINI:
        return _by_prompt(config, Sound(kind, sound.data, sound.seconds))
    return _by_form(config, sound, name=f"voice.{_ENDINGS[kind]}", language=language)


def refusal(config: ChatConfig, sound: Sound) -> str:
    """Return why nobody need be asked; empty where a provider may hear it."""
    kind = _kind(sound)
    if kind not in _ENDINGS:
        return f"sound of the kind {kind or 'unknown'} cannot be transcribed"
    if not sound.data or len(sound.data) > MAX_BYTES:
        return "the recording is empty or larger than 25 MB"
    if config.provider != Provider.GEMINI and config.provider not in _OPENAI_LIKE:
        return f"{config.provider} cannot transcribe sound"
    return ""


def _kind(sound: Sound) -> str:
    return sound.media_type.partition(";")[0].strip().lower()


def _by_form(config: ChatConfig, sound: Sound, *, name: str, language: str) -> Transcript:
    from integrations.llm import openai_sdk  # loaded by the first recording, see there

    began = time.monotonic()
    sdk = openai_sdk.client(
        provider=config.provider, api_key=config.api_key, base_url=config.base_url
    )
    with openai_sdk.errors(), http.deadline(config.timeout_s):
        raw = sdk.audio.transcriptions.with_raw_response.create(
            file=(name, sound.data),
            model=config.model,
            language=language.partition("-")[0],
            response_format="json",
            timeout=config.timeout_s,
        )
        heard = _WireTranscript.model_validate_json(raw.content)
    return Transcript(
        text=heard.text.strip(),
        usage=Usage(
            wire.count_of(heard.usage, "input_tokens"), wire.count_of(heard.usage, "output_tokens")
        ),
        model=config.model,
        provider=config.provider,
        latency_ms=round((time.monotonic() - began) * 1000),
        seconds=wire.seconds_of(heard.usage, "seconds")
        or wire.seconds_of(heard.duration)
        or sound.seconds,
    )


def _by_prompt(config: ChatConfig, sound: Sound) -> Transcript:
    from integrations.llm.gemini import Gemini

    began = time.monotonic()
    message = ChatMessage("user", _ORDER, images=(Image(sound.media_type, sound.data),))
    request = ChatRequest((message,), max_output_tokens=4_000, timeout_s=config.timeout_s)
    try:
        result = Gemini(config).chat(request)
    except EmptyAnswer as error:
        return Transcript("", error.usage, config.model, config.provider, 0, sound.seconds)
    text = "" if result.finish_reason is FinishReason.REFUSED else result.text
    return Transcript(
        text=text,
        usage=result.usage,
        model=result.model,
        provider=result.provider,
        latency_ms=round((time.monotonic() - began) * 1000),
        seconds=sound.seconds,
    )
