from __future__ import annotations

import math

import pytest

from integrations.llm.transcription import transcribe
from integrations.llm.types import NOT_MEASURED, ChatConfig, Sound
from tenants.errors import Permanent, Temporary
from tests.fakes.gemini import FakeGemini
from tests.fakes.http import json_answer
from tests.fakes.llm import FakeLLM, Mode

VOICE = Sound("audio/ogg; codecs=opus", b"OggS sound", 3.0)


def config(
    server: FakeLLM | FakeGemini, provider: str = "openai", *, timeout_s: float = 30.0
) -> ChatConfig:
    return ChatConfig(provider, "whisper-1", "k", server.base_url, timeout_s=timeout_s)


def test_a_voice_note_becomes_text() -> None:
    with FakeLLM() as server:
        server.say("quanto custa a limpeza")
        heard = transcribe(config(server), VOICE, language="pt-br")

    assert (heard.text, heard.seconds) == ("quanto custa a limpeza", 3.0)
    body = server.received[0].body
    assert b"OggS sound" in body
    assert b'filename="voice.ogg"' in body
    assert b"\r\npt\r\n" in body


def test_gemini_hears_by_prompt() -> None:
    with FakeGemini() as server:
        server.say("quanto custa a limpeza")
        heard = transcribe(config(server, "gemini"), VOICE, language="pt-br")

    assert heard.text == "quanto custa a limpeza"
    assert heard.usage.output_tokens == 4


@pytest.mark.parametrize(("provider", "kind"), [("openai", FakeLLM), ("gemini", FakeGemini)])
def test_silence_is_an_empty_text(provider: str, kind: type[FakeLLM | FakeGemini]) -> None:
    with kind(Mode.EMPTY) as server:
        assert transcribe(config(server, provider), VOICE, language="pt-br").text == ""


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ({"seconds": 12}, 12.0),
        ({"seconds": -30}, 3.0),
        ({"seconds": math.nan}, 3.0),
        ({"seconds": 1e12}, 3.0),
        ({"seconds": "long"}, 3.0),
        ([], 3.0),
    ],
    ids=str,
)
def test_what_can_be_no_length_is_not_believed(usage: object, seconds: float) -> None:
    with FakeLLM() as server:
        server.script(json_answer({"text": "oi", "usage": usage, "duration": -5.0}))
        heard = transcribe(config(server), VOICE, language="pt-br")

    assert (heard.text, heard.seconds) == ("oi", seconds)


def test_what_can_be_no_count_of_a_sound_is_not_measured() -> None:
    with FakeLLM() as server:
        usage = {"input_tokens": -4, "output_tokens": 2**31}
        server.script(json_answer({"text": "oi", "usage": usage}))
        heard = transcribe(config(server), VOICE, language="pt-br")

    assert heard.usage == NOT_MEASURED


def test_silence_is_paid_for() -> None:
    with FakeGemini(Mode.EMPTY) as server:
        heard = transcribe(config(server, "gemini"), VOICE, language="pt-br")

    assert heard.usage.input_tokens


@pytest.mark.parametrize("mode", [Mode.BUSY, Mode.BROKEN, Mode.SLOW, Mode.NOT_JSON])
def test_what_another_try_may_help_is_temporary(mode: Mode) -> None:
    timeout_s = 0.5 if mode is Mode.SLOW else 30.0
    with FakeLLM(mode) as server, pytest.raises(Temporary):
        transcribe(config(server, timeout_s=timeout_s), VOICE, language="pt-br")


def test_a_refused_key_is_permanent() -> None:
    with FakeLLM(Mode.UNAUTHORIZED) as server, pytest.raises(Permanent, match="401"):
        transcribe(config(server), VOICE, language="pt-br")


@pytest.mark.parametrize(
    ("provider", "sound"),
    [
        ("anthropic", VOICE),
        ("offline", VOICE),
        ("openai", Sound("video/mp4", b"x")),
        ("openai", Sound("audio/ogg", b"")),
    ],
)
def test_what_cannot_be_heard_is_refused_before_any_call(provider: str, sound: Sound) -> None:
    with FakeLLM() as server:
        with pytest.raises(Permanent):
            transcribe(config(server, provider), sound, language="pt-br")
        assert not server.received
