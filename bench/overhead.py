"""What the product adds to an answer beside the quiet window and the model.

    python -m bench.overhead [--turns 60] [--model-s 0.5]

From the instant at which a burst is due until its reply arrives at the bridge, less the time that
the (fake) model takes; with the provider `offline`, whose own work counts in full, and with an
OpenAI-compatible server. Real processes and a calm stream, two bursts a second.
"""

from __future__ import annotations

import argparse
import random
import time

from bench import business, harness, wakes
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import wait_until
from tests.stack import Stack

LIMIT_S = 0.3
EVERY_S = 0.5
N_WARM_UP = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=40, help="with each provider")
    parser.add_argument("--model-s", type=float, default=0.5, help="how long the model takes (s)")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    with (
        FakeBridge() as bridge,
        business.TokenLLM(delay_s=options.model_s) as llm,
        Stack(n_workers=2) as stack,
    ):
        stack.start("web", "dispatcher", "knowledge", "worker1", "worker2")
        wakes.install(stack)
        measures = []
        for slug, llm_url, model_s in (
            ("offline", "", 0.0),
            ("compatible", llm.base_url, options.model_s),
        ):
            tenant = business.set_up(stack, bridge, slug=slug, quiet_s=0.5, llm_url=llm_url)
            took = [one - model_s for one in turns(stack, bridge, tenant, n=options.turns)]
            measures.append(
                harness.at_most(
                    f"turn overhead p95, provider {slug}",
                    harness.percentile(took, 0.95) * 1000,
                    LIMIT_S * 1000,
                    "ms",
                    note=f"p50 {harness.percentile(took, 0.5) * 1000:.0f},"
                    f" max {max(took) * 1000:.0f} ms over {len(took)} turns",
                )
            )
    return measures


def turns(stack: Stack, bridge: FakeBridge, tenant: business.Tenant, *, n: int) -> list[float]:
    """Let contacts ask one after the other; return seconds from due to the bridge, warmed up."""
    chance = random.Random(1)
    phones = [f"5519{len(tenant.slug):02d}{number:07d}" for number in range(n + N_WARM_UP)]
    for number, phone in enumerate(phones):
        tenant.write(phone, business.QUESTION, ref=f"{tenant.slug}-{number}")
        # At odd moments: an even beat would keep step with the dispatcher's ticks.
        time.sleep(EVERY_S * (chance.uniform(0.7, 1.3) if number >= N_WARM_UP else 3))
    wait_until(lambda: all(map(bridge.sent_to, phones)), seconds=30)
    due = wakes.due(stack, f"t_{tenant.slug}")
    answered = [bridge.sent_to(phone)[0] for phone in phones[N_WARM_UP:]]
    wrong = [one.body for one in answered if "220,00" not in one.body]
    if wrong:
        raise RuntimeError(f"not the answer: {wrong[0]}\n{stack.log.read_text()[-2000:]}")
    return [one.at - due[one.phone] for one in answered]


if __name__ == "__main__":
    harness.main("overhead", __doc__, measure, arguments=arguments)
