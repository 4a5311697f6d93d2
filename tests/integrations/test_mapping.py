"""Bodies in the words of other systems: filled, checked, and never a program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations import mapping
from integrations.models import WebhookEndpoint
from integrations.services import endpoints
from tests.fakes.receiver import Receiver
from tests.integrations.events import SECRET, deliver, happen, make_endpoint

VALUES: dict[str, Any] = {
    "lead_id": "5f8a4a0e-2f43-4f3c-8f0a-0b6f5a3d9c21",
    "name": "Ana Maria Souza",
    "email": "ana@example.com",
    "phone": "5511988887777",
    "company": None,
    "need": 'um "site"\ncom {{ name }}',
    "budget": "5 mil",
    "score": 75,
    "is_qualified": True,
    "event_type": "lead.qualified",
}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        pytest.param({"a": "{{ name }}"}, {"a": "Ana Maria Souza"}, id="a text"),
        pytest.param({"a": "{{score}}"}, {"a": 75}, id="alone a number stays one"),
        pytest.param({"a": "de {{ score }} pontos"}, {"a": "de 75 pontos"}, id="among words"),
        pytest.param({"a": "{{ is_qualified }}"}, {"a": True}, id="true"),
        pytest.param({"a": "{{ company }}", "b": 1}, {"b": 1}, id="nothing goes with its key"),
        pytest.param({"a": [{"b": "{{ company }}"}], "c": 1}, {"c": 1}, id="and what held it"),
        pytest.param({"a": "{{ company }}"}, None, id="nothing at all"),
        pytest.param({"a": "{{ name|first }}"}, {"a": "Ana"}, id="first"),
        pytest.param({"a": "{{ name | last }}"}, {"a": "Maria Souza"}, id="last"),
        pytest.param({"a": "+{{ phone|digits }}"}, {"a": "+5511988887777"}, id="digits"),
        pytest.param({"a": "{{ budget|upper }}"}, {"a": "5 MIL"}, id="upper"),
        pytest.param({"a": "{{ name }} {{ company }}"}, {"a": "Ana Maria Souza "}, id="some"),
        pytest.param({"a": "{{ custom_area }}", "b": "x"}, {"b": "x"}, id="a field that is gone"),
        pytest.param({"a": None, "b": 1.5}, {"b": 1.5}, id="plain values"),
    ],
)
def test_a_template_is_filled(template: Any, filled: Any) -> None:
    mapping.check(template)

    assert mapping.fill(template, VALUES) == filled


def test_a_value_is_data_whatever_it_holds() -> None:
    filled = mapping.fill({"a": "{{ need }}", "b": "x {{ need }}"}, VALUES)

    assert filled == {"a": VALUES["need"], "b": f"x {VALUES['need']}"}
    assert json.loads(json.dumps(filled)) == filled


@pytest.mark.parametrize(
    "template",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="empty"),
        pytest.param({"a": "{{ nobody }}"}, id="no such field"),
        pytest.param({"a": "{{ name|shout }}"}, id="no such filter"),
        pytest.param({"a": "{{ name.__class__ }}"}, id="an attribute"),
        pytest.param({"a": "{{ name"}, id="not closed"),
        pytest.param({"a": "{% for x in y %}{{ }}"}, id="a program"),
        pytest.param({"{{ name }}": 1}, id="a field as a key"),
        pytest.param({"a": float("nan")}, id="no number"),
        pytest.param({"a": [float("inf")]}, id="no end"),
        pytest.param({"a": "x\x00"}, id="a zero byte"),
        pytest.param({"a": "\ud83d"}, id="half a character"),
        pytest.param({"\x00": "a"}, id="a zero byte in a key"),
        pytest.param({"a": "x" * mapping.MAX_TEMPLATE}, id="too long"),
        pytest.param({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, id="deep"),
    ],
)
def test_what_is_no_template_is_refused(template: Any) -> None:
    with pytest.raises(mapping.BadTemplate):
        mapping.check(template)


@pytest.mark.parametrize("name", mapping.READY)
def test_the_ready_ones_can_be_used(name: str) -> None:
    mapping.check(mapping.READY[name])

    filled = mapping.fill(mapping.READY[name], VALUES)

    assert "ana@example.com" in json.dumps(filled)


def test_the_ready_ones_have_the_shapes_that_are_asked_for() -> None:
    shapes = {name: mapping.fill(one, VALUES) for name, one in mapping.READY.items()}

    assert shapes["rdstation"]["event_type"] == "CONVERSION"
    assert shapes["rdstation"]["payload"]["mobile_phone"] == "+5511988887777"
    [contact] = shapes["hubspot"]["inputs"]
    assert (contact["id"], contact["properties"]["lastname"]) == ("ana@example.com", "Maria Souza")
    assert shapes["pipedrive"]["email"] == [
        {"value": "ana@example.com", "primary": True, "label": "work"}
    ]
    assert shapes["n8n"]["lead_id"] == VALUES["lead_id"]
    assert all(not isinstance(one, dict | list) for one in shapes["n8n"].values())


def test_an_endpoint_gets_its_own_body_under_the_same_signature(alpha) -> None:
    with Receiver() as crm:
        endpoint = make_endpoint(f"{crm.url}/", template={"who": "{{ contact_name|upper }}"})
        [event] = happen()
        deliver()

        assert crm.bodies(SECRET) == [{"who": "ANA"}]
        assert crm.ids() == [str(event.uuid)]

        endpoints.set_template(endpoint_id=endpoint.pk, template={"tipo": "{{ event_type }}"})
        endpoints.replay_deliveries(delivery_ids=[event.deliveries.get().pk], now=event.occurred_at)
        deliver()
        assert crm.bodies(SECRET)[1:] == [{"tipo": "conversation.opened"}]
        assert crm.ids() == [str(event.uuid)] * 2

        endpoints.send_test(endpoint_id=endpoint.pk, now=event.occurred_at)
        deliver()
        assert crm.bodies(SECRET)[2]["type"] == "endpoint.test"


def test_an_endpoint_keeps_its_body_and_refuses_a_wrong_one(alpha) -> None:
    make_endpoint("https://crm.example/", template={"a": "{{ contact_name }}"})
    make_endpoint("https://crm.example/v2")  # says nothing of a body
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.template == {"a": "{{ contact_name }}"}

    with pytest.raises(endpoints.BadEndpoint):
        endpoints.set_template(endpoint_id=endpoint.pk, template={"a": "{{ nobody }}"})
    make_endpoint("https://crm.example/v2", template=None)
    endpoint.refresh_from_db()
    assert endpoint.template is None
