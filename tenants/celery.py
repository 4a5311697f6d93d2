"""The Celery task class: every task runs inside one tenant's schema, or says that it does not."""

from __future__ import annotations

from typing import Any

from celery.contrib.django.task import DjangoTask
from django_tenants.utils import schema_context

from tenants.context import current_schema

SCHEMA_HEADER = "tenant_schema"
PUBLIC = "public"


class MissingSchema(Exception):
    """A tenant's task arrived without the name of the tenant's schema."""


class TenantTask(DjangoTask):
    """Enter the schema named in the message's header before the body runs.

    A retry keeps the header. Set ``scope = "public"`` on a task that serves the whole platform.
    """

    abstract = True
    scope = "tenant"

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Publish the task for the schema in ``headers``, else for the current one."""
        headers = dict(options.pop("headers", None) or {})
        headers.setdefault(SCHEMA_HEADER, current_schema())
        return super().apply_async(args, kwargs, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body in its schema.

        Raises:
            MissingSchema: published from ``public`` or by foreign code.
        """
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        schema = (self.request.headers or {}).get(SCHEMA_HEADER) or self.request.get(SCHEMA_HEADER)
        if self.scope == PUBLIC:
            schema = PUBLIC
        elif not schema or schema == PUBLIC:
            raise MissingSchema(self.name)
        with schema_context(schema):
            return super().__call__(*args, **kwargs)
