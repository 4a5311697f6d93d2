"""Run the whole product with two example businesses, from nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command

from config.management.commands import stack
from config.processes import BASE_DIR
from tenants.models import Tenant
from tenants.services import staff

EXAMPLES = ("clinica", "loja")
OPERATOR, PASSWORD = "operador", "prosa-demo"


class Command(stack.Command):
    """Runs the whole product with two example businesses."""

    help = "Run everything with two example businesses; prints where to look, then READY."

    def after_start(self, options: dict[str, Any]) -> None:
        """Apply the examples and say where everything is."""
        staff.ensure_user(username=OPERATOR, email="", role="", password=PASSWORD, is_operator=True)
        bridge = None if options["no_simulator"] else settings.SIMULATOR_URL
        for name in EXAMPLES:
            if Tenant.objects.ready().filter(slug=name).exists():
                continue  # what was changed in its admin since the first start stays
            file = BASE_DIR / "examples" / name / "blueprint.yaml"
            call_command("apply_blueprint", str(file), wait=True, bridge=bridge, stdout=self.stdout)
        port = options["port"]
        self.stdout.write(
            f"""
  Phone simulator   http://localhost:{port}/simulator/
  Clinic's admin    http://clinica.localhost:{port}/admin/   ana / {PASSWORD}
  Shop's admin      http://loja.localhost:{port}/admin/      bia / {PASSWORD}
  Platform's admin  http://localhost:{port}/admin/           {OPERATOR} / {PASSWORD}

  Write "oi", "bom dia", "quanto ta a limpeza?" to the clinic in the simulator.
  Ctrl-C stops everything; the data stays.
"""
        )
