"""One conversation from the front desk to a person and back, read by the people who live in it.

A contact on the simulated phone meets the desk, a specialist and an agent that books in another
system, then a person, then the assistant again. The model is scripted and careless: it asks for
what the contact has given, and books twice. The owner reads each reason in the panel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.fakes.http import Answer, Received, json_answer
from tests.fakes.llm import COMPLETIONS, Calls, FakeLLM
from tests.flows.conftest import log_in
from tests.integrations.tools import Shop
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

NAME, EMAIL = "Ana Souza", "ana.souza@exemplo.com"
FAQ = """# Perguntas

**Vocês fazem limpeza?**
Sim, fazemos limpeza completa com profilaxia.

**Tem estacionamento?**
Sim, o estacionamento é gratuito para pacientes.
"""
PRICES = "procedimento;valor\nLimpeza completa;R$ 220,00\nClareamento;R$ 1.950,00\n"
SOON_MS = 90_000


class Clerk(FakeLLM):
    """A model that answers by what the contact wrote last, and asks for too much."""

    def answer(self, request: Received) -> Answer | None:
        if request.path == COMPLETIONS:
            self._texts.append(self._says(request))
        return super().answer(request)

    def _says(self, request: Received) -> str | Calls:
        payload: Any = request.json()
        messages = payload["messages"]
        question = next((str(m["content"]) for m in messages if m["role"] == "user"), "")
        written = question.rpartition('<contact name="')[2]
        tools = {one["function"]["name"] for one in payload.get("tools", ())}
        n_results = sum(message["role"] == "tool" for message in messages)
        if "Write the reply" not in written:
            return "[[SEM_RESPOSTA]]"  # asked for something else than an answer
        if "marcar" in written and "marcar_horario" in tools:
            if n_results < 2:  # it books, and then books again
                return Calls("marcar_horario", '{"dia": "2026-11-23", "hora": "15:00"}')
            return "Pronto! Seu horário foi agendado para 23/11 às 15h, código H-15."
        if "estacionamento" in written:
            if "marcar_horario" in tools:
                return Calls(
                    "transfer",
                    '{"agent": "Recepção", "reason": "pergunta sobre a clínica",'
                    ' "goal": "saber do estacionamento"}',
                )
            return f"O estacionamento é gratuito para pacientes. {ASKS_AGAIN[1]}"
        if "quanto custa" in written:
            return f"A limpeza completa custa R$ 220,00. {ASKS_AGAIN[0]}"
        return "Sim, fazemos limpeza completa com profilaxia."


ASKS_AGAIN = ("Qual é o seu nome?", "Pode me informar o seu e-mail?")


@pytest.fixture(scope="module")
def clerk() -> Iterator[Clerk]:
    with Clerk() as clerk:
        yield clerk


@pytest.fixture(scope="module")
def calendar() -> Iterator[Shop]:
    with Shop() as calendar:
        calendar.respond = lambda _: json_answer(
            {"reserva": {"codigo": "H-15", "dia": "2026-11-23", "hora": "15:00"}, "custo": 3}
        )
        yield calendar


@pytest.fixture(scope="module")
def clinic(stack: Stack, clerk: Clerk, calendar: Shop) -> None:
    def agent(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": kind, "instructions": "Seja breve." * bool(more), **more}

    stack.apply_blueprint(
        {
            "blueprint": 1,
            "tenant": {"slug": "sorriso", "name": "Sorriso", "domains": ["sorriso.localhost"]},
            "users": [
                {"username": "paula", "role": "owner", "email": "p@p.example", "password": "demo-1"}
            ],
            "llm": {
                "credentials": [
                    {
                        "name": "local",
                        "provider": "openai_compatible",
                        "base_url": clerk.base_url,
                        "api_key": "none",
                    }
                ],
                "chat": {"credential": "local", "model": "fake-1"},
            },
            "knowledge": {
                "categories": [
                    {"name": "geral", "documents": ["faq.md"]},
                    {"name": "precos", "documents": ["precos.csv"]},
                ]
            },
            "tools": [
                {
                    "name": "marcar_horario",
                    "description": "Marca um horário na agenda da clínica.",
                    "method": "POST",
                    "url": f"{calendar.url}/agenda",
                    "parameters": [
                        {"name": "dia", "description": "O dia"},
                        {"name": "hora", "description": "A hora"},
                        {"name": "nome", "from": "contact_name"},
                        {"name": "telefone", "from": "contact_phone"},
                        {"name": "email", "from": "contact_email"},
                    ],
                    "shows": [
                        {"path": "reserva.codigo"},
                        {"path": "reserva.dia"},
                        {"path": "reserva.hora"},
                    ],
                    "risk": "write",
                }
            ],
            "agents": [
                agent(
                    "Recepção",
                    "general",
                    categories=["geral"],
                    handoffs=["Orçamentos", "Agenda", "Atendimento"],
                ),
                agent(
                    "Orçamentos",
                    "specialist",
                    categories=["precos"],
                    keywords=["quanto custa"],
                    handoffs=["Recepção", "Agenda", "Atendimento"],
                ),
                agent(
                    "Agenda",
                    "integration",
                    tools=["marcar_horario"],
                    keywords=["marcar"],
                    handoffs=["Recepção", "Atendimento"],
                ),
                agent("Atendimento", "human"),
            ],
            "devices": [
                {
                    "name": "principal",
                    "entry_agent": "Recepção",
                    "quiet_s": 0,
                    "bridge": {
                        "kind": "wuzapi",
                        "base_url": stack.env["SIMULATOR_URL"],
                        "token": "demo-sorriso",
                        "hmac_key": "an-hmac-key-of-32-characters-or-more",
                    },
                }
            ],
        },
        {"faq.md": FAQ, "precos.csv": PRICES},
    )


class Phone:
    """The contact's phone on screen."""

    def __init__(self, stack: Stack, page: Page, number: str) -> None:
        person = {"name": "Ana", "phone": number}
        httpx2.post(f"{stack.env['SIMULATOR_URL']}/sim/contacts", json=person)
        self.page = page
        self.page.goto(f"{stack.base_url}/simulator/?numero=demo-sorriso&contato={number}")
        self.page.wait_for_selector('#app[data-ready="true"]')
        self.n_read = 0

    @property
    def answers(self) -> Locator:
        return self.page.get_by_test_id("bubble-in")

    def write(self, text: str, *, key_ms: int = 0) -> None:
        """Send a text; who is always quicker than people can type is taken for a machine."""
        composer = self.page.get_by_test_id("composer")
        if key_ms:
            composer.press_sequentially(text, delay=key_ms)
        else:
            composer.fill(text)
        composer.press("Enter")

    def reads(self, text: str | re.Pattern[str]) -> None:
        """Wait for the next message, which has to hold a text."""
        expect(self.answers).to_have_count(self.n_read + 1, timeout=SOON_MS)
        expect(self.answers.last).to_contain_text(text)
        self.n_read += 1

    def owner_types(self, text: str) -> None:
        """Write on the paired phone, as the business's owner."""
        if not self.page.get_by_test_id("owner-text").is_visible():
            self.page.get_by_test_id("faults-open").click()
        self.page.get_by_test_id("owner-text").fill(text)
        self.page.get_by_test_id("owner-send").click()

    def said(self) -> str:
        return "\n".join(self.answers.all_inner_texts())


@pytest.fixture
def panel(stack: Stack, context: BrowserContext, clinic: None) -> Iterator[Page]:
    """The owner's panel."""
    page = context.new_page()
    page.set_default_timeout(SOON_MS)
    log_in(page, stack, "sorriso", username="paula", password="demo-1")
    yield page
    page.close()


def open_conversation(stack: Stack, panel: Page, number: str) -> None:
    """Find the contact's conversation in the list of all and open it."""
    lists = f"http://sorriso.localhost:{stack.port}/admin/conversations/conversation/"
    panel.goto(f"{lists}?q={number}")
    panel.locator("#result_list tbody tr a").first.click()
    panel.wait_for_selector(".pz-chat-head")


def up_to_the_booking(phone: Phone, calendar: Shop, number: str) -> None:
    """Lead the contact from the desk to the agent that books."""
    phone.write(f"oi, meu nome é {NAME} e meu e-mail é {EMAIL}. vocês fazem limpeza?")
    phone.reads("fazemos limpeza completa")
    phone.write("quanto custa a limpeza?")
    phone.reads("R$ 220,00")
    phone.write("quero marcar um horário no dia 23 às 15h", key_ms=60)
    phone.reads("agendado para 23/11 às 15h, código H-15")
    booked = [one.json() for one in calendar.received if number in str(one.json())]
    assert booked == [
        {
            "dia": "2026-11-23",
            "hora": "15:00",
            "nome": NAME,
            "telefone": number,
            "email": EMAIL,
        }
    ]


def reasons(panel: Page) -> str:
    """Return all that the page says of each step, every fold opened."""
    panel.reload()
    panel.wait_for_selector(".pz-chat-head")
    panel.evaluate("document.querySelectorAll('.pz-turn').forEach(one => { one.open = true; })")
    return " ".join(panel.locator(".pz-desk").inner_text().split())


BEFORE_PEOPLE = (
    "responde o agente da conversa",
    "uma palavra-chave leva a outro agente",
    "Recepção → Orçamentos",
    "quanto custa",
    "Orçamentos → Agenda",
    "marcar_horario",
    '"codigo": "H-15"',
    "o mesmo já tinha sido pedido",
)


def test_from_the_desk_to_a_person_in_the_panel_and_back(
    stack: Stack, page: Page, panel: Page, clerk: Clerk, calendar: Shop
) -> None:
    number = "5511987660001"
    phone = Phone(stack, page, number)
    up_to_the_booking(phone, calendar, number)

    phone.write("quero falar com uma pessoa")
    phone.reads(re.compile("."))
    panel.goto(f"http://sorriso.localhost:{stack.port}/admin/conversations/conversation/queue/")
    expect(panel.get_by_text("o contato pediu uma pessoa").first).to_be_visible()
    open_conversation(stack, panel, number)
    expect(panel.locator(".pz-aside")).to_contain_text(EMAIL)
    panel.locator('form[action$="/take-over/"] button').click()
    expect(panel.locator('form[action$="/give-back/"]')).to_be_attached()
    panel.fill("#pz-text", "Oi, An")
    session = panel.context.cookies()
    panel.context.clear_cookies()
    panel.get_by_text("Sua sessão terminou.").filter(visible=True).wait_for()
    assert panel.input_value("#pz-text") == "Oi, An"
    panel.context.add_cookies(session)  # logged in again, in another tab
    panel.fill("#pz-text", "Oi, Ana! Aqui é a Paula. Deixei um lembrete para você.")
    panel.locator("#pz-reply button[type=submit]").click()
    phone.reads("Aqui é a Paula")
    phone.write("obrigada! tem estacionamento?")
    expect(panel.locator(".pz-lines")).to_contain_text("tem estacionamento?", timeout=SOON_MS)
    panel.locator("#pz-give-back summary").click()
    panel.locator('form[action$="/give-back/"] button').click()
    phone.reads("estacionamento é gratuito")

    told = reasons(panel)
    for one in (
        *BEFORE_PEOPLE,
        "o contato pediu uma pessoa",
        "Agenda → Recepção",
        "pergunta sobre a clínica",
        "Aqui é a Paula",
    ):
        assert one in told, one
    assert not any(asked in phone.said() for asked in ASKS_AGAIN)
    assert "Deixei um lembrete" in str(clerk.prompts[-1])
    assert EMAIL not in str(clerk.prompts)


def test_its_twin_from_the_paired_phone(
    stack: Stack, page: Page, panel: Page, clerk: Clerk, calendar: Shop
) -> None:
    number = "5511987660002"
    phone = Phone(stack, page, number)
    up_to_the_booking(phone, calendar, number)

    phone.owner_types("Oi, Ana! Aqui é a Paula. Deixei um lembrete para você.")
    phone.reads("Aqui é a Paula")
    phone.write("obrigada! tem estacionamento?")
    open_conversation(stack, panel, number)
    expect(panel.locator(".pz-lines")).to_contain_text("tem estacionamento?", timeout=SOON_MS)
    expect(panel.locator(".pz-chat-head")).to_contain_text("aparelho pareado")
    n_asked = len(clerk.prompts)
    phone.owner_types("#ia")
    phone.reads(re.compile("#ia"))
    phone.reads("estacionamento é gratuito")

    told = reasons(panel)
    for one in (*BEFORE_PEOPLE, "Agenda → Recepção", "pergunta sobre a clínica", "Aqui é a Paula"):
        assert one in told, one
    assert not any(asked in phone.said() for asked in ASKS_AGAIN)
    assert all("estacionamento" in str(one) for one in clerk.prompts[n_asked:])
