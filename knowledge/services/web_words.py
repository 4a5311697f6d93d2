"""Why a page or a site was not read, and what helps, in the words of a business owner."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from knowledge.web_pages import CannotRead, Trouble
from tenants.errors import Temporary

_WORDS = {
    Trouble.ROBOTS: gettext_lazy(
        "The site asks machines not to read this page (robots.txt). If the site is yours, allow"
        " “ProsaBot” there."
    ),
    Trouble.ELSEWHERE: gettext_lazy(
        "The page leads to another site (%(detail)s). Add that address instead if it is yours."
    ),
    Trouble.REDIRECTS: gettext_lazy("The address leads on and on and never to a page."),
    Trouble.ADDRESS: gettext_lazy(
        "This address is not read from here. Only public pages that begin with http:// or https://"
        " are."
    ),
    Trouble.LOCKED: gettext_lazy(
        "The page is only for people who sign in, or the site refuses us (HTTP %(detail)s)."
    ),
    Trouble.GONE: gettext_lazy("The page does not exist (HTTP %(detail)s). Check the address."),
    Trouble.KIND: gettext_lazy(
        "This address gives a file that is no page (%(detail)s). Pages, plain texts and PDFs are"
        " read."
    ),
    Trouble.TOO_LARGE: gettext_lazy("The page is larger than 20 MB."),
    Trouble.STATUS: gettext_lazy("The site answered with an error (HTTP %(detail)s)."),
    Trouble.NO_SITEMAP: gettext_lazy(
        "This address is no sitemap. It usually ends in /sitemap.xml; for a single page choose"
        " “one page”."
    ),
    Trouble.EMPTY_SITEMAP: gettext_lazy("The sitemap lists no page of this site."),
}


def cannot(error: CannotRead) -> str:
    """Return what is wrong and what helps, in the active language."""
    return str(_WORDS[error.trouble]) % {"detail": error.detail}


def away(error: Temporary) -> str:
    """Return that the site cannot be reached."""
    return _("The site does not answer (%(reason)s).") % {"reason": error.reason}


def tried_again(error: Temporary) -> str:
    """Return that the site cannot be reached and that it is tried again."""
    return _("The site does not answer at the moment (%(reason)s); it is tried again.") % {
        "reason": error.reason
    }


def lost() -> str:
    """Return that the work was broken off too often."""
    return _("Reading the site stopped several times without a result.")


def some_failed(n_failed: int, n_pages: int) -> str:
    """Return that some pages could not be read; empty where all could."""
    if not n_failed:
        return ""
    return ngettext(
        "%(n)s of %(all)s pages could not be read.",
        "%(n)s of %(all)s pages could not be read.",
        n_failed,
    ) % {"n": n_failed, "all": n_pages}


def left_out(n_listed: int, n_read: int) -> str:
    """Return that the sitemap lists more pages than are read; empty where it does not."""
    if n_listed <= n_read:
        return ""
    return _("The sitemap lists %(listed)s pages; the limit of %(read)s leaves the others out.") % {
        "listed": n_listed,
        "read": n_read,
    }


def gone_from_site() -> str:
    """Return why a page's document is in the bin."""
    return _("The page is no longer on the site.")


def beyond_limit() -> str:
    """Return why a page that the site still lists is in the bin."""
    return _("The limit of pages of this address leaves this page out.")


def unwanted() -> str:
    """Return why a page is left alone."""
    return _("You threw this page away, so it is not read again.")
