"""An owner drops files into the panel, watches them being read, and customers are answered."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import docx
import openpyxl
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fakes.site import FakeSite
from tests.flows.conftest import PHONE, log_in
from tests.flows.test_browser import blueprint, write
from tests.knowledge.office import saved
from tests.knowledge.pdfs import Put, build, lines
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(280)]

PRICES = (
    "codigo;produto;preco\n"
    "S100;Prancha funboard;R$ 2.480,00\n"
    "S101;Roupa de borracha 3/2;R$ 899,90\n"
    "S102;Parafina para água fria;R$ 24,50\n"
)
THEIR_PRICES = PRICES.replace("2.480,00", "2.999,00")
SECTIONS = (
    ("Privacidade", "Os dados do cliente ficam guardados por cinco anos e nunca são vendidos."),
    ("Pagamento", "Aceitamos Pix, cartão em até seis vezes e boleto para empresas."),
    ("Frete", "O frete sai de graça acima de R$ 350,00 para o Sul e o Sudeste."),
    ("Entrega", "Pedidos pagos até o meio-dia saem da loja no mesmo dia útil."),
    ("Retirada", "A retirada na loja pode ser feita a partir de duas horas depois do pagamento."),
    ("Garantia", "As pranchas têm garantia de doze meses contra defeitos de fabricação."),
    ("Trocas", "O prazo para trocar um produto é de 17 dias corridos, com a nota fiscal."),
    ("Devoluções", "Na desistência o valor volta em até dez dias úteis pelo mesmo meio."),
    ("Consertos", "Consertos de prancha levam de cinco a oito dias, conforme o tamanho do furo."),
    ("Aluguel", "O aluguel de prancha pede documento com foto e caução de R$ 200,00."),
    ("Vale-presente", "O vale-presente vale por seis meses e não pode ser trocado por dinheiro."),
    ("Reclamações", "Reclamações são respondidas em até dois dias úteis pela gerência."),
)
PARKING = "O estacionamento conveniado fica na Rua Lauro Müller, 88, e custa R$ 7,00 por hora."
# The question, what the answer must hold, and the file that it must come from.
ASKED = (
    ("qual o prazo pra trocar um produto?", "17 dias", "politicas.pdf"),
    ("quanto custa a prancha funboard?", "2.480,00", "precos.csv"),
    ("quanto tempo dura a aula experimental?", "75 minutos", "aulas.docx"),
    ("qual o endereço da unidade de Itajaí?", "Rua das Palmeiras, 412", "unidades.xlsx"),
    ("onde fica o estacionamento conveniado?", "Rua Lauro Müller, 88", ""),
)


def policies() -> bytes:
    """A PDF of twelve pages with a running head, as a business would print its rules."""
    pages = []
    for number, (title, text) in enumerate(SECTIONS, start=1):
        words, rows = text.split(), [""]
        for word in words:
            if len(rows[-1]) + len(word) > 70:
                rows.append("")
            rows[-1] = f"{rows[-1]} {word}".strip()
        head = Put("Maré Alta Surf Shop - Políticas da loja", y=810, size=8)
        foot = Put(f"Página {number} de {len(SECTIONS)}", y=30, size=8)
        pages.append([head, Put(title, y=740, size=18, bold=True), *lines(*rows, top=700), foot])
    return build(*pages)


def lessons() -> bytes:
    file = docx.Document()
    file.add_heading("Aulas de surfe", level=1)
    file.add_paragraph("A aula experimental dura 75 minutos e inclui prancha e roupa.")
    file.add_heading("Idade", level=2)
    file.add_paragraph("Crianças a partir de seis anos entram com um responsável.")
    return saved(file)


def branches() -> bytes:
    file = openpyxl.Workbook()
    sheet = file.active
    assert sheet is not None
    sheet.title = "Unidades"
    sheet.append(["Unidade", "Endereço", "Horário"])
    sheet.append(["Itajaí", "Rua das Palmeiras, 412", "segunda a sábado, 9h às 18h"])
    sheet.append(["Florianópolis", "Avenida do Mar, 1550", "todos os dias, 10h às 20h"])
    return saved(file)


def empty(slug: str, name: str, bridge_url: str) -> dict[str, Any]:
    """A tenant whose agent reads one category in which nothing stands yet."""
    made = blueprint(slug, name, "", bridge_url)
    return {**made, "knowledge": {"categories": [{"name": "geral", "documents": []}]}}


def open_documents(page: Page, stack: Stack, slug: str) -> None:
    """Open the list of documents, as the owner."""
    panel = log_in(page, stack, slug, username="ana", password="prosa-demo")
    page.goto(f"{panel}/knowledge/document/")


def drop(page: Page, files: dict[str, bytes]) -> None:
    """Let files fall onto the page, as from a folder of the desktop."""
    page.evaluate(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, content] of Object.entries(files)) {
                const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            const place = document.querySelector(".pz-drop");
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const given = { dataTransfer: transfer, bubbles: true, cancelable: true };
                place.dispatchEvent(new DragEvent(kind, given));
            }
        }""",
        {name: base64.b64encode(content).decode() for name, content in files.items()},
    )


def read(page: Page, n: int) -> None:
    """Wait until the page says by itself that `n` files are ready."""
    ready = page.locator('#pz-received .pz-state[data-busy="0"] .pz-good')
    expect(ready).to_have_count(n, timeout=90_000)


@pytest.fixture(scope="module")
def site() -> Iterator[FakeSite]:
    with FakeSite() as site:
        yield site


def read_web_page(page: Page, stack: Stack, address: str) -> None:
    """Give the address of a page, and wait until the list says that it was read; logged in."""
    page.goto(f"http://mare.localhost:{stack.port}/admin/knowledge/websource/")
    page.fill("[name=url]", address)
    page.fill("[name=category]", "geral")
    page.locator("form:has([name=url]) .pz-primary").click()
    row = page.locator(".pz-faq", has_text=address)
    expect(row.locator(".pz-badge.pz-good")).to_be_visible(timeout=90_000)
    page.goto(f"http://mare.localhost:{stack.port}/admin/knowledge/document/")
    ready = page.locator("#result_list .pz-state[data-busy='0'] .pz-good")
    expect(ready).to_have_count(5, timeout=90_000)


@pytest.fixture(scope="module")
def uploaded(stack: Stack, context: BrowserContext, site: FakeSite) -> Page:
    """All files are in the panel of the first business, and a changed table in the other's."""
    simulator_url = stack.env["SIMULATOR_URL"]
    stack.apply_blueprint(empty("mare", "Maré Alta", simulator_url), {})
    stack.apply_blueprint(empty("onda", "Onda Boa", simulator_url), {})
    page, other = context.new_page(), context.new_page()
    open_documents(page, stack, "mare")
    page.set_input_files(
        ".pz-files",
        [
            {"name": "politicas.pdf", "mimeType": "application/pdf", "buffer": policies()},
            {"name": "precos.csv", "mimeType": "text/csv", "buffer": PRICES.encode()},
        ],
    )
    drop(page, {"aulas.docx": lessons(), "foto.exe": b"MZ", "unidades.xlsx": branches()})
    read(page, 4)
    read_web_page(other, stack, site.put("/estacionamento", "Estacionamento", PARKING))
    open_documents(other, stack, "onda")
    drop(other, {"precos.csv": THEIR_PRICES.encode()})
    read(other, 1)
    other.close()
    return page


def test_each_file_has_its_line_and_the_list_shows_them(
    stack: Stack, page: Page, uploaded: Page
) -> None:
    expect(uploaded.locator("#pz-received > li")).to_have_count(5)
    refused = uploaded.locator("#pz-received > li", has_text="foto.exe")
    expect(refused).to_have_class("pz-received-line pz-bad")
    open_documents(page, stack, "mare")

    drop(page, {"precos.csv": PRICES.encode()})

    same = page.locator("#pz-received > li", has_text="precos.csv")
    expect(same).to_have_class("pz-received-line")  # neither received nor refused: nothing new
    rows = page.locator("#result_list tbody")
    expect(rows).to_have_count(5)
    expect(rows.filter(has_text="politicas.pdf").locator(".pz-good")).to_be_visible()


def test_the_pages_of_the_pdf_can_be_read(stack: Stack, page: Page, uploaded: Page) -> None:
    open_documents(page, stack, "mare")
    page.get_by_role("link", name="politicas.pdf").click()

    passage = page.locator(".pz-passage-card", has_text="17 dias corridos")
    expect(passage.locator(".pz-passage-head")).to_contain_text("7")
    expect(page.locator(".pz-passage-card", has_text="Página 7 de")).to_have_count(0)


@pytest.mark.parametrize(
    ("number", "question", "answer", "source"),
    [(number, *one) for number, one in enumerate(ASKED)],
    ids=["pdf", "csv", "docx", "xlsx", "web page"],
)
def test_a_customer_is_answered_from_each_file(
    stack: Stack,
    page: Page,
    uploaded: Page,
    number: int,
    question: str,
    answer: str,
    source: str,
) -> None:
    page.set_viewport_size(PHONE)
    write(page, stack, "demo-mare", f"551198765010{number}", question)

    bubble = page.get_by_test_id("bubble-in").first
    expect(bubble).to_be_visible(timeout=90_000)
    expect(bubble).to_contain_text(answer)
    expect(bubble).to_contain_text(source)


def test_the_other_business_says_its_own_price(stack: Stack, page: Page, uploaded: Page) -> None:
    page.set_viewport_size(PHONE)
    write(page, stack, "demo-onda", "5511987650200", "quanto custa a prancha funboard?")

    bubble = page.get_by_test_id("bubble-in").first
    expect(bubble).to_be_visible(timeout=90_000)
    expect(bubble).to_contain_text("2.999,00")
    expect(bubble).not_to_contain_text("2.480,00")


def test_files_that_come_before_their_category_wait_for_it(
    stack: Stack, page: Page, uploaded: Page
) -> None:
    open_documents(page, stack, "onda")
    page.fill("[name=new_category]", "regras")
    drop(page, {"trocas.md": b"# Trocas\n\nTrocamos em 17 dias."})
    read(page, 1)
    open_documents(page, stack, "onda")  # of two categories none is chosen

    drop(page, {"frete.md": b"# Frete\n\nO frete custa R$ 12,00.", "lixo.pdf": b"%PDF-1.7 lixo"})

    lines = page.locator("#pz-received > li")
    expect(lines).to_have_count(2)
    page.select_option("[name=category]", label="regras")
    read(page, 1)
    expect(lines.filter(has_text="frete.md")).to_have_class("pz-received-line pz-good")
    failed = lines.filter(has_text="lixo.pdf")
    expect(failed).to_have_class("pz-received-line pz-bad", timeout=90_000)
