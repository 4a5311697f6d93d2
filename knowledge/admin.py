"""Admin pages of the knowledge: shelves here, the other pages in modules of their own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from knowledge.models import Category
from tenants.panel import PanelAdmin
from tenants.sites import tenant_site


@admin.register(Category, site=tenant_site)
class CategoryAdmin(PanelAdmin):
    """Shelves of documents; agents may read some of them."""

    list_display = ("name", "n_documents", "n_faqs", "created_at")
    search_fields = ("name",)
    ordering = ("name", "pk")
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Count what stands on each."""
        found: QuerySet[Category] = super().get_queryset(request)
        in_use = Q(documents__deleted_at__isnull=True)
        faq = Q(documents__kind="faq")
        return found.annotate(
            n_of_documents=Count("documents", filter=in_use & ~faq),
            n_of_faqs=Count("documents", filter=in_use & faq),
        )

    @admin.display(description=_("documents"), ordering="n_of_documents")
    def n_documents(self, obj: Any) -> SafeString:
        """How many documents stand there."""
        url = reverse("admin:knowledge_document_changelist")
        query = f"?category__id__exact={obj.pk}"
        return format_html('<a class="pz-link" href="{}{}">{}</a>', url, query, obj.n_of_documents)

    @admin.display(description=_("questions and answers"), ordering="n_of_faqs")
    def n_faqs(self, obj: Any) -> SafeString:
        """How many typed questions stand there."""
        url = reverse("admin:knowledge_faq_list")
        return format_html(
            '<a class="pz-link" href="{}?category={}">{}</a>', url, obj.pk, obj.n_of_faqs
        )


# Each module registers its pages on the tenant's site when it is imported.
from knowledge import admin_documents as admin_documents  # noqa: E402
from knowledge import admin_evaluation as admin_evaluation  # noqa: E402
from knowledge import admin_findings as admin_findings  # noqa: E402
from knowledge import admin_gaps as admin_gaps  # noqa: E402
from knowledge import admin_spaces as admin_spaces  # noqa: E402
from knowledge import admin_trying as admin_trying  # noqa: E402
from knowledge import admin_web as admin_web  # noqa: E402
