"""Every reason that the machine keeps has words, and every text a Portuguese one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from agents.types import Reason, StepKind
from channels_whatsapp.bridge import payloads
from channels_whatsapp.models import Device
from channels_whatsapp.services import links
from channels_whatsapp.services import words as event_words
from channels_whatsapp.types import Ignored
from conversations.services import words
from conversations.types import Silence

BRIDGE_SAMPLES = sorted((Path(__file__).parent.parent / "fixtures" / "bridge").glob("*.json"))


@pytest.mark.parametrize("silence", [one for one in Silence if one])
def test_a_silence_has_words(silence: Silence) -> None:
    assert words.silence(silence) != silence.value
    assert event_words.why(silence) != silence.value


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_has_words(reason: Reason) -> None:
    assert words.reason(reason) != reason.value


@pytest.mark.parametrize("kind", list(StepKind))
def test_a_step_has_a_name(kind: StepKind) -> None:
    assert words.step(kind) != kind.value


@pytest.mark.parametrize("path", BRIDGE_SAMPLES, ids=lambda path: path.stem)
def test_what_the_bridge_sends_is_explained(path: Path) -> None:
    event = payloads.parse(json.loads(path.read_bytes()))

    if isinstance(event, Ignored):
        assert event_words.why(event.reason) != event.reason


@pytest.mark.parametrize("state", list(Device.State))
def test_a_link_says_what_helps(state: Device.State) -> None:
    link = links.link(Device(name="x", state=state))

    assert link.label
    assert link.advice or link.tone == "good"


def test_a_reason_with_a_detail_keeps_it() -> None:
    with translation.override("pt-br"):
        text = words.reason("an answer could not be sent: bridge answered 500: boom")

    assert text == "uma resposta não pôde ser enviada: a ponte respondeu 500: boom"
    assert words.reason("something unheard of") == "something unheard of"


def test_what_nobody_measured_is_not_zero() -> None:
    with translation.override("pt-br"):
        assert words.seconds(None) == words.count(None) == "não medido"
        assert [words.seconds(ms) for ms in (44, 6200, 600_000)] == [
            "44\u00a0ms",
            "6,2\u00a0s",
            "10\u00a0min",
        ]


def test_the_catalogue_is_complete() -> None:
    path = Path(settings.LOCALE_PATHS[0]) / "pt_BR" / "LC_MESSAGES" / "django.po"
    entries = path.read_text(encoding="utf-8").split("\n\n")[1:]

    for entry in entries:
        assert not re.search(r'^msgstr(\[\d\])? ""$(?!\n")', entry, re.MULTILINE), entry
        assert "#, fuzzy" not in entry


def test_every_marked_text_is_found_by_the_extraction() -> None:
    """`makemessages` knows functions by their names, so under another one a text is never seen."""
    root = Path(settings.LOCALE_PATHS[0]).parent
    renamed = re.compile(r"import .*gettext\w* as (?!_\b)\w+")

    for path in (one for app in root.glob("*/__init__.py") for one in app.parent.rglob("*.py")):
        assert not renamed.search(path.read_text(encoding="utf-8")), path
