"""An inbox on a Chatwoot of the tests, with the door and the workers played by the test."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from agents.models import Agent
from channels_chatwoot import webhooks
from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.services import inboxes, reconciling, threads, watching
from conversations.models import Conversation
from tenants import inbox as public_inbox
from tenants import receiving, timers
from tenants.models import InboundRoute, InboxEntry, Timer
from tenants.services.routes import ROUTE_SQL, Route, route_from_row
from tests.factories import due_now, learn, make_agent, work
from tests.fakes import chatwoot
from tests.fakes.chatwoot import FakeChatwoot

ASKS, ANSWER = "Qual o preço da limpeza?", "A limpeza completa custa R$ 220,00."
ASKS_MORE, MORE = "Vocês têm estacionamento?", "gratuito para clientes"
WANTS_PERSON = "quero falar com um atendente sobre o pedido 48213"


def make_inbox(server: FakeChatwoot, *, agent: Agent | None = None, **values: Any) -> Inbox:
    """Make an inbox that gathers a burst for no time at all."""
    values = {
        "name": "Clínica",
        "base_url": server.url,
        "account_id": chatwoot.ACCOUNT,
        "inbox_id": chatwoot.INBOX,
        "entry_agent": agent,
        "quiet_s": 0.0,
        "token": chatwoot.BOT_TOKEN,
        "reader_token": "",
        "secret": chatwoot.SECRET,
        **values,
    }
    edit = inboxes.InboxEdit(**values)
    return inboxes.save_inbox(edit=edit, actor="test", now=timezone.now())[0]


def route_of(inbox: Inbox) -> Route:
    key = InboundRoute.objects.get(device_ref=inbox.uuid).route_key
    with connection.cursor() as cursor:
        cursor.execute(ROUTE_SQL, [key])
        return route_from_row(cursor.fetchone())


class World:
    """One inbox with an agent that knows prices, and its Chatwoot."""

    def __init__(self, server: FakeChatwoot, **values: Any) -> None:
        self.server = server
        if not Agent.objects.exists():
            learn()
            make_agent()
        self.inbox = make_inbox(server, agent=Agent.objects.get(), **values)

    def deliver(self, *bodies: bytes) -> int:
        """Bring webhooks through the door and have them written; return how many were new."""
        n_new = 0
        route = route_of(self.inbox)
        for body in bodies:
            headers = {
                name.encode(): [value.encode()] for name, value in chatwoot.signed(body).items()
            }
            taken = webhooks.read(route, headers, body)
            _, is_new = InboxEntry.objects.get_or_create(
                route_id=route.route_id,
                dedup_key=taken.dedup_key,
                defaults={
                    "schema_name": route.schema_name,
                    "line": taken.line,
                    "encoding": taken.encoding,
                    "body": taken.body,
                },
            )
            n_new += is_new
        write_in()
        return n_new

    def run(self, *, webhooks_arrive: bool = True, rounds: int = 4) -> list[str]:
        """Do what is due until nothing is, as dispatcher and workers would."""
        outcomes: list[str] = []
        for _ in range(rounds):
            if webhooks_arrive:
                self.deliver(*self.server.webhooks())
            outcomes += work(rounds=1)
            outcomes += ring()
            write_in()
        return outcomes

    def minute_later(self, **options: Any) -> list[str]:
        """Let the minute pass after which everything is compared again."""
        due_now()
        return self.run(**options)

    @property
    def talk(self) -> chatwoot.Talk:
        return self.server.talks[118]

    @property
    def conversation(self) -> Conversation:
        return Conversation.objects.order_by("pk").last()

    @property
    def thread(self) -> Thread:
        return Thread.objects.get()


def write_in() -> None:
    """Write what lies in the inbox into its tenants."""
    for batch in public_inbox.claim_batches(limit=500, per_batch=100):
        with schema_context(batch.schema_name):
            receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)
    assert not InboxEntry.objects.filter(done_at=None).exists()


def ring() -> list[str]:
    """Do what Chatwoot's timers announce in every tenant."""
    outcomes = []
    for kind, run in (
        (inboxes.TIMER, watching.watch_inbox),
        (threads.TIMER, reconciling.reconcile),
    ):
        for bell in timers.claim_due(kind=kind, max_running=1000, limit=1000):
            with schema_context(bell.schema_name):
                outcomes.append(f"{kind}:{run(timer_id=bell.timer_id, token=bell.token)}")
    return outcomes


def armed(kind: str) -> int:
    """Return how many timers of a kind there are."""
    return Timer.objects.filter(kind=kind).count()
