"""Celery's doors to the agents."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from agents.services import examples


@shared_task
def embed_examples(**_: object) -> str:
    """Make the vectors of published examples that lack one."""
    return str(examples.embed_missing(now=timezone.now()))
