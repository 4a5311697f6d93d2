"""Why an event of the bridge woke nobody, in the words of the people who read it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy

_WHY: Mapping[str, object] = {
    "too_old": gettext_lazy("the message was already old when it arrived"),
    "clock_ahead": gettext_lazy("the sender's clock is far in the future"),
    "human_mode": gettext_lazy("a person was answering"),
    "opted_out": gettext_lazy("the contact asked not to be written to"),
    "opted_in": gettext_lazy("the contact asked to be written to again"),
    "blocked": gettext_lazy("the contact is blocked"),
    "reaction": gettext_lazy("a reaction needs no answer"),
    "sticker": gettext_lazy("a sticker needs no answer"),
    "too_long": gettext_lazy("the message is longer than WhatsApp lets anybody write"),
    "archived": gettext_lazy("the conversation was closed before"),
    "no_agent": gettext_lazy("the device has no agent"),
    "from_the_phone": gettext_lazy("somebody wrote on the paired phone"),
    "own_echo": gettext_lazy("an echo of what was sent from here"),
    "own_edit_or_delete": gettext_lazy("somebody edited or deleted on the paired phone"),
    "own_chat": gettext_lazy("the owner's notes to themselves"),
    "own_receipt": gettext_lazy("the paired phone read something"),
    "status_post": gettext_lazy("a status post"),
    "broadcast_list": gettext_lazy("a broadcast list"),
    "from_whatsapp": gettext_lazy("news of WhatsApp itself"),
    "newsletter": gettext_lazy("a channel"),
    "group": gettext_lazy("a group"),
    "group_not_mentioned": gettext_lazy("a group in which nobody spoke to this number"),
    "album_header": gettext_lazy("the cover of an album; its pictures come by themselves"),
    "another_copy": gettext_lazy("a sharper copy of a picture or video that comes by itself"),
    "undecryptable_edit": gettext_lazy("an edit that WhatsApp could not decrypt"),
    "unknown_edit": gettext_lazy("an edit of a kind that is not known here"),
    "own_reaction": gettext_lazy("somebody reacted on the paired phone"),
    "unreadable": gettext_lazy("WhatsApp could not decrypt it; it usually comes again"),
    "protocol_noise": gettext_lazy("technical noise of WhatsApp"),
    "no_message_id": gettext_lazy("a message without an id"),
    "unknown_address": gettext_lazy("nobody can tell who sent it"),
    "undecryptable": gettext_lazy("WhatsApp could not decrypt it; it usually comes again"),
    "unknown_receipt": gettext_lazy("a receipt of an unknown kind"),
    "unknown_message": gettext_lazy("it is about a message that is not known here"),
    "message_id_known": gettext_lazy("this message had arrived already"),
    "link_changed_since": gettext_lazy("the link has become another since"),
    "no_burst": gettext_lazy("nobody was being waited for"),
    "self_test": gettext_lazy("a sign of the connection test"),
    "not_a_message": gettext_lazy("not a message"),
}


_KINDS: Mapping[str, object] = {
    "Message": gettext_lazy("message"),
    "UndecryptableMessage": gettext_lazy("message that cannot be decrypted"),
    "ReadReceipt": gettext_lazy("delivered or read"),
    "ChatPresence": gettext_lazy("typing"),
    "Connected": gettext_lazy("connected"),
    "Disconnected": gettext_lazy("connection lost"),
    "KeepAliveTimeout": gettext_lazy("connection lost"),
    "KeepAliveRestored": gettext_lazy("connected"),
    "LoggedOut": gettext_lazy("unpaired"),
    "PairSuccess": gettext_lazy("paired"),
}


def kind(name: str) -> str:
    """Say what an event of the bridge is about; others keep the name that WhatsApp gives them."""
    return str(_KINDS.get(name, name))


_HEALTH: Mapping[str, object] = {
    "banned": gettext_lazy("WhatsApp banned it for a time, now or a few days ago"),
    "offline": gettext_lazy("it is not connected"),
    "new": gettext_lazy("the number is here for less than a week"),
    "failed": gettext_lazy("%(percent)s%% of a day's messages could not be sent"),
    "stuck": gettext_lazy("%(percent)s%% of a day's messages reached no phone within an hour"),
    "opted_out": gettext_lazy("%(percent)s%% of a week's contacts asked for no more messages"),
    "unanswered": gettext_lazy("%(percent)s%% of a week's planned messages got no answer"),
}


def health(code: str, percent: int) -> str:
    """Say what lowers a number's health; an unknown cause is shown as it is."""
    return str(_HEALTH[code]) % {"percent": percent} if code in _HEALTH else code


_ASKED: Mapping[str, object] = {
    "came": gettext_lazy("it came again by itself"),
    "asked": gettext_lazy("the phone was asked for it"),
    "unknown": gettext_lazy("the phone was asked for it; the bridge did not say what came of that"),
    "refused": gettext_lazy("the bridge did not want to ask the phone for it"),
    "away": gettext_lazy("the bridge could not be reached to ask the phone for it"),
}


def asked_again(outcome: str) -> str:
    """Say what became of a message that could not be decrypted; empty for every other."""
    return str(_ASKED[outcome]) if outcome in _ASKED else ""


def why(reason: str) -> str:
    """Say why an event woke nobody; an unknown reason is shown as it is."""
    return str(_WHY[reason]) if reason in _WHY else reason
