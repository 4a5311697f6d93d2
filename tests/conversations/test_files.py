"""Files of messages: fetched within limits, put into words before the burst closes, and shown."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.services import publishing
from channels_whatsapp.models import MOST_FILE_MB, Device
from channels_whatsapp.services import reception
from conversations.models import (
    Attachment,
    AttachmentContent,
    Contact,
    Conversation,
    InboundMessage,
    OutboundMessage,
    Turn,
)
from conversations.services import (
    attaching,
    describing,
    file_work,
    orchestrator,
    takeover,
    worklist,
)
from integrations.models import Budget, Credential, ModelCall, ModelChoice, Notice
from integrations.services.credentials import ensure_credential
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer
from tests.factories import (
    due_now,
    learn,
    make_agent,
    make_device,
    message_body,
    phone_body,
    receive,
    work,
)
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once

OGG = b"OggS" + b"\x00" * 60
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 60
TRANSCRIPTIONS = "/v1/audio/transcriptions"


def choose(llm: FakeLLM, *purposes: str) -> None:
    key = ensure_credential(
        name="ouvido", provider="openai_compatible", base_url=llm.base_url, api_key="none"
    ).credential
    for purpose in purposes:
        ModelChoice.objects.create(purpose=purpose, credential=key, model=f"{purpose}-1")


def file_body(
    kind: str = "audio", *, data: bytes | None = None, ref: str = "F1", **fields: object
) -> bytes:
    """Return a webhook with a file, brought along where `data` is given."""
    event = json.loads(message_body(ref=ref))
    known = {"audio": {"seconds": 12, "PTT": True, "mimetype": "audio/ogg; codecs=opus"}}
    event["event"]["Message"] = {
        f"{kind}Message": {
            "URL": "https://mmg.whatsapp.net/x",
            "directPath": "/x",
            "mediaKey": "a2V5",
            "fileLength": 64,
            **known.get(kind, {}),
            **fields,
        }
    }
    if data is not None:
        event["base64"] = base64.b64encode(data).decode()
    return json.dumps(event).encode()


def downloads(data: bytes) -> Answer:
    url = f"data:application/ogg;base64,{base64.b64encode(data).decode()}"
    return json_answer({"code": 200, "data": {"Data": url, "Mimetype": "x"}, "success": True})


def replies() -> list[str]:
    return list(OutboundMessage.objects.order_by("pk").values_list("text", flat=True))


def told() -> str:
    """Return what an agent is told of the last message, in the tenant's language."""
    message = InboundMessage.objects.select_related("attachment").order_by("pk").last()
    assert message is not None
    with override("pt-br"):
        return describing.told(message)


def test_a_voice_note_is_answered_as_if_it_had_been_typed(alpha, bridge, llm):
    learn()
    choose(llm, "transcribe")
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    llm.say("quanto custa a limpeza?")

    receive(device, file_body(data=OGG))
    work()

    assert [text.splitlines()[-1] for text in replies()] == ["A limpeza completa custa R$ 220,00."]
    assert Attachment.objects.get().words == "quanto custa a limpeza?"
    # What the model that answers was told.
    asked = str(llm.prompts[-1][-1]["content"])
    assert told() in asked
    assert "12 s: quanto custa a limpeza?]" in told()
    call = ModelCall.objects.get(purpose="transcribe")
    assert call.conversation_uuid == Conversation.objects.get().uuid
    assert call.credential == str(Credential.objects.get(name="ouvido").uuid)


def test_an_agents_own_model_hears_for_it_within_its_own_budget(alpha, bridge, llm):
    choose(llm, "transcribe")
    key = ensure_credential(
        name="dele", provider="openai_compatible", base_url=llm.base_url, api_key="none"
    ).credential
    spare = {"credential": str(key.uuid), "model": "whisper-2"}
    agent = Agent.objects.create(name="Recepção")
    agent.purposes = {
        # Nothing listens at the first address: whom the agent named for that case hears instead.
        "transcribe": {**dead_model(), "timeout_s": 9, "fallbacks": [spare]},
        "vision": {**spare, "model": "olho-1", "timeout_s": 9, "fallbacks": []},
    }
    agent.save()
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    device = make_device(agent, bridge_url=bridge.url)
    llm.say("quanto custa?")

    receive(device, file_body(data=OGG, ref="F1"))
    work()
    receive(device, file_body("image", data=JPEG, mimetype="image/jpeg", ref="F2"))
    work()

    told = ModelCall.objects.order_by("pk").values_list("purpose", "model", "agent_name", "hop")
    assert list(told) == [
        ("transcribe", "whisper-2", "Recepção", 1),
        ("transcribe", "whisper-1", "Recepção", 0),
        ("vision", "olho-1", "Recepção", 0),
    ]
    assert attaching.readable_kinds(Conversation.objects.get()) == {"audio", "image"}

    # The agent's budget holds for what it hears, and is told at once.
    Budget.objects.create(level="agent", agent_uuid=agent.uuid, limit_usd=0)
    receive(device, file_body(data=OGG, ref="F3"))
    work()

    assert Attachment.objects.latest("pk").problem == "budget"
    assert Notice.objects.get().kind == "budget.exhausted"
    assert ModelCall.objects.count() == 3


def dead_model() -> dict[str, str]:
    key = ensure_credential(
        name="fora", provider="openai_compatible", base_url="http://127.0.0.1:9/v1", api_key="none"
    ).credential
    return {"credential": str(key.uuid), "model": "whisper-1"}


def test_a_burst_waits_for_the_words_and_no_longer_than_its_limit(alpha, bridge, llm):
    learn()
    choose(llm, "transcribe")
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    receive(device, message_body("qual o preço da limpeza?", ref="A1"), file_body(data=OGG))

    (bell,) = timers.claim_due(kind="turn", max_running=9, limit=9)
    outcome = orchestrator.run_turn(timer_id=bell.timer_id, token=bell.token)

    assert outcome == "waits_for_files"
    conversation = Conversation.objects.get()
    assert conversation.waits_until == Attachment.objects.get().wait_until
    assert Timer.objects.get(kind="turn").due_at == conversation.waits_until

    # Nobody transcribes it in time: the answer goes on and is told so.
    Attachment.objects.update(wait_until=database_now() - timedelta(seconds=1))
    Timer.objects.filter(kind="turn").update(due_at=database_now() - timedelta(seconds=1))
    Timer.objects.filter(kind="media").delete()
    work()

    assert told() in str(llm.prompts[-1][-1]["content"])
    assert Attachment.objects.get().words == ""
    assert len(replies()) == 1


def test_the_words_that_are_there_close_the_burst_at_once(alpha, bridge, llm):
    learn()
    choose(llm, "transcribe")
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    receive(device, file_body(data=OGG))
    llm.say("quanto custa a limpeza?")
    work(rounds=1)  # the file, then the burst

    assert Timer.objects.filter(kind="turn").count() == 0
    assert Turn.objects.get().status == "done"


def test_what_the_bridge_did_not_bring_is_fetched(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    bridge.script(downloads(JPEG), path="/chat/downloadimage")

    receive(device, file_body("image", caption="meu encaminhamento"))
    work()

    found = Attachment.objects.get()
    assert (found.status, found.media_type, found.source) == ("stored", "image/jpeg", {})
    assert bytes(AttachmentContent.objects.get().data) == JPEG
    asked = [one for one in bridge.received if one.path == "/chat/downloadimage"]
    assert json.loads(asked[0].body)["mediaKey"] == "a2V5"


def test_a_bridge_that_is_away_is_asked_again_and_a_file_that_is_gone_is_not(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    bridge.script(Answer(503), path="/chat/downloadimage")
    receive(device, file_body("image"))
    work(rounds=1)
    assert Attachment.objects.get().status == "waiting"

    gone = {"code": 500, "error": "failed to download image: status 403", "success": False}
    bridge.script(json_answer(gone, status=500), path="/chat/downloadimage")
    due_now()
    work(rounds=1)
    found = Attachment.objects.get()
    assert (found.status, found.problem) == ("failed", "gone")

    bridge.script(downloads(JPEG), path="/chat/downloadimage")
    attaching.try_again(attachment_uuid=found.uuid, actor="ana", now=database_now())
    work(rounds=1)
    assert Attachment.objects.get().status == "stored"
    with pytest.raises(attaching.NotAgain):
        attaching.try_again(attachment_uuid=found.uuid, actor="ana", now=database_now())


def test_a_file_that_killed_its_workers_is_given_up(alpha, bridge):
    """A worker that dies writes nothing; only the count of the beginnings tells of it."""
    device = make_device(make_agent(), bridge_url=bridge.url)
    receive(device, file_body("image"))
    Timer.objects.filter(kind="media").update(n_attempts=file_work.MAX_TRIES)

    work(rounds=1)

    found = Attachment.objects.get()
    assert (found.status, found.problem) == ("failed", "error")
    assert not Timer.objects.filter(kind="media").exists()
    assert not [one for one in bridge.received if one.path.startswith("/chat/download")]


@pytest.mark.parametrize(
    ("body", "edit", "problem"),
    [
        (file_body("image", data=JPEG), {"kept_files": ["audio"]}, "kind"),
        (file_body("image", fileLength=9_000_000), {"file_max_mb": 8}, "too_large"),
        (file_body("image", data=JPEG + b"\x00" * 2_000_000), {"file_max_mb": 1}, "too_large"),
    ],
    ids=["kind", "announced", "brought"],
)
def test_what_is_not_kept_is_left_where_it_is(alpha, body, edit, problem):
    device = make_device(make_agent())
    usual = {
        "groups": "ignore",
        "kept_files": ["image"],
        "file_max_mb": 16,
        "sound_max_s": 300,
        "file_wait_s": 25,
    }
    reception.set_reception(
        device=device, edit=reception.ReceptionEdit(**{**usual, **edit}), actor="ana"
    )

    receive(device, body)

    found = Attachment.objects.get()
    assert (found.status, found.problem) == ("refused", problem)
    assert not AttachmentContent.objects.exists()
    assert not Timer.objects.filter(kind="media").exists()


def test_a_long_recording_is_kept_and_not_transcribed(alpha, llm):
    choose(llm, "transcribe")
    device = make_device(make_agent())

    receive(device, file_body(data=OGG, seconds=301))

    found = Attachment.objects.get()
    assert (found.status, found.reading, found.problem) == ("stored", "failed", "too_long")


def test_an_image_is_described_where_there_is_a_model_and_its_orders_are_data(alpha, bridge, llm):
    learn()
    choose(llm, "vision")
    llm.mode = Mode.SCRIPTED
    device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
    llm.say("Um encaminhamento para limpeza.", "A limpeza completa custa R$ 220,00.")

    receive(device, file_body("image", data=JPEG, caption="quanto custa a limpeza?"))
    work()

    seen, answered = llm.prompts
    assert "data:image/jpeg;base64," in str(seen)
    assert ": Um encaminhamento para limpeza.] quanto custa a limpeza?" in str(answered)
    assert told() in str(answered)


@pytest.mark.parametrize(
    "data",
    [b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", b"<html><script>1</script>"],
    ids=["svg", "html"],
)
def test_what_only_says_that_it_is_an_image_is_a_download(alpha, llm, data):
    choose(llm, "vision")
    device = make_device(make_agent())

    receive(device, file_body("image", data=data, mimetype="image/jpeg"))
    work(rounds=1)

    found = Attachment.objects.get()
    assert found.media_type == "application/octet-stream"
    assert (found.reading, found.problem) == ("failed", "not_an_image")
    assert llm.prompts == []


def test_a_view_once_image_is_not_kept_even_where_it_was_brought(alpha):
    device = make_device(make_agent())
    event = json.loads(file_body("image", data=JPEG))
    event["event"]["IsViewOnce"] = True

    receive(device, json.dumps(event).encode())

    assert Attachment.objects.get().problem == "view_once"
    assert not AttachmentContent.objects.exists()


def test_a_voice_note_can_ask_to_be_left_alone(alpha, bridge, llm):
    choose(llm, "transcribe")
    device = make_device(make_agent(), bridge_url=bridge.url)
    llm.say("Pare de me mandar mensagens.")

    receive(device, file_body(data=OGG))
    work()

    assert Contact.objects.get().opted_out_at is not None
    assert len(replies()) == 1


def test_what_nobody_said_is_no_transcription(alpha, llm):
    choose(llm, "transcribe")
    device = make_device(make_agent())
    llm.say("Legendas pela comunidade Amara.org")

    receive(device, file_body(data=OGG))
    work(rounds=1)

    assert (Attachment.objects.get().reading, Attachment.objects.get().words) == ("done", "")


def test_a_message_that_came_unreadable_is_replaced_by_itself(alpha):
    device = make_device(make_agent())
    event = json.loads(message_body(ref="U1"))
    event["type"] = "UndecryptableMessage"
    event["event"].pop("Message")

    receive(device, json.dumps(event).encode())
    assert InboundMessage.objects.get().silence_reason == "unreadable"
    receive(device, message_body("agora sim", ref="U1"))

    message = InboundMessage.objects.get()
    assert (message.text, message.silence_reason) == ("agora sim", "")
    assert Timer.objects.filter(kind="turn").exists()


def test_people_read_in_the_queue_what_was_said(alpha, llm):
    choose(llm, "transcribe")
    device = make_device(make_agent())
    receive(device, message_body("quero falar com uma pessoa"))
    work()
    llm.say("ainda estou esperando")
    receive(device, file_body(data=OGG))
    work()

    (row,) = worklist.worklist(username="ana", view=worklist.View.FREE, now=database_now()).rows
    assert "ainda estou esperando" in row.said


def test_a_recording_of_the_phones_owner_takes_the_conversation(alpha):
    device = make_device(make_agent())
    receive(device, message_body("quanto custa a limpeza?"))
    event = json.loads(phone_body(""))
    event["event"]["Message"] = json.loads(file_body())["event"]["Message"]
    receive(device, json.dumps(event).encode())

    assert Conversation.objects.get().claimed_by == takeover.PHONE
    assert OutboundMessage.objects.get().text.startswith("[")
    assert not Attachment.objects.exists()


def test_two_tenants_keep_files_of_the_same_ids_apart(alpha, beta):
    body = file_body("image", data=JPEG)
    receive(make_device(make_agent()), body)
    with tenant_context(beta):
        receive(make_device(make_agent()), file_body("image", data=JPEG + b"beta"))
        assert Attachment.objects.get().pk == Attachment.objects.order_by("pk").first().pk
        theirs = Attachment.objects.get()

    assert bytes(AttachmentContent.objects.get().data) == JPEG
    assert not Attachment.objects.filter(uuid=theirs.uuid).exists()
    assert Device.objects.count() == 1


def test_the_largest_file_that_can_be_allowed_gets_through(alpha, bridge):
    device = make_device(make_agent(), bridge_url=bridge.url)
    Device.objects.update(file_max_mb=MOST_FILE_MB)
    data = JPEG + b"\0" * (MOST_FILE_MB * 1024 * 1024 - len(JPEG))
    bridge.script(downloads(data), path="/chat/downloadimage")
    receive(device, file_body("image"))

    work()

    assert Attachment.objects.get().status == "stored"
    assert Attachment.objects.get().n_bytes == len(data)


def test_two_workers_transcribe_a_note_once(committed_alpha, llm):
    choose(llm, "transcribe")
    device = make_device(make_agent())
    receive(device, file_body(data=OGG))
    (bell,) = timers.claim_due(kind="media", max_running=9, limit=9)
    llm.say("oi")

    outcomes = at_once(*[lambda: file_work.work_on(timer_id=bell.timer_id, token=bell.token)] * 2)

    assert sorted(outcomes) == ["done", "not_ours"]
    assert len([one for one in llm.received if one.path == TRANSCRIPTIONS]) == 1
