"""The transcript shows which document supports each sentence, and marks what none does."""

from __future__ import annotations

from django.test import Client

from conversations.models import Turn, TurnStep
from knowledge.models import Document
from tests.admin.rows import make_conversation, make_document

HOSTILE = "<script>alert(1)</script>"


def examined(document: Document | None, *, hostile: str = "") -> None:
    """Give the only turn a checked draft of three sentences."""
    uuid = "00000000-0000-4000-8000-000000000000" if document is None else document.uuid
    ref = f"{uuid}/3/7"
    passage = {
        "ref": ref,
        "source": f"precos.csv, p. 2{hostile}",
        "title": f"Preços{hostile}",
        "text": f"A limpeza custa R$ 220,00.{hostile}",
    }
    price = {"text": f"R$ 220,00{hostile}", "kind": "money", "refs": [ref], "supported": True}
    late = {"text": f"19h{hostile}", "kind": "time", "refs": [], "supported": False}
    hour = {"text": "15h", "kind": "time", "refs": ["contact"], "supported": True}
    evidence = [
        {"sentence": f"Custa R$ 220,00.{hostile}", "refs": [ref], "supported": True}
        | {"facts": [price]},
        {"sentence": "Abrimos até 19h.", "refs": [], "supported": False, "facts": [late]},
        {"sentence": "Às 15h, então.", "refs": [], "supported": True, "facts": [hour]},
    ]
    TurnStep.objects.filter(kind="retrieve").update(data={"passages": [passage]})
    TurnStep.objects.filter(kind="guard").update(data={"evidence": evidence})


def page(client: Client, pk: int) -> str:
    return client.get(f"/admin/conversations/conversation/{pk}/change/").content.decode()


def test_a_sentence_links_to_its_document_at_the_version_that_was_quoted(owner: Client) -> None:
    document = make_document(name="precos.csv")
    conversation = make_conversation()
    examined(document)

    html = page(owner, conversation.pk)

    assert f'href="/admin/knowledge/document/{document.pk}/change/?version=3"' in html
    assert "precos.csv, p. 2" in html
    assert html.count('class="pz-unsupported"') == 1
    assert "19h" in html


def test_a_document_that_is_gone_is_named_without_a_link(owner: Client) -> None:
    conversation = make_conversation()
    examined(None)

    html = page(owner, conversation.pk)

    assert "precos.csv, p. 2" in html
    assert "/admin/knowledge/document/" not in html.split("pz-evidence")[1].split("</section>")[0]


def test_a_draft_that_was_held_back_is_said_to_be_one(owner: Client) -> None:
    conversation = make_conversation()
    examined(None)
    sent = page(owner, conversation.pk)
    Turn.objects.update(outcome="needs_human", reason="ungrounded")

    held_back = page(owner, conversation.pk)

    heading = 'class="pz-evidence">'
    assert sent.split(heading)[1][:200] != held_back.split(heading)[1][:200]


def test_nothing_of_a_reply_or_a_document_becomes_markup(owner: Client) -> None:
    conversation = make_conversation()
    examined(None, hostile=HOSTILE)

    assert HOSTILE not in page(owner, conversation.pk)


def test_a_damaged_step_does_not_break_the_page(owner: Client) -> None:
    conversation = make_conversation()
    TurnStep.objects.filter(kind="guard").update(
        data={"evidence": [7, {"sentence": None, "facts": "x", "refs": [None]}, {}]}
    )
    TurnStep.objects.filter(kind="retrieve").update(data={"passages": [{}, {"ref": 5}, "x"]})

    assert "pz-evidence" in page(owner, conversation.pk)
