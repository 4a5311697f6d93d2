"""What refusals say that are raised without a text of their own, by code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

MESSAGES: Mapping[str, Any] = {
    "agent_not_published": _("This agent has no published version, or is switched off."),
    "already_taken": _("Another person has this conversation."),
    "another_lead_is_open": _("This contact has another open lead meanwhile."),
    "bad_cursor": _("The cursor is not one of this list; begin without one."),
    "bad_event_id": _("This Last-Event-ID is of another conversation; follow without one."),
    "bad_file": _("This file is empty or too large, or this place is none."),
    "bad_key": _("The key cannot be made like this."),
    "bad_labels": _("A conversation bears up to 12 labels of up to 40 characters."),
    "bad_lead_value": _("This value cannot be taken."),
    "bad_message": _("A message has an id and a text of up to 4096 characters."),
    "bad_number": _("This is no number that WhatsApp could know."),
    "bad_refresh_token": _("The refresh token is not good any more; log in again."),
    "cannot_trigger": _(
        "This agent answers nobody over the API: it is a queue of people, or somebody's own."
    ),
    "changed_meanwhile": _("Somebody changed this since you read it; read it again."),
    "conversation_closed": _(
        "This conversation is archived; the contact's next message opens a new one."
    ),
    "device_off": _("The device is switched off, or being removed."),
    "file_too_large": _("The file is larger than 20 MB; split it into smaller files."),
    "forbidden": _("Your role does not allow that."),
    "key_reused": _("This Idempotency-Key was used for another request."),
    "lead_gone": _("This lead or stage is not there any more."),
    "no_bridge_has_room": _("No bridge of the platform has room for another device."),
    "no_such_person": _("Nobody of that name works here, or there is no such queue."),
    "not_answered": _(
        "Nobody answers this contact: it is blocked, or has asked not to be written to."
    ),
    "not_found": _("There is nothing here."),
    "not_in_peoples_hands": _(
        "The assistant is answering this conversation, or it is archived; take it over first."
    ),
    "not_json": _("Send JSON: an object."),
    "not_of_this_queue": _(
        "Only the people of this queue may do that; ask one of them, or an owner."
    ),
    "not_with_people": _("The assistant has this conversation; take it over first."),
    "nothing_said": _("Nothing was said here yet."),
    "nothing_to_send": _("There is no text to send."),
    "origin_refused": _("This chat is not for pages of this origin."),
    "out_of_scope": _("The key was not made for this; give it the scope."),
    "refresh_raced": _(
        "Another call is refreshing with this token right now; use the tokens that it got."
    ),
    "still_open": _("This contact has an open conversation already."),
    "switched_off": _("This chat is switched off."),
    "too_large": _("This is too large."),
    "too_many_requests": _("These are too many requests; wait a moment."),
    "too_many_streams": _("Too many calls wait here; try again soon."),
    "unauthenticated": _(
        "This needs a valid credential: an API key or an access token of this business."
    ),
    "unknown_visitor": _("This visitor is not known here; begin anew."),
    "unavailable": _("Another system did not answer; try again later."),
    "with_people": _("People have this conversation; give it back to the assistant first."),
    "wrong_password": _("The name or the password is wrong."),
}
