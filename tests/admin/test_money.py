"""What models cost, may cost and are paused for: pages, files and notices."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.models import Breaker, Budget, Credential, ModelChoice, SavedCall
from integrations.prices.models import ExchangeRate, ModelPrice
from integrations.services import prices, saved_answers, spending_csv
from integrations.services.budgets import NOBODY
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent, make_call, make_conversation, make_money
from tests.admin.test_hostile_texts import TEXTS, _Reader

SPENDING = "/admin/integrations/modelcall/spending/"
CSV = "/admin/integrations/modelcall/spending.csv"
BUDGETS = "/admin/integrations/budget/"
BREAKERS = "/admin/integrations/breaker/"
PRICES = "/admin/prices/modelprice/"


def text_of(client: Client, path: str) -> str:
    reader = _Reader()
    reader.feed(client.get(path).content.decode())
    return " ".join(reader.text.replace("\u00a0", " ").split())


# Spending


def test_measured_estimated_and_not_measured_are_kept_apart(owner: Client) -> None:
    now = timezone.now()
    conversation = make_conversation(name="Marina")
    dear = {"conversation_uuid": conversation.uuid, "agent_name": "Recepção"}
    make_call(called_at=now, cost_usd=Decimal("1.499"), usd_brl=Decimal(5), **dear)
    make_call(called_at=now, cost_usd=Decimal("0.25"), usd_brl=Decimal(5), cost_kind="estimated")
    make_call(called_at=now, model="unheard-of")
    make_call(called_at=now, model="unheard-of", failure="timed out")
    make_call(called_at=now, cost_usd=Decimal(900), origin="evaluation")

    page = owner.get(SPENDING)

    tiles = page.context["tiles"]
    values = [tile["value"].replace("\u00a0", " ") for tile in tiles[:4]]
    assert values[:2] == ["US$ 1,75", "US$ 0,25"]
    assert values[2].startswith("1 ")
    assert values[3] == "4"
    assert tiles[0]["detail"] == "R$\u00a08,75"
    tables = dict(page.context["tables"])
    by_model = {line.label: line for line in next(iter(tables.values()))}
    assert "0,00" not in by_model["unheard-of"].usd
    assert by_model["gpt-4o"].share == 100
    talk = list(tables.values())[3][0]
    assert (talk.label, talk.url) == (
        "Marina",
        f"/admin/conversations/conversation/{conversation.pk}/change/",
    )
    assert "US$ 900,00" in text_of(owner, f"{SPENDING}?origin=evaluation")


def test_where_no_price_is_known_nothing_is_said_to_cost_nothing(owner: Client) -> None:
    make_call(model="unheard-of")
    make_call(model="unheard-of", failure="timed out")

    text = text_of(owner, SPENDING)

    # Days without a call cost nothing, and are in the table of days alone.
    assert text.count("0,00") == text.count("US$ 0,00 · 0 ")


@pytest.mark.parametrize(
    "query",
    [
        "first=2026-13-01",
        "first=x&last=y",
        "first=2026-02-02&last=2026-01-01",
        "first=2001-01-01&last=2026-01-01",
        "first=0001-01-01&last=0001-01-02",
        "last=9999-12-31",
        "origin=x%00",
    ],
)
def test_odd_days_show_this_month(query: str, owner: Client) -> None:
    page = owner.get(f"{SPENDING}?{query}")

    assert page.status_code == 200
    assert page.context["span"].first == timezone.localdate().replace(day=1)


def test_days_that_cannot_be_shown_stay_in_the_form(owner: Client) -> None:
    page = owner.get(f"{SPENDING}?first=2026-02-02&last=2026-01-01").content.decode()

    assert 'name="first" value="2026-02-02"' in page
    assert 'name="last" value="2026-01-01"' in page
    assert "The first day is after the last one" in page or "primeiro dia" in page
    # What is shown, and its file, is this month all the same.
    assert f"first={timezone.localdate().replace(day=1).isoformat()}" in page


def test_calls_without_a_price_lead_who_may_add_one_to_the_prices(owner: Client) -> None:
    def links(client: Client) -> list[str]:
        return [tile["url"] for tile in client.get(SPENDING).context["tiles"] if tile.get("url")]

    make_call(called_at=timezone.now(), cost_usd=Decimal(1))
    assert links(owner) == []
    make_call(called_at=timezone.now())

    assert links(owner) == [PRICES]
    assert links(as_role("auditor")) == []


def test_days_without_a_call_say_so(owner: Client) -> None:
    page = owner.get(f"{SPENDING}?first=2020-01-01&last=2020-01-31")

    assert page.status_code == 200
    assert page.context["has_calls"] is False


def test_what_did_not_go_as_usual_is_told(owner: Client) -> None:
    now = timezone.now()
    make_call(called_at=now, cost_usd=Decimal(1), degraded="budget")
    make_call(called_at=now, cost_usd=Decimal(1), hop=1)
    make_call(called_at=now, failure="HTTP 429: slow down")

    troubles = owner.get(SPENDING).context["troubles"]

    assert len(troubles) == 3
    assert "429" in troubles[2][0]


def test_the_spending_page_costs_the_same_queries_however_much_there_is(owner: Client) -> None:
    from tests.admin.test_pages import count_queries

    now = timezone.now()
    talks = [make_conversation() for _ in range(3)]
    make_call(called_at=now, conversation_uuid=talks[0].uuid)
    owner.get(SPENDING)
    n_short = count_queries(owner, SPENDING)
    for talk in talks:
        make_call(called_at=now, conversation_uuid=talk.uuid, model=f"m{talk.pk}")

    assert count_queries(owner, SPENDING) <= n_short


def test_two_tenants_see_their_own_cost(owner: Client, beta: Tenant) -> None:
    now = timezone.now()
    make_call(called_at=now, cost_usd=Decimal("11.11"))
    with tenant_context(beta):
        make_call(called_at=now, cost_usd=Decimal("22.22"))
        other = as_role("owner")
        assert "22,22" in text_of(other, SPENDING)
        assert "11,11" not in text_of(other, SPENDING)

    assert "11,11" in text_of(owner, SPENDING)
    assert "22,22" not in text_of(owner, SPENDING)


@pytest.mark.parametrize("path", [SPENDING, CSV, BUDGETS, BREAKERS, PRICES])
def test_an_attendant_sees_no_cost(path: str, attendant: Client) -> None:
    assert attendant.get(path).status_code == 403


# The file


def rows_of(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{CSV}?{query}")
    assert answer.headers["content-disposition"].startswith("attachment")
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def test_the_file_holds_each_call_and_no_formula(owner: Client) -> None:
    now = timezone.now()
    make_call(
        called_at=now,
        model='=HYPERLINK("http://evil.example")',
        agent_name="@SUM(1)",
        cost_usd=Decimal("0.00012"),
        usd_brl=Decimal("5.5"),
    )
    make_call(
        called_at=now + timedelta(seconds=1),
        failure=" +1;\n-2",
        agent_name="–",
        cache_write_tokens=7,
    )

    first, second = (list(row.values()) for row in rows_of(owner))

    assert first[4] == '\'=HYPERLINK("http://evil.example")'
    assert first[5] == "'@SUM(1)"
    assert first[13:16] == ["0,00012000", "5,50000000", "0,00066000"]
    assert second[13] == ""
    assert second[16] == "' +1;\n-2"
    assert (first[18], second[18]) == ("", "7")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "  =1"])
def test_a_cell_that_starts_a_formula_is_made_a_text(text: str) -> None:
    assert spending_csv.safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "gpt-4o", "a=1", "Recepção"])
def test_an_ordinary_cell_stays_as_it_is(text: str) -> None:
    assert spending_csv.safe(text) == text


# Budgets


def limit(**values: object) -> Budget:
    return Budget.objects.create(**{"level": "tenant", "limit_usd": Decimal(10), **values})


def use(budget: Budget, usd: str, *, n_calls: int = 1, subject: uuid.UUID = NOBODY) -> None:
    budget.spends.create(
        subject=subject,
        period_start=timezone.localdate().replace(day=1),
        spent_usd=Decimal(usd),
        n_calls=n_calls,
    )


@pytest.mark.parametrize(
    ("usd", "percent", "tone"), [("7.9", 79, "good"), ("8", 80, "warn"), ("12", 120, "bad")]
)
def test_a_bar_shows_how_full_a_budget_is(usd: str, percent: int, tone: str, owner: Client) -> None:
    budget = limit()
    use(budget, usd)

    for path in (BUDGETS, f"{BUDGETS}{budget.pk}/change/"):
        html = owner.get(path).content.decode()
        assert f'pz-use-fill pz-{tone}" style="width: {min(percent, 100)}%"' in html
    steps = owner.get("/admin/").context["next_steps"]
    assert (f"{BUDGETS}{budget.pk}/change/" in {step.url for step in steps}) is (percent >= 80)


def test_the_budget_of_each_contact_is_as_full_as_the_fullest(owner: Client) -> None:
    budget = limit(level="contact", limit_usd=None, limit_calls=100)
    use(budget, "0", n_calls=90, subject=uuid.UUID(int=1))
    use(budget, "0", n_calls=10, subject=uuid.UUID(int=2))

    assert "width: 90%" in owner.get(BUDGETS).content.decode()


def test_a_budget_is_made_and_refused_in_plain_words(owner: Client) -> None:
    agent = make_agent()
    form = {"level": "agent", "agent_uuid": str(agent.uuid), "period": "day", "is_active": "on"}

    nothing = owner.post(f"{BUDGETS}add/", form)
    owner.post(f"{BUDGETS}add/", {**form, "limit_usd": "5"})
    twice = owner.post(f"{BUDGETS}add/", {**form, "limit_usd": "6"})
    nobody = owner.post(f"{BUDGETS}add/", {**form, "agent_uuid": "", "limit_usd": "6"})
    less = owner.post(f"{BUDGETS}add/", {"level": "tenant", "period": "day", "limit_usd": "-1"})
    everyone = {"level": "tenant", "agent_uuid": str(agent.uuid), "period": "day"}
    owner.post(f"{BUDGETS}add/", {**everyone, "limit_calls": "9", "is_active": "on"})

    for refused in (nothing, twice, nobody, less):
        assert refused.status_code == 200
    made = Budget.objects.order_by("pk").values_list("level", "agent_uuid", "limit_calls")
    assert list(made) == [("agent", agent.uuid, None), ("tenant", None, 9)]


# Pauses


def pause(**values: object) -> Breaker:
    now = timezone.now()
    defaults: dict[str, object] = {
        "provider": "openai",
        "model": "gpt-4o",
        "state": "open",
        "reason": "timed out",
        "opened_at": now,
        "retry_at": now + timedelta(minutes=4),
        "changed_at": now,
    }
    return Breaker.objects.create(**{**defaults, **values})


def test_a_pause_is_told_on_every_page_until_it_ends(owner: Client, attendant: Client) -> None:
    breaker = pause()

    for path in ("/admin/", BUDGETS, "/admin/agents/agent/add/", SPENDING):
        assert "gpt-4o" in owner.get(path).context["notices"][0].text
    assert BREAKERS in {step.url for step in owner.get("/admin/").context["next_steps"]}
    (notice,) = attendant.get("/admin/conversations/conversation/").context["notices"]
    assert notice.url == ""

    Breaker.objects.filter(pk=breaker.pk).update(state="closed")
    assert owner.get("/admin/").context["notices"] == []


def test_many_pauses_take_no_more_room_than_a_few(owner: Client) -> None:
    for number in range(9):
        pause(model=f"m{number}")

    notices = owner.get("/admin/").context["notices"]

    assert len(notices) == 4
    assert "9" in notices[-1].text


def test_a_pause_of_one_tenant_is_none_of_another(owner: Client, beta: Tenant) -> None:
    pause()
    with tenant_context(beta):
        assert as_role("owner").get("/admin/").context["notices"] == []


def test_a_pause_is_ended_by_hand_by_those_who_may(owner: Client, alpha: Tenant) -> None:
    breaker = pause()
    url = f"{BREAKERS}{breaker.pk}/try-now/"
    assert url in owner.get(BREAKERS).content.decode()
    auditor = as_role("auditor")
    assert url not in auditor.get(BREAKERS).content.decode()
    assert auditor.post(url).status_code == 403
    assert owner.get(url).status_code == 405

    owner.post(url)

    breaker.refresh_from_db()
    assert breaker.state == "open"
    assert breaker.retry_at is not None
    assert breaker.retry_at <= timezone.now()
    assert owner.post(f"{BREAKERS}999999/try-now/").status_code == 302


# Models and prices


def test_every_purpose_has_its_place_chosen_or_not(owner: Client) -> None:
    agent = make_agent(name="Recepção")
    make_money()

    page = owner.get("/admin/integrations/modelchoice/")

    lines = page.context["lines"]
    assert len(lines) == len(ModelChoice.PurposeKind.choices)
    assert lines[0].used_by == agent.name
    assert lines[0].model
    assert [line.url.partition("purpose=")[2] for line in lines if not line.model] == [
        "classify",
        "rewrite",
        "summarise",
        "transcribe",
        "vision",
    ]
    assert as_role("auditor").get("/admin/integrations/modelchoice/").status_code == 200


def test_a_choice_names_its_models(owner: Client) -> None:
    from integrations.models import Credential

    key = Credential.objects.create(name="principal", provider="openai")
    add = "/admin/integrations/modelchoice/add/"
    form = {"purpose": "rewrite", "credential": key.pk, "timeout_s": 20}

    refused = owner.post(add, form)
    owner.post(add, {**form, "model": "gpt-4.1-nano", "cheaper_model": "without a key"})

    assert refused.status_code == 200
    choice = ModelChoice.objects.get()
    assert (choice.purpose, choice.model, choice.cheaper_model) == ("rewrite", "gpt-4.1-nano", "")


def test_the_platforms_prices_stand_beside_ones_own(owner: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into public.prices_modelprice (uuid, provider, model, valid_from, input_usd,"
            " output_usd, note, is_shipped) values (gen_random_uuid(), 'openai', 'gpt-4o',"
            " '2024-10-01', 2.5, 10, '', true), (gen_random_uuid(), 'openai', 'gpt-5',"
            " '2025-10-01', 1.25, 10, '', true), (gen_random_uuid(), 'openai', 'gpt-4o-mini',"
            " '2025-10-01', 0.15, 0.6, '', true)"
        )
    owner.post(
        f"{PRICES}add/",
        {
            "provider": "openai",
            "model": " GPT-4o ",
            "valid_from": "01/01/2026",
            "input_usd": "2,00",
            "output_usd": "8.5",
        },
    )

    listed = owner.get(PRICES).context["platform_prices"]

    own = ModelPrice.objects.get()
    assert (own.model, own.input_usd, own.output_usd) == ("gpt-4o", 2, Decimal("8.5"))
    assert 'value="8,50"' in owner.get(f"{PRICES}{own.pk}/change/").content.decode()
    assert [(one["model"], one["is_replaced"]) for one in listed] == [
        ("gpt-4o", True),
        ("gpt-4o-mini", False),
        ("gpt-5", False),
    ]
    assert listed[0]["prices"] == ["2,50", "–", "–", "10,00", "–"]


def test_a_shipped_price_can_be_changed_but_not_removed(operator: Client) -> None:
    prices.ensure_shipped()
    connection.set_schema_to_public()
    price = ModelPrice.objects.get(provider="openai", model="gpt-4o")
    page = f"{PRICES}{price.pk}/"

    assert operator.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    operator.post(
        f"{page}change/",
        {
            "provider": "openai",
            "model": "gpt-4o",
            "valid_from": "01/10/2024",
            "input_usd": "3",
            "output_usd": "10",
        },
    )

    connection.set_schema_to_public()
    price.refresh_from_db()
    assert (price.input_usd, price.is_shipped) == (3, False)
    assert prices.ensure_shipped() == 0


def test_rates_of_the_tenant_stand_beside_the_platforms(owner: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into public.prices_exchangerate (valid_from, usd_brl)"
            " values ('2024-01-01', 5.1234)"
        )
    ExchangeRate.objects.create(valid_from="2026-01-01", usd_brl=Decimal("5.9"))

    page = text_of(owner, "/admin/prices/exchangerate/")

    assert "5,1234" in page
    assert "5,9000" in page


def test_hostile_names_stay_text(owner: Client) -> None:
    def check(path: str) -> None:
        reader = _Reader()
        reader.feed(owner.get(path, follow=True).content.decode())
        assert reader.live == [], path

    for text in TEXTS:
        make_conversation(name=text[:200])
        agent = make_agent(name=text[:80])
        make_money(text=text, agent=agent)
        make_call(called_at=timezone.now(), model=text[:120], agent_name=text[:80])
        ModelChoice.objects.update(model=text[:120])
        # Where one is shown, or the newest few.
        check("/admin/")
        check("/admin/integrations/modelchoice/")
        check(f"{BUDGETS}{Budget.objects.latest('pk').pk}/change/")
        check(f"{BREAKERS}{Breaker.objects.latest('pk').pk}/change/")
        check(f"/admin/integrations/credential/{Credential.objects.latest('pk').pk}/change/")
        check(f"/admin/agents/agent/{agent.pk}/change/")

    for path in (
        f"{SPENDING}?first=2026-11-01&last=2027-01-01",
        "/admin/integrations/modelcall/",
        BUDGETS,
        BREAKERS,
        PRICES,
        "/admin/integrations/credential/",
        "/admin/integrations/modelchoice/add/",
    ):
        check(path)
        shown = text_of(owner, path)
        hidden = [text for text in TEXTS if " ".join(text[:30].split()) not in shown]
        assert hidden == [], path


# Saved answers


def test_saved_answers_are_switched_on_and_off_and_counted(owner: Client) -> None:
    path = "/admin/integrations/answersaving/"
    row = f"{path}1/change/"
    assert not saved_answers.choice().is_on
    assert owner.get(path).status_code == 200

    refused = owner.post(row, {"is_on": "on", "hours": 25})
    owner.post(row, {"is_on": "on", "hours": 6})

    assert refused.status_code == 200
    assert saved_answers.choice() == saved_answers.Choice(is_on=True, hours=6)
    SavedCall.objects.create(called_at=timezone.now(), provider="openai", usd=Decimal("0.25"))
    SavedCall.objects.create(called_at=timezone.now(), provider="openai")
    tile = owner.get(SPENDING).context["tiles"][-1]
    assert (tile["value"], tile["tone"]) == ("2", "good")
    assert "0,25" in tile["detail"]
    assert len(owner.get(f"{SPENDING}?origin=evaluation").context["tiles"]) <= 6
    owner.post(row, {"hours": 6})
    assert not saved_answers.choice().is_on


def test_notices_name_the_agent_of_a_budget(owner: Client) -> None:
    agent = make_agent(name="Orçamentos")
    budget = Budget.objects.create(level="agent", agent_uuid=agent.uuid, limit_calls=10)
    budget.spends.create(
        subject=agent.uuid, period_start=timezone.localdate().replace(day=1), n_calls=9
    )

    near = owner.get(SPENDING).context["near"]

    assert near[0]["text"].startswith("Orçamentos, ")
    assert "Orçamentos" in text_of(owner, "/admin/")
