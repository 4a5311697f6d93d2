"""The pages of the embedding model and of web addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.services import prices
from knowledge import spaces as clients
from knowledge.models import Document, EmbeddingSpace, WebSource
from knowledge.services import documents, web
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.fakes.embeddings import FakeEmbeddings, Mode
from tests.fakes.site import FakeSite
from tests.knowledge.factories import ready
from tests.knowledge.spaces import SMALL, choose, credential, switch_to
from tests.knowledge.test_web import add, read

MODELS = "/admin/knowledge/embeddingspace/"
PAGES = "/admin/knowledge/websource/"


@pytest.fixture
def server() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as server:
        yield server


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with FakeSite() as site:
        yield site


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_the_page_names_the_model_in_use(owner: Client) -> None:
    assert "multilingual-e5-small" in text(owner, MODELS)


def test_what_a_model_takes_is_shown_before_it_begins(
    owner: Client, server: FakeEmbeddings
) -> None:
    ready()
    prices.ensure_shipped()
    given = credential(server, provider="openai")

    answer = owner.post(MODELS, {"credential": given.pk, "model": SMALL})

    page = answer.content.decode()
    assert "US$" in page
    assert "1536" in page
    assert "knowledge/embeddingspace/start/" in page
    assert not EmbeddingSpace.objects.filter(status="building").exists()


def test_a_price_that_nobody_knows_is_not_zero(owner: Client, server: FakeEmbeddings) -> None:
    ready()

    answer = owner.post(MODELS, {"credential": credential(server).pk, "model": "any"})

    assert "US$" not in answer.content.decode()


def test_a_wrong_key_is_told_before_anything_begins(owner: Client, server: FakeEmbeddings) -> None:
    server.mode = Mode.UNAUTHORIZED

    answer = owner.post(MODELS, {"credential": credential(server).pk, "model": "any"})

    assert 'role="alert"' in answer.content.decode()
    assert "embeddingspace/start/" not in answer.content.decode()


def test_the_model_in_use_is_not_offered_as_another_one(owner: Client) -> None:
    answer = owner.post(MODELS, {"credential": "", "model": ""}).content.decode()

    assert 'role="alert"' in answer
    assert "embeddingspace/start/" not in answer


def test_all_documents_are_read_again_with_one_button(
    owner: Client, alpha: Tenant, beta: Tenant
) -> None:
    document = ready()
    with tenant_context(beta):
        theirs = ready()

    answer = owner.post(f"{MODELS}read-all/", follow=True).content.decode()

    document.refresh_from_db()
    assert (document.status, document.n_attempts) == ("queued", 0)
    assert "embeddingspace/read-all/" in answer
    assert documents.read_all_again(now=timezone.now()) == 0  # they wait already
    with tenant_context(beta):
        theirs.refresh_from_db()
        assert (theirs.pk, theirs.status) == (document.pk, "ready")


def test_a_model_is_started_followed_stopped_and_taken_up(
    owner: Client, server: FakeEmbeddings
) -> None:
    ready()
    given = credential(server)

    owner.post(f"{MODELS}start/", {"credential": given.pk, "model": "small"})

    space = EmbeddingSpace.objects.get(status="building")
    assert space.requested_by == "owner"
    assert "<progress" in text(owner, MODELS)
    owner.post(f"{MODELS}{space.pk}/stop/")
    space.refresh_from_db()
    assert space.status == "failed"
    owner.post(f"{MODELS}{space.pk}/again/")
    space.refresh_from_db()
    assert space.status == "building"


def test_one_can_go_back(owner: Client, server: FakeEmbeddings) -> None:
    ready()
    before = clients.active_space()
    switch_to(credential(server))

    assert f"{MODELS}{before.pk}/again/" in text(owner, MODELS)
    owner.post(f"{MODELS}{before.pk}/again/")

    before.refresh_from_db()
    assert before.status == "building"


def test_a_model_of_a_provider_must_be_named(owner: Client, server: FakeEmbeddings) -> None:
    answer = owner.post(MODELS, {"credential": credential(server).pk, "model": " "})

    assert answer.context["form"].errors["model"]
    assert not server.received


@pytest.mark.parametrize("role", ["attendant", "auditor"])
def test_only_who_may_changes_the_model(alpha: Tenant, server: FakeEmbeddings, role: str) -> None:
    space = choose(credential(server))
    client = as_role(role)

    assert client.post(f"{MODELS}{space.pk}/stop/").status_code == 403
    assert client.post(f"{MODELS}start/", {}).status_code == 403
    assert client.post(MODELS, {}).status_code == 403


def test_looking_changes_nothing(owner: Client, server: FakeEmbeddings) -> None:
    space = choose(credential(server))

    assert owner.get(f"{MODELS}{space.pk}/stop/").status_code == 405
    assert owner.get(f"{MODELS}start/").status_code == 405


def source_data(url: str) -> dict[str, object]:
    return {
        "url": url,
        "kind": "page",
        "category": "Site",
        "every_hours": 24,
        "max_pages": 50,
    }


def test_an_address_is_added_and_read(owner: Client, site: FakeSite) -> None:
    url = site.put("/precos", "Preços")

    owner.post(f"{PAGES}add-source/", source_data(url))

    source = WebSource.objects.get()
    assert source.url in text(owner, PAGES)
    read()
    page = text(owner, f"{PAGES}{source.pk}/change/")
    assert "Preços.html" in page
    assert "Site" in page


@pytest.mark.parametrize("url", ["loja", "ftp://a.example/", "javascript:alert(1)", ""])
def test_a_bad_address_is_told_at_its_field(owner: Client, url: str) -> None:
    answer = owner.post(f"{PAGES}add-source/", source_data(url))

    assert answer.context["form"].errors["url"]
    assert not WebSource.objects.exists()


def test_an_address_twice_is_told(owner: Client, site: FakeSite) -> None:
    url = site.put("/a")
    owner.post(f"{PAGES}add-source/", source_data(url))

    assert owner.post(f"{PAGES}add-source/", source_data(url)).context["form"].errors["url"]


def test_a_source_is_paused_read_thrown_away_and_taken_back(owner: Client, site: FakeSite) -> None:
    source = add(site.put("/a"))
    read()
    where = f"{PAGES}{source.pk}"

    owner.post(f"{where}/pause/")
    source.refresh_from_db()
    assert not source.is_active
    owner.post(f"{where}/pause/")  # from a page that somebody else had open
    source.refresh_from_db()
    assert not source.is_active
    assert f"{where}/pause/?active=1" in text(owner, PAGES)
    owner.post(f"{where}/read/")
    source.refresh_from_db()
    assert source.status == "waiting"
    owner.post(f"{where}/throw/")
    source.refresh_from_db()
    assert source.deleted_at is not None
    assert f"{where}/back/" in text(owner, PAGES)
    owner.post(f"{where}/back/")
    source.refresh_from_db()
    assert source.deleted_at is None


def test_the_address_that_removes_rows_throws_a_source_away(owner: Client, site: FakeSite) -> None:
    source = add(site.put("/a"))
    read()

    assert owner.get(f"{PAGES}{source.pk}/delete/").status_code == 302
    owner.post(f"{PAGES}{source.pk}/delete/", {"post": "yes"})

    source.refresh_from_db()
    assert source.deleted_at is not None
    assert Document.objects.count() == 1


def test_the_schedule_is_changed_on_the_sources_page(owner: Client, site: FakeSite) -> None:
    source = add(site.put("/a"))

    owner.post(f"{PAGES}{source.pk}/change/", {"every_hours": 168, "max_pages": 9})

    source.refresh_from_db()
    assert (source.every_hours, source.max_pages) == (168, 9)


@pytest.mark.parametrize("role", ["attendant", "auditor"])
def test_only_who_may_adds_addresses(alpha: Tenant, site: FakeSite, role: str) -> None:
    source = add(site.put("/a"))
    client = as_role(role)

    assert client.post(f"{PAGES}add-source/", source_data(site.url)).status_code == 403
    for verb in ("read", "pause", "throw", "back", "delete"):
        assert client.post(f"{PAGES}{source.pk}/{verb}/").status_code == 403


def test_a_title_with_markup_stays_text(owner: Client, site: FakeSite) -> None:
    source = add(site.put("/a", "&lt;script&gt;alert(1)&lt;/script&gt;"))
    read()

    assert "<script>alert(1)" not in text(owner, f"{PAGES}{source.pk}/change/")


def test_two_tenants_see_their_own(
    owner: Client, beta: Tenant, site: FakeSite, server: FakeEmbeddings
) -> None:
    with tenant_context(beta):
        theirs = add(site.put("/deles"))
        space = choose(credential(server, name="deles"))
        other = as_role("owner")
        assert "/deles" in text(other, PAGES)

    assert "/deles" not in text(owner, PAGES)
    assert owner.post(f"{PAGES}{theirs.pk}/throw/").status_code == 404
    assert owner.post(f"{MODELS}{space.pk}/stop/").status_code == 404 or not (
        EmbeddingSpace.objects.filter(pk=space.pk, status="failed").exists()
    )
    with tenant_context(beta):
        theirs.refresh_from_db()
        assert theirs.deleted_at is None
        assert clients.building_space() == space
        assert web.read_now(source=theirs, now=theirs.created_at)
