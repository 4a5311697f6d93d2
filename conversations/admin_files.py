"""Giving out the files of a conversation, and having them fetched or read again.

Nothing that a contact sent can run here: what a file is was told by its bytes and is one of a fixed
list, everything else is a download, and the page that would be opened may load and run nothing.
"""

from __future__ import annotations

import re
import uuid

from django.db.models import BinaryField, F, Func, IntegerField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from conversations.models import Attachment, AttachmentContent, Conversation, OutboundFile
from conversations.services import file_types
from tenants.context import release_connection

_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})\Z")

_MOST = 2**30
"""The largest place and length that are asked of the database, in bytes; no file is larger."""

Stored = QuerySet[AttachmentContent] | QuerySet[OutboundFile]

_ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "video/mp4": "mp4",
    "application/pdf": "pdf",
}


def attachment(conversation: Conversation, file_uuid: uuid.UUID) -> Attachment:
    """Return a file of this conversation.

    Raises:
        Http404: there is none, or it belongs to another conversation.
    """
    found = (
        Attachment.objects.select_related("message")
        .filter(uuid=file_uuid, message__conversation=conversation)
        .first()
    )
    if found is None:
        raise Http404
    return found


def any_file(conversation: Conversation, file_uuid: uuid.UUID) -> Attachment | OutboundFile:
    """Return a file of this conversation, received or sent.

    Raises:
        Http404: there is none, or it belongs to another conversation.
    """
    sent = OutboundFile.objects.filter(uuid=file_uuid, message__conversation=conversation)
    return sent.select_related("message").defer("data").first() or attachment(
        conversation, file_uuid
    )


def answer(request: HttpRequest, found: Attachment | OutboundFile) -> HttpResponse:
    """Return a file, or the part of it that a player asks for.

    Raises:
        Http404: it is not here, or no longer.
    """
    if found.deleted_at is not None:
        raise Http404
    is_shown = found.media_type in file_types.SHOWN
    asked = _RANGE.match(request.headers.get("Range", "")) if is_shown else None
    stored: Stored = (
        OutboundFile.objects.filter(pk=found.pk)
        if isinstance(found, OutboundFile)
        else AttachmentContent.objects.filter(pk=found.pk)
    )
    response = _part(stored, asked) if asked else _whole(stored)
    # Until the last byte is sent the request counts as running, and a phone on a slow line would
    # hold one of this process's few connections all the while.
    release_connection()
    response["Content-Type"] = found.media_type
    response["Content-Disposition"] = content_disposition_header(not is_shown, _name(found)) or ""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, max-age=3600"
    response["Accept-Ranges"] = "bytes" if is_shown else "none"
    return response


def _whole(stored: Stored) -> HttpResponse:
    data = stored.values_list("data", flat=True).first()
    if data is None:
        raise Http404
    return HttpResponse(bytes(data))


def _part(stored: Stored, asked: re.Match[str]) -> HttpResponse:
    """Return the one part that a player asks for; no more of the file is read.

    Players ask many times: for the end, which holds the duration, and again after each jump.
    """
    first, last = int(asked[1]), int(asked[2]) if asked[2] else 2 * _MOST
    # As far as the database can count: such a place is beyond every file.
    start, length = min(first, _MOST), max(0, min(last - first + 1, _MOST))
    part = Func(F("data"), start + 1, length, function="substring", output_field=BinaryField())
    size = Func(F("data"), function="octet_length", output_field=IntegerField())
    row = stored.annotate(part=part, size=size).values_list("part", "size").first()
    if row is None:
        raise Http404
    data, n_bytes = bytes(row[0]), row[1]
    if not data:
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{n_bytes}"
        return response
    response = HttpResponse(data, status=206)
    response["Content-Range"] = f"bytes {first}-{first + len(data) - 1}/{n_bytes}"
    return response


def _name(found: Attachment | OutboundFile) -> str:
    """Return the name under which a file is saved; without the paths and signs of its sender."""
    plain = re.sub(r"[^\w.() -]+", "_", found.name.rpartition("/")[2]).strip(". ")
    if plain:
        return plain
    ending = _ENDINGS.get(found.media_type, "bin")
    return f"{found.message.kind}-{found.pk}.{ending}"
