"""What Prometheus reads at `/metrics`: the queues as the database has them, so that every process
gives the same answer and nothing is lost with a process."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "exposition"]

_INBOX = """
    select count(*) filter (where parked_reason = ''), count(*) filter (where parked_reason <> ''),
        coalesce(extract(epoch from clock_timestamp()
            - min(coalesce(tried_again_at, received_at)) filter (where parked_reason = '')), 0)
    from public.tenants_inboxentry where done_at is null
"""
_TIMERS = """
    select kind, count(*) filter (where due_at <= clock_timestamp()
            and (lease_until is null or lease_until <= clock_timestamp())),
        count(*) filter (where lease_until > clock_timestamp()),
        count(*) filter (where due_at > clock_timestamp() and lease_token is null),
        coalesce(extract(epoch from clock_timestamp() - min(due_at) filter
            (where due_at <= clock_timestamp())), 0)
    from public.tenants_timer group by kind
"""
_TENANTS = """
    select status, count(*) from public.tenants_tenant where schema_name <> 'public' group by status
"""


class _Queues(Collector):
    """Reads the public tables at each scrape."""

    def collect(self) -> Iterator[Metric]:
        with connection.cursor() as cursor:
            cursor.execute(_INBOX)
            waiting, parked, age_s = cursor.fetchone()
            cursor.execute(_TIMERS)
            timers = cursor.fetchall()
            cursor.execute(_TENANTS)
            tenants = cursor.fetchall()
        yield _gauge("prosa_inbox_waiting", "Webhooks that wait to be written.", waiting)
        yield _gauge("prosa_inbox_parked", "Webhooks that failed too often.", parked)
        yield _gauge("prosa_inbox_oldest_seconds", "Age of the oldest that waits.", age_s)
        work = GaugeMetricFamily("prosa_timers", "Timers by state.", labels=["kind", "state"])
        oldest = GaugeMetricFamily(
            "prosa_timer_oldest_due_seconds", "Lateness of the oldest due one.", labels=["kind"]
        )
        for kind, due, leased, armed, late_s in timers:
            for state, n in (("due", due), ("leased", leased), ("armed", armed)):
                work.add_metric([kind, state], n)
            oldest.add_metric([kind], float(late_s))
        yield work
        yield oldest
        known = GaugeMetricFamily("prosa_tenants", "Tenants by status.", labels=["status"])
        for status, n in tenants:
            known.add_metric([status], n)
        yield known


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))


def exposition() -> bytes:
    """Return the metrics in Prometheus's text format.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    registry = CollectorRegistry()
    registry.register(_Queues())
    return generate_latest(registry)
