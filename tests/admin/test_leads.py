"""The pages of leads: board, one lead, file, setup, and bodies for other systems."""

from __future__ import annotations

import csv
import io
import json

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django_tenants.utils import tenant_context

from conversations.models import (
    Lead,
    LeadField,
    LeadMove,
    LeadSettings,
    LeadSource,
    LeadStage,
    LeadValue,
)
from conversations.services import lead_export, lead_fields, lead_stages, leads
from integrations.models import WebhookEndpoint
from tenants.services import staff
from tenants.sites import tenant_site
from tests.conversations.leads import make_qualifier, say, values, write
from tests.factories import make_device
from tests.integrations.events import make_endpoint


def logged_in(role: str = "manager", *, slug: str = "alpha") -> Client:
    staff.ensure_roles()
    user, _ = staff.ensure_user(
        username=f"{role}-1", email="", role=role, password=None, is_operator=False
    )
    client = Client(headers={"host": f"{slug}.localhost"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def lead(alpha) -> Lead:
    device = make_device(make_qualifier())
    say(write(device, "quero um <b>site</b> novo"), "need", "site <b>novo</b>")
    say(write(device, "tenho 5 mil"), "budget", "5 mil")
    return say(write(device, "não, 3 mil"), "budget", "3 mil")


def page(name: str, *args: object) -> str:
    with_args = [str(one) for one in args]
    return reverse(f"admin:conversations_lead_{name}", args=with_args, urlconf="config.urls_tenant")


def test_the_board_shows_each_stage_with_its_leads(lead):
    text = logged_in().get(page("board")).content.decode()

    assert 'data-stage="' in text
    assert "site &lt;b&gt;novo&lt;/b&gt;" in text
    assert text.count('class="pz-lead-card"') == 1
    assert text.count('class="pz-stage ') == 5


def test_the_board_of_a_business_without_leads_says_what_to_do(alpha):
    text = logged_in().get(page("board")).content.decode()

    assert "pz-stage-empty" in text
    assert reverse("admin:agents_agent_changelist", urlconf="config.urls_tenant") in text


def test_the_board_costs_the_same_for_one_lead_and_for_many(lead, django_assert_max_num_queries):
    client = logged_in()
    client.get(page("board"))
    device = make_device(lead.conversation.agent)
    for number in range(5):
        said = write(device, "quero um app", phone=f"551190000{number:04d}")
        say(said, "need", "app")

    with django_assert_max_num_queries(22):
        client.get(page("board"))


def test_a_move_can_be_taken_back(lead):
    client = logged_in("attendant")
    won, before = LeadStage.objects.get(kind="won"), lead.stage_id

    moved = client.post(page("move", lead.pk), {"stage": won.pk})
    lead.refresh_from_db()
    assert (lead.stage_id, lead.is_placed, lead.closed_at is None) == (won.pk, True, False)
    assert lead.qualified_at is not None
    board = client.get(moved["Location"]).content.decode()
    undo = page("undo", LeadMove.objects.get().uuid)
    assert undo in board

    client.post(undo)
    lead.refresh_from_db()
    assert (lead.stage_id, lead.is_placed, lead.closed_at) == (before, False, None)
    assert lead.qualified_at is None
    assert client.post(undo).status_code == 302  # says that it was moved meanwhile
    assert LeadMove.objects.filter(is_undone=True).count() == 1


def test_a_closed_lead_stays_closed_where_its_contact_has_another(lead):
    client = logged_in()
    lost = LeadStage.objects.get(kind="lost")
    client.post(page("move", lead.pk), {"stage": lost.pk})
    say(lead.conversation, "need", "app")

    client.post(page("undo", LeadMove.objects.get().uuid))

    lead.refresh_from_db()
    assert lead.stage_id == lost.pk
    assert LeadMove.objects.filter(is_undone=True).count() == 0


def test_a_lead_that_a_person_placed_stays_there(lead):
    first = LeadStage.objects.get(name=lead.stage.name)
    proposal = LeadStage.objects.filter(kind="qualified").latest("position")
    lead_stages.move(lead=lead, stage_id=proposal.pk, actor="rosa", now=timezone.now())
    lead_stages.move(lead=lead, stage_id=first.pk, actor="rosa", now=timezone.now())
    LeadSettings.objects.create(pk=1, qualified_from=10)
    lead_fields.changed_here()
    say(lead.conversation, "timing", "já")

    lead.refresh_from_db()
    assert lead.stage_id == first.pk


def test_the_page_of_a_lead_shows_words_message_contradiction_and_rule(lead):
    text = logged_in().get(page("change", lead.pk)).content.decode()

    assert "“tenho 5 mil”" in text
    assert "“não, 3 mil”" in text
    assert f"#i{LeadValue.objects.get(value='3 mil').message_id}" in text
    assert "pz-contradiction" in text
    assert f"<strong>{lead.score}</strong>" in text
    assert "25 / 25" in text


def test_a_person_corrects_settles_and_lets_go(lead):
    client = logged_in()
    other = LeadValue.objects.get(value="5 mil")

    client.post(page("settle", lead.pk), {"value": other.pk})
    assert values(lead)["budget"] == "5 mil"
    client.post(page("correct", lead.pk), {"key": "budget", "value": "9 mil", "against": "on"})
    assert values(lead)["budget"] == "9 mil"
    assert LeadValue.objects.get(value="9 mil").is_against
    client.post(page("release", lead.pk), {"key": "budget"})
    assert values(lead)["budget"] == "3 mil"
    client.post(page("correct", lead.pk), {"key": "owner", "value": "x"})
    assert "owner" not in values(lead)


def test_who_may_only_look_changes_nothing(lead):
    client = logged_in("auditor")

    assert client.get(page("change", lead.pk)).status_code == 200
    for name, data in (
        ("move", {"stage": LeadStage.objects.latest("pk").pk}),
        ("correct", {"key": "need", "value": "x"}),
        ("settle", {"value": "1"}),
        ("release", {"key": "need"}),
    ):
        assert client.post(page(name, lead.pk), data).status_code == 403
    assert client.get(page("export")).status_code == 403


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "  =", "＝"])
def test_no_cell_of_the_file_is_a_formula(lead, sign):
    LeadField.objects.create(key="pages", label=f"{sign}1+1", points=0)
    lead_fields.changed_here()
    evil = f'{sign}HYPERLINK("http://x")'
    contact = lead.contact
    contact.name = evil
    contact.save()
    say(lead.conversation, "authority", evil, words=evil)

    answer = logged_in().get(page("export"))

    cells = [cell for row in rows_of(b"".join(answer.streaming_content)) for cell in row]
    assert not [cell for cell in cells if cell.lstrip()[:1] in "=+-@＝" and cell.strip()]
    assert [cell for cell in cells if "HYPERLINK" in cell]


def test_the_file_is_made_in_parts_and_keeps_to_the_filter(lead, monkeypatch):
    device = make_device(lead.conversation.agent)
    for number in range(4):
        say(write(device, "um app", phone=f"551190000{number:04d}"), "need", f"app {number}")
    monkeypatch.setattr(lead_export, "AT_ONCE", 2)
    client = logged_in()

    whole = client.get(page("export"))
    parts = list(whole.streaming_content)
    assert len(parts) == 3
    assert len(rows_of(b"".join(parts))) == 6
    stage = LeadStage.objects.get(kind="won")
    none = client.get(page("export"), {"stage__id__exact": stage.pk})
    assert len(rows_of(b"".join(none.streaming_content))) == 1


def test_an_asynchronous_server_sends_the_file_part_by_part(alpha, monkeypatch):
    device = make_device(make_qualifier())
    for number in range(3):
        say(write(device, "um app", phone=f"551190000{number:04d}"), "need", f"app {number}")
    monkeypatch.setattr(lead_export, "AT_ONCE", 2)

    scope = {"type": "http", "method": "GET", "path": page("export"), "headers": []}
    request = ASGIRequest(scope, io.BytesIO())
    logged_in()
    request.user = get_user_model().objects.get(username="manager-1")
    with translation.override("pt-br"):
        answer = tenant_site.get_model_admin(Lead).export_view(request)

    async def collect() -> list[bytes]:
        # As a server reads it: the request is over.
        await sync_to_async(connection.set_schema_to_public)()
        with translation.override("en"):
            return [part async for part in answer.streaming_content]

    parts = async_to_sync(collect)()

    assert len(parts) == 2
    rows = rows_of(b"".join(parts))
    assert len(rows) == 4
    assert "telefone" in rows[0]


def admin(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args, urlconf="config.urls_tenant")


def test_points_are_set_and_leads_scored_by_them(lead):
    client = logged_in()
    given = {f"points_{key}": 0 for key in lead_fields.rules().points}
    form = admin("conversations_leadsettings_changelist")
    assert client.get(form).status_code == 200

    answer = client.post(form, {**given, "points_need": 10, "qualified_from": 90})

    assert answer.status_code == 302
    assert lead_fields.rules().points["budget"] == 0
    leads.score_all(now=timezone.now())
    lead.refresh_from_db()
    assert lead.score == 100


def test_an_own_field_is_made_and_told_to_agents(alpha):
    client = logged_in()
    data = {
        "key": "square_meters",
        "label": "Área",
        "about": "m2",
        "choices": "até 50\nmais",
        "points": 5,
        "position": 0,
        "is_active": "on",
    }

    assert client.post(admin("conversations_leadfield_add"), data).status_code == 302
    assert lead_fields.for_agents()[-1].choices == ("até 50", "mais")
    refused = client.post(admin("conversations_leadfield_add"), {**data, "key": "need"})
    assert refused.status_code == 200
    assert LeadField.objects.count() == 1


def test_stages_are_there_to_begin_with_and_stay_while_leads_stand_in_them(lead):
    client = logged_in()
    assert client.get(admin("conversations_leadstage_changelist")).status_code == 200

    taken = admin("conversations_leadstage_delete", lead.stage_id)
    assert client.post(taken, {"post": "yes"}).status_code == 403
    free = LeadStage.objects.get(kind="lost")
    client.post(admin("conversations_leadstage_delete", free.pk), {"post": "yes"})
    assert not LeadStage.objects.filter(pk=free.pk).exists()


def test_a_stage_with_leads_does_not_begin_to_end_them(lead):
    client, here = logged_in(), admin("conversations_leadstage_change", lead.stage_id)
    wanted = {"name": "Ganho já", "kind": "won", "position": 0}

    refused = client.post(here, wanted)

    assert "Há leads nesta etapa" in refused.content.decode()
    assert LeadStage.objects.get(pk=lead.stage_id).kind == "open"
    assert client.post(here, {**wanted, "kind": "qualified"}).status_code == 302
    lost = LeadStage.objects.get(kind="lost")
    free = admin("conversations_leadstage_change", lost.pk)
    assert client.post(free, {**wanted, "name": "Livre"}).status_code == 302


def test_a_source_is_made_and_its_secret_shown_once(alpha):
    device = make_device(make_qualifier())
    client = logged_in()
    data = {
        "name": "site",
        "account": str(device.uuid),
        "first_message": "Olá {{ name|first }}!",
        "places": "phone = tel",
    }

    answer = client.post(admin("conversations_leadsource_add"), data, follow=True)

    source = LeadSource.objects.get()
    text = answer.content.decode()
    assert source.secret() in text
    assert f"http://alpha.localhost/hooks/leads/{source.uuid}/" in text
    assert source.fields == {"phone": "tel"}
    own = admin("conversations_leadsource_change", source.pk)
    assert source.secret() not in client.get(own).content.decode()
    client.post(own, {**data, "is_active": "on", "conversations_leadsource_new_secret": "1"})
    assert LeadSource.objects.get().secret() != source.secret()
    wrong = client.post(own, {**data, "places": "phone"})
    assert "errornote" in wrong.content.decode() or wrong.status_code == 200


def test_a_body_is_tried_with_a_real_lead_before_it_is_kept(lead):
    endpoint = make_endpoint("https://crm.example/", "lead.qualified")
    client, body = logged_in(), admin("integrations_webhookendpoint_body", endpoint.pk)
    text = json.dumps({"quanto": "{{ budget }}", "quem": "{{ name|upper }}"})

    assert "3 mil" in client.get(body).content.decode()  # of the event itself
    tried = client.post(body, {"template": text, "sample": str(lead.uuid), "preview": "1"})
    shown = tried.content.decode()
    assert "&quot;quanto&quot;: &quot;3 mil&quot;" in shown
    assert WebhookEndpoint.objects.get().template is None

    client.post(body, {"template": text, "sample": str(lead.uuid), "keep": "1"})
    assert WebhookEndpoint.objects.get().template == json.loads(text)
    client.post(body, {"template": " ", "keep": "1"})
    assert WebhookEndpoint.objects.get().template is None


@pytest.mark.parametrize(
    "text", ["{", '{"a": "{{ senha }}"}', "[]", '{"a": NaN}', '{"a": "\\u0000"}', "[" * 9_000]
)
def test_a_body_that_cannot_be_is_refused_with_a_reason(alpha, text):
    endpoint = make_endpoint("https://crm.example/", "lead.qualified")
    body = admin("integrations_webhookendpoint_body", endpoint.pk)

    answer = logged_in().post(body, {"template": text, "keep": "1"})

    assert 'role="alert"' in answer.content.decode()
    assert WebhookEndpoint.objects.get().template is None


def test_leads_of_one_tenant_are_on_no_page_of_another(lead, beta):
    with tenant_context(beta):
        client = logged_in(slug="beta")
        assert client.get(page("change", lead.pk)).status_code == 404
        assert client.post(page("move", lead.pk), {"stage": "1"}).status_code == 404
        assert "pz-lead-card" not in client.get(page("board")).content.decode()
        text = b"".join(client.get(page("export")).streaming_content)
        assert len(rows_of(text)) == 1
