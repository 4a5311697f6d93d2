"""Giving out the files of a conversation, and having them fetched or read again.

Nothing that a contact sent can run here: what a file is was told by its bytes and is one of a fixed
list, everything else is a download, and the page that would be opened may load and run nothing.
"""

from __future__ import annotations

import re
import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from conversations.models import Attachment, AttachmentContent, Conversation
from conversations.services import file_types
from tenants.context import release_connection

_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})\Z")

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


def answer(request: HttpRequest, found: Attachment) -> HttpResponse:
    """Return a file, or the part of it that a player asks for.

    Raises:
        Http404: it is not here.
    """
    content = AttachmentContent.objects.filter(pk=found.pk).first()
    if content is None:
        raise Http404
    data = bytes(content.data)
    # Until the last byte is sent the request counts as running, and a phone on a slow line would
    # hold one of this process's few connections all the while.
    release_connection()
    is_shown = found.media_type in file_types.SHOWN
    response = _part(data, request.headers.get("Range", "")) if is_shown else None
    response = response or HttpResponse(data)
    response["Content-Type"] = found.media_type
    response["Content-Disposition"] = content_disposition_header(not is_shown, _name(found)) or ""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, max-age=3600"
    response["Accept-Ranges"] = "bytes" if is_shown else "none"
    return response


def _part(data: bytes, asked: str) -> HttpResponse | None:
    """Return the one part that a player asks for; None where the whole is to be sent."""
    match = _RANGE.match(asked)
    if match is None:
        return None
    first = int(match[1])
    last = min(int(match[2]) if match[2] else len(data) - 1, len(data) - 1)
    if first > last:
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{len(data)}"
        return response
    response = HttpResponse(data[first : last + 1], status=206)
    response["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return response


def _name(found: Attachment) -> str:
    """Return the name under which a file is saved; without the paths and signs of its sender."""
    plain = re.sub(r"[^\w.() -]+", "_", found.name.rpartition("/")[2]).strip(". ")
    if plain:
        return plain
    ending = _ENDINGS.get(found.media_type, "bin")
    return f"{found.message.kind}-{found.pk}.{ending}"
