"""The pages of those who write agents: versions, comparisons, the map and the playground."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils.translation import gettext as _
from django_tenants.utils import tenant_context

from agents.models import Agent, AgentVersion, Experiment
from agents.services import experiments, publishing
from agents.services.experiments import Plan
from conversations.models import Turn
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import NOW, make_agent, make_conversation

PLAYGROUND = "/admin/conversations/conversation/playground/"
MAP = "/admin/agents/agent/map/"


def versions_of(agent: Agent) -> str:
    return f"/admin/agents/agent/{agent.pk}/versions/"


def make_versions() -> Agent:
    agent = make_agent(name="Recepção")
    agent.instructions = "Seja breve.\nFale de <b>preços</b>."
    agent.save()
    publishing.publish_agent(agent=agent, actor="ana", now=NOW)
    agent.instructions = "Seja breve."
    agent.save()
    return agent


def test_the_page_shows_what_is_not_published_yet(owner: Client) -> None:
    agent = make_versions()

    page = owner.get(versions_of(agent))

    assert [one.field for one in page.context["differences"]] == ["instructions"]
    text = page.content.decode()
    assert "Fale de &lt;b&gt;preços&lt;/b&gt;." in text
    assert (page.context["before"], page.context["after"]) == ("2", "draft")


@pytest.mark.parametrize(
    ("query", "n"), [("?from=1&to=2", 1), ("?from=1&to=1", 0), ("?from=1&to=99", None)]
)
def test_any_two_versions_can_be_compared(owner: Client, query: str, n: int | None) -> None:
    agent = make_versions()

    found = owner.get(f"{versions_of(agent)}{query}").context["differences"]

    assert (found if found is None else len(found)) == n


def test_an_owner_goes_back_to_a_version(owner: Client) -> None:
    agent = make_versions()

    draft = owner.post(f"{versions_of(agent)}2/restore/", {})
    agent.refresh_from_db()
    in_draft = (agent.instructions.count("preços"), AgentVersion.objects.count())
    answer = owner.post(f"{versions_of(agent)}1/restore/", {"publish": "1"}, follow=True)

    agent.refresh_from_db()
    assert (draft.status_code, in_draft) == (302, (1, 2))
    assert agent.instructions == ""
    assert agent.published_version is not None
    assert agent.published_version.number == 3
    assert answer.status_code == 200
    assert AuditEntry.objects.filter(action="agent.restored", actor="owner").count() == 2


def test_a_version_that_was_only_kept_is_not_among_the_published(owner: Client) -> None:
    agent = make_versions()
    kept = publishing.keep_version(agent=agent, actor="bia", now=NOW)
    never = str(_("never published"))

    def shown() -> list[bool]:
        page = owner.get(f"/admin/agents/agent/{agent.pk}/change/")
        [inline] = page.context["inline_admin_formsets"]
        listed = owner.get("/admin/agents/agentversion/").context["cl"].queryset
        told = owner.get(versions_of(agent)).content.decode()
        return [kept in inline.formset.queryset, kept in listed, never not in told]

    before = shown()
    publishing.answer_with(version=kept, actor="bia", now=NOW)

    assert before == [False, False, False]
    assert shown() == [True, True, True]


@pytest.mark.parametrize("role", ["attendant", "auditor"])
def test_who_only_looks_changes_nothing(alpha: Tenant, role: str) -> None:
    agent, client = make_versions(), as_role(role)

    assert client.get(versions_of(agent)).status_code == 200
    assert client.get(MAP).status_code == 200
    assert client.post(f"{versions_of(agent)}1/restore/", {"publish": "1"}).status_code == 403
    assert client.get(PLAYGROUND).status_code == 403
    assert client.get(f"/admin/agents/experiment/start/{agent.pk}/").status_code == 403
    assert AgentVersion.objects.count() == 2


def test_a_comparison_is_started_with_the_draft_and_ended_by_an_owner(owner: Client) -> None:
    agent = make_versions()
    page = f"/admin/agents/experiment/start/{agent.pk}/"

    shown = owner.get(page)
    refused = owner.post(page, {"weight_2": "50", "max_conversations": "100"})
    started = owner.post(page, {"weight_2": "50", "weight_draft": "50", "max_conversations": "100"})

    assert [field.name for field in shown.context["form"].weights()] == [
        "weight_2",
        "weight_draft",
        "weight_1",
    ]
    assert refused.context["form"].non_field_errors()
    experiment = Experiment.objects.get()
    assert started.headers["location"].endswith(f"/experiment/{experiment.pk}/change/")
    assert list(
        experiment.variants.order_by("position").values_list("version__number", "weight")
    ) == [(2, 50), (3, 50)]
    agent.refresh_from_db()
    assert agent.published_version is not None
    assert agent.published_version.number == 2  # the draft is kept, and not published

    assert (
        owner.post(page, {"weight_2": "1", "weight_1": "1", "max_conversations": "99"})
        .context["form"]
        .non_field_errors()
    )
    owner.post(f"/admin/agents/experiment/{experiment.pk}/stop/")
    experiment.refresh_from_db()
    assert (experiment.status, experiment.stopped_by) == ("stopped", "owner")


def make_experiment(agent: Agent, **plan: object) -> Experiment:
    first, second = agent.versions.order_by("-number")[:2]
    return experiments.start(
        agent=agent,
        arms=[(first, 50), (second, 50)],
        plan=Plan(**plan),  # type: ignore[arg-type]
        actor="ana",
        now=NOW,
    )


def test_the_page_of_a_comparison_shows_what_was_counted(owner: Client) -> None:
    agent = make_versions()
    experiment = make_experiment(agent)
    for n in range(6):
        make_conversation(name=f"Contact {n}", agent=agent)
    Turn.objects.filter(pk=Turn.objects.earliest("pk").pk).update(outcome="needs_human")

    page = owner.get(f"/admin/agents/experiment/{experiment.pk}/change/")

    rows = page.context["rows"]
    assert sum(row.n for row in rows) == page.context["n"] == 6
    assert sum(row.left for row in rows) == 1
    assert owner.get("/admin/agents/experiment/").status_code == 200
    assert owner.get("/admin/agents/experiment/999/change/").status_code == 404


def test_a_winner_is_published_at_a_click(owner: Client) -> None:
    agent = make_versions()
    experiment = make_experiment(agent)
    winner = agent.versions.get(number=1)
    publish = f"/admin/agents/experiment/{experiment.pk}/publish/"
    early = owner.post(publish, follow=True)
    experiments.stop(experiment=experiment, actor="ana", now=NOW, winner=winner)
    agent.refresh_from_db()
    before = agent.published_version

    owner.post(publish)

    agent.refresh_from_db()
    assert early.status_code == 200
    assert before != winner
    assert agent.published_version == winner


def test_the_map_draws_every_agent_as_a_link_and_every_way(owner: Client) -> None:
    desk, prices = make_agent(name="Recepção"), make_agent(name="Orçamentos & <prazos>")
    people = Agent.objects.create(name="Atendimento", kind="human")
    Agent.objects.filter(pk=prices.pk).update(kind="specialist")
    desk.handoffs.set([prices])
    publishing.publish_agent(agent=desk, actor="x", now=NOW)
    desk.handoffs.set([prices, people])

    page = owner.get(MAP)

    text = page.content.decode()
    for drawing_of in ("wide", "narrow"):
        drawing = dict(page.context["drawings"])[drawing_of]
        assert {box.agent.pk for box in drawing.boxes} == {desk.pk, prices.pk, people.pk}
        assert sorted(arrow.link.is_draft for arrow in drawing.arrows) == [False, True]
        assert all(box.x >= 0 and box.x + box.width <= drawing.width for box in drawing.boxes)
    assert text.count(f'href="/admin/agents/agent/{prices.pk}/change/"') == 3
    assert "<prazos>" not in text


def test_the_map_of_a_business_without_agents_says_so(owner: Client) -> None:
    assert owner.get(MAP).context["rows"] == []


def test_the_playground_answers_and_goes_on(owner: Client) -> None:
    agent = make_agent(name="Recepção")
    given = {
        "agent": str(agent.pk),
        "version": "draft",
        "messages": "bom dia",
        "together": "1",
        "hours": "now",
        "contact": "stranger",
    }

    first = owner.post(PLAYGROUND, given)
    carried = first.context["carried"]
    second = owner.post(PLAYGROUND, {**given, "messages": "obrigada", "past": carried})
    forged = owner.post(PLAYGROUND, {**given, "past": f"{carried}x"})

    assert len(first.context["tried"].answers) == 1
    assert second.context["past"][0].text == "bom dia"
    assert forged.context["past"] == ()
    assert not Turn.objects.exists()


@pytest.mark.parametrize(
    "change",
    [{"messages": "\n".join("abcdefghijk")}, {"messages": " "}, {"agent": "99"}, {"hours": "x"}],
    ids=["too many", "none", "no such agent", "no such hours"],
)
def test_what_cannot_be_tried_is_told(owner: Client, change: dict[str, str]) -> None:
    agent = make_agent(name="Recepção")
    given = {"agent": str(agent.pk), "version": "draft", "messages": "oi", "hours": "now"}

    page = owner.post(PLAYGROUND, {**given, "contact": "stranger", **change})

    assert page.status_code == 200
    assert page.context["form"].errors
    assert page.context["tried"] is None


def test_an_agent_that_was_never_published_can_be_tried_as_a_draft_alone(owner: Client) -> None:
    agent = Agent.objects.create(name="Nova")
    given = {"agent": str(agent.pk), "messages": "oi", "hours": "now", "contact": "stranger"}

    published = owner.post(PLAYGROUND, {**given, "version": "published"})
    draft = owner.post(PLAYGROUND, {**given, "version": "draft"})

    assert "version" in published.context["form"].errors
    assert draft.context["tried"] is not None


def test_pages_of_one_tenant_show_nothing_of_the_other(
    owner: Client, alpha: Tenant, beta: Tenant
) -> None:
    mine = make_versions()
    with tenant_context(beta):
        theirs = Agent.objects.create(pk=mine.pk + 500, name="Segredo")
        publishing.publish_agent(agent=theirs, actor="x", now=NOW)

    assert owner.get(versions_of(theirs)).status_code == 404
    assert "Segredo" not in owner.get(MAP).content.decode()
    assert "Segredo" not in owner.get(PLAYGROUND).content.decode()
    assert owner.post(f"{versions_of(theirs)}1/restore/").status_code == 404
