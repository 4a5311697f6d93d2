"""What people call the checks around an answer."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

_GUARD_NAMES = {
    "input_length": _("Characters that are read"),
    "flood_minute": _("Answers in a minute"),
    "flood_day": _("Answers in a day"),
    "bot_loop": _("Two machines in a loop"),
    "subjects": _("Subjects that are not talked about"),
    "length": _("Characters of a reply"),
    "leak": _("Keeps its instructions to itself"),
    "links": _("Leads only to your own sites"),
    "markup": _("No code in a reply"),
    "placeholder": _("No hidden data left over"),
    "strangers": _("No data of other people"),
    "payment_data": _("Never asks for cards or passwords"),
    "grounding": _("Prices, dates and numbers stand in the documents"),
    "promises": _("Promises only what the documents promise"),
    "discount": _("Largest discount in percent"),
    "parroting": _("Says nothing that the contact dictates"),
    "toxicity": _("Offends nobody"),
    "strict": _("Strict: every sentence stands in the documents"),
    # Not to be set: these always hold.
    "injection": _("Signs of a trick"),
}


def guard_name(name: str) -> str:
    """Return what people call a check; an unknown one by its code."""
    return str(_GUARD_NAMES.get(name, name))
