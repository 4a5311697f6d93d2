from __future__ import annotations

import pytest

from knowledge import privacy


@pytest.mark.parametrize(
    ("written", "hidden"),
    [
        ("meu cpf é 123.456.789-09", "123.456"),
        ("meu cpf 12345678909 pode ver", "12345678909"),
        ("cnpj 12.345.678/0001-95", "0001-95"),
        ("rg 12.345.678-9 ssp", "12.345.678"),
        ("me liga (19) 99876-5432", "99876"),
        ("liga 19 99876-5432", "99876"),
        ("whats +55 19 99876 5432", "99876"),
        ("fixo 3232-1010", "3232"),
        ("+5519998765432", "998765432"),
        ("manda pra ana.b+c@exemplo.com.br", "exemplo"),
        ("cartao 4111 1111 1111 1111", "1111 1111"),
        ("cartao 4111111111111111", "41111"),
    ],
)
def test_what_identifies_a_person_is_masked(written: str, hidden: str) -> None:
    masked = privacy.mask(written)

    assert hidden not in masked
    assert "[" in masked


@pytest.mark.parametrize(
    "written",
    [
        "quanto custa o de R$ 1.490,00?",
        "posso pagar 10x de 129,00?",
        "abre dia 24/12/2026 das 8h às 18:30?",
        "vale em 2026 ou 2027?",
        "pedido 48213 chegou?",
        "de 2025-2026",
        "tem o modelo MA-103?",
    ],
)
def test_prices_dates_and_order_numbers_stay(written: str) -> None:
    assert privacy.mask(written) == written
