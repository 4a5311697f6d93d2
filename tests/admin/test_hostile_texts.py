"""What contacts write is shown as it is, and never becomes a part of the page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from conversations.models import Contact, Conversation, OutboundMessage, Turn
from integrations.models import McpTool
from tests.admin.rows import fill_everything, make_agent, make_conversation, make_ended

TEXTS = (
    "<script>window.bad=1</script>",
    '<img src=x onerror="window.bad=1">',
    "<svg onload=window.bad=1>",
    '"><script>window.bad=1</script>',
    "' onmouseover='window.bad=1",
    '" onfocus="window.bad=1" autofocus x="',
    '<a href="javascript:window.bad=1">clique</a>',
    "</textarea></pre></details><script>window.bad=1</script>",
    '<iframe srcdoc="<script>parent.bad=1</script>">',
    'https://ok.example/"onclick="window.bad=1',
    "[x](javascript:window.bad=1) ![x](https://evil.example/p.png)",
    '{{constructor.constructor("window.bad=1")()}} {% debug %}{{ settings.SECRET_KEY }}',
    "<math><mtext></mtext><mglyph><style><img src=x onerror=window.bad=1>",
    "\u202egnp.exe",
)


_INERT = ("value", "label")
"""Attributes that hold a text and nothing else."""


class _Reader(HTMLParser):
    """Collects the text of a page and whatever of it could run or load."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.live: list[str] = []
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_script = tag == "script"
        for name, value in attrs:
            if "bad=1" in name or ("bad=1" in (value or "") and name not in _INERT):
                self.live.append(f"<{tag} {name}={value}>")
            if "evil.example" in (value or "") and name in ("src", "href"):
                self.live.append(f"<{tag} {name}={value}>")

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script and "bad=1" in data:
            self.live.append(data)
        self.text += data


def _joined(limit: int) -> list[tuple[str, ...]]:
    """Return the texts in groups which fit together into a field of so many signs."""
    groups: list[tuple[str, ...]] = [()]
    for text in TEXTS:
        if len(" ".join((*groups[-1], text))) > limit:
            groups.append(())
        groups[-1] += (text,)
    return groups


def _read(client: Client, path: str) -> str:
    """Return the text of a page on which nothing may run or load."""
    reader = _Reader()
    reader.feed(client.get(path, follow=True).content.decode())
    assert reader.live == [], path
    return reader.text


BASE = "/admin/conversations"


def test_hostile_texts_stay_text_in_every_list_that_shows_them(owner: Client) -> None:
    for text in TEXTS:
        make_conversation(text=text, name=text[:200], reply=text, agent=make_agent())
        make_ended(text=text)

    for name in ("conversation", "contact", "turn", "outboundmessage"):
        page = _read(owner, f"{BASE}/{name}/")
        assert [text for text in TEXTS if text[:55] not in page] == [], name


@pytest.mark.parametrize("texts", _joined(200), ids=len)
def test_hostile_texts_stay_text_on_every_page_of_one_row(
    texts: tuple[str, ...], owner: Client
) -> None:
    fill_everything(text=" ".join(texts))
    conversation, contact = Conversation.objects.get(status="open"), Contact.objects.earliest("pk")
    turn, sent = Turn.objects.get(), OutboundMessage.objects.get()
    found = McpTool.objects.get()
    pages = {
        f"{BASE}/conversation/{conversation.pk}/change/": True,
        f"{BASE}/contact/{contact.pk}/change/": False,  # there it is the value of a field
        f"{BASE}/turn/{turn.pk}/change/": True,
        f"{BASE}/outboundmessage/{sent.pk}/change/": True,
        f"/admin/integrations/mcptool/{found.pk}/change/": False,  # there its signs are spelt out
    }

    for path, is_text in pages.items():
        page = _read(owner, path)
        if is_text:
            assert [text for text in texts if text[:55] not in page] == [], path
