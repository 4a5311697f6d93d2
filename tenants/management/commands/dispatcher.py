"""Run the dispatcher."""

from __future__ import annotations

import signal
import threading
from typing import Any

from tenants import dispatching, garbage
from tenants.commands import QuickCommand


class Command(QuickCommand):
    """Runs the dispatcher."""

    help = "Find due work in the database and ring the workers for it. Several may run at once."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("Dispatcher running.")
        self.stdout.flush()
        garbage.settle()
        dispatching.run(stop=stop)
        self.stdout.write("Dispatcher stopped.")
