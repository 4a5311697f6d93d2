import hashlib
import hmac
import json
from pathlib import Path

import pytest

from channels_whatsapp.simulator import payloads, wire
from channels_whatsapp.simulator.model import Contact

SAMPLES = Path(__file__).parents[1] / "fixtures" / "bridge"
VECTORS = SAMPLES / "wire"
SIGNATURES = json.loads((VECTORS / "signatures.json").read_text())
USER_ID = "9f2c4b7ae1d04c58b3a6d0e7f1c2a394"
SENT_AT = "2026-08-05T14:03:27-03:00"
MAYA = Contact("447700900123", "Maya Ellison", "447700900123", "198765432101234")
CASES = [(name, mode) for name in SIGNATURES["vectors"] for mode in SIGNATURES["vectors"][name]]


def event_of(name: str) -> dict[str, object]:
    """Return the payload with our own builders, in their own key order."""
    source = payloads.direct_source(MAYA)
    if name == "receipt_read":
        plain = payloads.Source(source.chat, source.sender)
        ids = ["3EB0A1B2C3D4E5F60718", "3EB0A1B2C3D4E5F60717"]
        return payloads.receipt_payload(plain, message_ids=ids, at=SENT_AT, receipt_type="read")
    recorded = json.loads((VECTORS / f"{name}.form-mode.jsonData").read_text())
    content = recorded["event"]["Message"]
    event_info = payloads.info(
        source,
        message_id="ACAB31E96E46F4AC2DA26196580D867D",
        kind="text",
        push_name=MAYA.name,
        at=SENT_AT,
    )
    return {"event": payloads.message_event(event_info, content), "type": "Message"}


@pytest.mark.parametrize(("name", "mode"), CASES, ids=[f"{n}-{m}" for n, m in CASES])
def test_our_bodies_are_the_recorded_bytes(name: str, mode: str) -> None:
    vector = SIGNATURES["vectors"][name][mode]

    content_type, body = wire.webhook_body(
        event_of(name),
        webhook_format=mode.removesuffix("_mode"),
        user_id=USER_ID,
        instance_name="clinic-main",
    )

    assert body == (VECTORS / vector["body_file"]).read_bytes()
    assert len(body) == vector["bytes"]
    assert content_type == vector["content_type"]
    signed = wire.signature(body, key=SIGNATURES["hmac_key"])
    assert signed == vector["x-hmac-signature"]


def test_message_content_carries_todays_context_in_the_recorded_order() -> None:
    recorded = json.loads((VECTORS / "text_conversation.form-mode.jsonData").read_text())
    wanted = recorded["event"]["Message"]["messageContextInfo"]

    built = payloads.context_info("AC1", at=1785949407)

    assert list(built) == list(wanted)
    ours, theirs = built["deviceListMetadata"], wanted["deviceListMetadata"]
    assert isinstance(ours, dict)
    assert list(ours) == list(theirs)


def test_html_and_line_separators_are_escaped_as_go_does() -> None:
    recorded = json.loads((SAMPLES / "text_html_chars.json").read_text())

    text = wire.dump(recorded)

    assert json.loads(text) == recorded
    assert not set("<>&\u2028\u2029") & set(text)
    assert "\\u003c" in text
    assert wire.dump("\u2028\u2029<é😀\x08\x1f") == '"\\u2028\\u2029\\u003cé😀\\b\\u001f"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.1246254, "-0.1246254"),
        (51.0, "51"),
        (0.0, "0"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (2**53 + 1, "9007199254740992"),
        (True, "true"),
        ("\ud800", '"\ufffd\ufffd\ufffd"'),
    ],
)
def test_numbers_and_strings_are_written_as_go_does(value: object, text: str) -> None:
    assert wire.dump(value, through_float64=True) == text


def test_the_signature_is_over_the_raw_body() -> None:
    body = b"a=1&b=%2B"

    assert wire.signature(body, key="k") == hmac.new(b"k", body, hashlib.sha256).hexdigest()
