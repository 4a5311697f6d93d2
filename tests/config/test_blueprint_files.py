"""Reading blueprint files: every mistake is named with its path, and all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.blueprints import loading
from tests.config.blueprint_files import rewrite

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "handoffs: [Orçamentos, Atendimento]",
            "handoffs: [Atendimento, Orcamentos]",
            'agents[0].handoffs[1]: no agent named "Orcamentos"',
        ),
        (
            "handoffs: [Orçamentos, Atendimento]",
            "handoffs: [Recepção]",
            "agents[0]: hands off to itself",
        ),
        (
            'owner_numbers: ["+55 71 98888-7777", "12345678901234@lid"]',
            "owner_numbers: []",
            "agents[4]: a personal agent needs owner_numbers",
        ),
        (
            '"12345678901234@lid"',
            '"a dona"',
            'agents[4].owner_numbers[1]: "a dona" is no phone number, such as "+55 11 98888-7777"',
        ),
        (
            'examples: ["o que tenho hoje?", me lembra da reunião]',
            "examples: [oi, me lembra da reunião]",
            "agents[4].examples[0]: must have at least 3 characters",
        ),
        (
            "facts: [Aceitamos Pix]",
            "fatos: [Aceitamos Pix]",
            "business.fatos: unknown key",
        ),
        (
            "categories: [Preços]",
            "categories: [Precos]",
            'agents[1].categories[0]: no category named "Precos"',
        ),
        (
            "entry_agent: Recepção",
            "entry_agent: recepção",
            'devices[0].entry_agent: no agent named "recepção"',
        ),
        (
            "fallbacks: [{credential: Ação",
            "fallbacks: [{credential: Acao",
            'llm.chat.fallbacks[0].credential: no credential named "Acao"',
        ),
        (
            "classify: {credential: principal, model: gpt-4.1-nano",
            "classify: {credential: offline",
            "llm.purposes.classify: model is missing",
        ),
        (
            "cheaper: {credential: principal",
            "cheaper: {credential: other",
            'llm.purposes.summarise.cheaper.credential: no credential named "other"',
        ),
        (
            "      summarise: {credential: offline}",
            "      embed: {credential: offline}",
            "agents[4].purposes.embed: an agent has no embedding model of its own: all agents share"
            " the documents, which one model reads (llm.embed)",
        ),
        (
            "model: whisper-1, timeout_s: 45",
            "timeout_s: 45",
            "agents[4].purposes.transcribe: model is missing",
        ),
        (
            "{name: Gerência, kind: human}",
            "{name: Gerência, kind: human, purposes: {vision: {credential: principal, model: g}}}",
            "agents[3]: an agent of kind human asks no model: it has no purposes",
        ),
        (
            "input_usd: 2,",
            "input_usd: -2,",
            "llm.prices[0].input_usd: must be 0 or more",
        ),
        (
            "input_usd: 2,",
            "input_usd: true,",
            "llm.prices[0].input_usd: must be a number",
        ),
        (
            "minute_usd: 0.0055",
            "minute_usd: 0.00000055",
            "llm.prices[1].minute_usd: must have at most 6 decimal places",
        ),
        (
            "valid_from: 2026-01-02",
            "valid_from: '2 January'",
            "llm.exchange_rates[0].valid_from: must be a day, such as 2026-01-31",
        ),
        (
            "agent: Orçamentos, period",
            "agent: Orcamentos, period",
            'llm.budgets[1].agent: no agent named "Orcamentos"',
        ),
        (
            "level: agent, agent: Orçamentos",
            "level: agent",
            "llm.budgets[1]: agent goes with level: agent, and only with it",
        ),
        (
            "{level: tenant, limit_usd: 50}",
            "{level: tenant}",
            "llm.budgets[0]: limit_usd or limit_calls is missing",
        ),
        (
            "{level: tenant, limit_usd: 50}",
            "{level: contact, period: day, limit_usd: 50}",
            "llm: there is more than one budget for contact day",
        ),
        (
            "name: Gerência, kind",
            "name: Orçamentos, kind",
            'agents[3].name: there is more than one agent named "Orçamentos"',
        ),
        ("quiet_s: 2.5", "quiet_secs: 2.5", "devices[0].quiet_secs: unknown key"),
        ("quiet_s: 2.5", "quiet_s: '2.5'", "devices[0].quiet_s: must be a number"),
        ("quiet_s: 2.5", "quiet_s: -1", "devices[0].quiet_s: must be 0.0 or more"),
        (
            "quiet_s: 2.5",
            "{quiet_s: 30, max_wait_s: 10}".strip("{}").replace(", ", "\n    "),
            "devices[0]: max_wait_s is shorter than quiet_s",
        ),
        (
            "hmac_key_env: GAMMA_HMAC",
            "hmac_key: short",
            "devices[0].bridge.hmac_key: an HMAC key has at least 32 characters",
        ),
        (
            "hmac_key_env: GAMMA_HMAC",
            "hmac_key_env: GAMMA_CRM",
            "devices[0].bridge.hmac_key_env: an HMAC key has at least 32 characters",
        ),
        (
            "hmac_key_env: GAMMA_HMAC",
            "kind: wuzapi",
            'the key "kind" occurs twice',
        ),
        (
            ", hmac_key_env: GAMMA_HMAC",
            "",
            "devices[0].bridge: hmac_key or hmac_key_env is missing",
        ),
        (
            "a-fixed-route-key-of-gamma",
            "short",
            "devices[0].route_key: does not match ^[A-Za-z0-9_-]{8,64}$",
        ),
        (
            "secret_env: GAMMA_CRM, quiet_s: 3, is_enabled: false",
            "route_key: too-short-a-secret",
            "chatwoot[0]: route_key has at least 24 characters where there is no secret",
        ),
        (
            "https://www.Gamma.example/",
            "http://gamma.example",
            'web_chats[0].allowed_origins[0]: "http://gamma.example" is no origin such as'
            " https://www.example.com",
        ),
        (
            "password: uma-senha-boa",
            "password: a, password_env: GAMMA_CRM",
            "users[0]: give password or password_env, not both",
        ),
        (
            "role: owner",
            "role: boss",
            "users[0].role: must be 'owner', 'manager', 'attendant' or 'auditor'",
        ),
        (
            "api_key_env: GAMMA_OPENAI",
            "api_key_env: GAMMA_NOWHERE",
            "llm.credentials[0].api_key_env: the environment variable GAMMA_NOWHERE is not set",
        ),
        (
            'base_url: "http://127.0.0.1:11434/v1", ',
            "",
            "llm.credentials[1]: base_url is missing",
        ),
        (
            "docs/tabela.csv",
            "docs/tabela_2027.csv",
            'knowledge.categories[0].documents[0]: no file matches "docs/tabela_2027.csv"',
        ),
        (
            "docs/tabela.csv",
            "../secret.csv",
            'knowledge.categories[0].documents[0]: "../secret.csv" leads out of the folder',
        ),
        (
            "docs/tabela.csv",
            "blueprint.yaml",
            'knowledge.categories[0].documents[0]: "blueprint.yaml" is none of: .csv',
        ),
        (
            "America/Bahia",
            "America/Bahiana",
            'tenant.timezone: no time zone is named "America/Bahiana"',
        ),
        ("blueprint: 1", "blueprint: 2", "blueprint: must be 1"),
        ("slug: gamma", "slug: Gamma", "tenant.slug: does not match"),
        (
            "events: [lead.qualified]",
            "events: [lead.qualifed]",
            "webhooks[0].events[0]: must be",
        ),
        (
            "holidays: BR-BA",
            "holidays: BR-BA\n  weekly: {}",
            'the key "weekly" occurs twice',
        ),
        (
            '"08:00-12:00", ',
            '"12:00-08:00", ',
            'hours.weekly.mon-fri[0]: "12:00-08:00" is no span of hours',
        ),
        (
            "13:30-18:00",
            "11:30-18:00",
            "hours.weekly.mon-fri: 11:30-18:00 overlaps other hours of its day",
        ),
        ("sat: [", "fri: [", "hours: fri is given twice"),
        ("holidays: BR-BA", "holidays: BR-XX", 'hours.holidays: no holidays are known for "BR-XX"'),
        ("Carnaval: []", "Carnival: []", 'hours: no holiday of BR-BA is called "Carnival"'),
        ("Voltamos {volta}.\n", "{nome}\n", "hours.away_text: {nome} means nothing here"),
        (
            "last_day: 2027-01-03",
            "last_day: 2026-01-03",
            "hours.special_days[0]: last_day lies before first_day",
        ),
        ("users:", "users: [", "line 5, column"),
    ],
)
def test_a_mistake_is_named_with_its_path(folder: Path, old: str, new: str, problem: str) -> None:
    rewrite(folder, old, new)

    with pytest.raises(loading.BadBlueprint) as refusal:
        loading.load(folder / "blueprint.yaml")

    assert any(problem in line for line in refusal.value.problems), refusal.value.problems


def test_all_mistakes_of_a_file_are_told_at_once(folder: Path) -> None:
    rewrite(folder, "handoffs: [Orçamentos, Atendimento]", "handoffs: [Orcamentos]")
    rewrite(folder, "name: crm,", "name: crm, retries: 3,")
    rewrite(folder, "docs/tabela.csv", "docs/nada.csv")
    rewrite(folder, "GAMMA_OPENAI", "GAMMA_UNSET")

    with pytest.raises(loading.BadBlueprint) as refusal:
        loading.load(folder / "blueprint.yaml")

    assert set(refusal.value.problems) == {
        'agents[0].handoffs[0]: no agent named "Orcamentos"',
        "webhooks[0].retries: unknown key",
        'knowledge.categories[0].documents[0]: no file matches "docs/nada.csv"',
        "llm.credentials[0].api_key_env: the environment variable GAMMA_UNSET is not set",
    }


@pytest.mark.parametrize("text", ["", "- 1", "just text", "{blueprint: 1, tenant: null}", "\x00"])
def test_what_is_no_blueprint_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(loading.BadBlueprint):
        loading.parse(text, folder=tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(loading.BadBlueprint, match="No such file"):
        loading.load(tmp_path / "nowhere.yaml")


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "private.md"
    outside.write_text("secret", encoding="utf-8")
    (folder / "docs" / "link.md").symlink_to(outside)

    with pytest.raises(loading.BadBlueprint, match="leads out of the folder"):
        loading.load(folder / "blueprint.yaml")


def test_a_secret_is_not_shown_by_an_error_or_a_repr(folder: Path) -> None:
    rewrite(folder, "password: uma-senha-boa", "password: uma-senha-boa, color: red")

    with pytest.raises(loading.BadBlueprint) as refusal:
        loading.load(folder / "blueprint.yaml")
    rewrite(folder, ", color: red", "")
    blueprint = loading.load(folder / "blueprint.yaml")

    for shown in (str(refusal.value), repr(blueprint)):
        assert "uma-senha-boa" not in shown
        assert "gamma-token" not in shown
        assert "shhh-do-not-tell" not in shown


@pytest.mark.parametrize("name", ["clinica", "loja"])
def test_the_examples_are_sound(name: str) -> None:
    folder = ROOT / "examples" / name

    blueprint = loading.load(folder / "blueprint.yaml")

    assert blueprint.tenant.slug == name
    assert blueprint.tenant.domains == [f"{name}.localhost"]
    files = [path for one in blueprint.knowledge.categories for path in one.files(folder)]
    assert sorted(files) == sorted((folder / "docs").iterdir())
    assert {agent.kind for agent in blueprint.agents} >= {"general", "specialist", "human"}
    (device,) = blueprint.devices
    assert device.bridge.base_url == "http://127.0.0.1:8090"
    assert device.bridge.reveal("token") == f"demo-{name}"
