from __future__ import annotations

import pytest

from knowledge.extract import language


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("A clínica abre de segunda a sexta, das 8h às 18h. Não atendemos aos domingos.", "pt"),
        ("O prazo de troca é de 7 dias depois do recebimento, com nota fiscal.", "pt"),
        ("The clinic is open from Monday to Friday and we do not take walk-ins.", "en"),
        ("La clínica abre de lunes a viernes y los sábados hasta el mediodía. No hay cita.", "es"),
        ("Puede cambiar el producto en un plazo de 7 días con la factura de compra.", "es"),
        ("Vous pouvez échanger votre article dans les 7 jours avec le ticket de caisse.", "fr"),
        ("Wir sind von Montag bis Freitag für Sie da und nehmen auch Karten.", "de"),
        ("Il cambio è possibile entro 7 giorni e non si paga per la spedizione della merce.", "it"),
        ("Limpeza 220,00 Canal 780,00 Clareamento 990,00", ""),
        ("SKU-1 SKU-2 12 13", ""),
        ("", ""),
        ("日本語のテキストです", ""),
    ],
)
def test_small_words_tell_the_language(words: str, code: str) -> None:
    assert language.detect(words) == code


def test_a_long_text_is_looked_at_only_in_part() -> None:
    assert language.detect("não é da loja que as pessoas vêm " * 100_000) == "pt"
