"""The database backend: which tenant's schema a connection is in, the server itself says.

The name of the module is Django's: the setting ``ENGINE`` names the package, and Django looks for
``base.DatabaseWrapper`` in it. See docs/adr/0039.
"""

from __future__ import annotations

import re
from typing import Any

from django_tenants.postgresql_backend import base

_PLAIN = re.compile("[a-z_][a-z0-9_]*")
"""A name that PostgreSQL reports without quotes, unless it is a keyword. One that is misjudged is
merely set anew before each statement."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Sets the search path where it is not what the tenant of the moment needs."""

    def _handle_search_path(self, cursor: Any = None) -> None:
        """Leave out the statement if the server has reported this very search path.

        PostgreSQL reports each change of it, also one that a rollback takes back, before its answer
        ends (18 and newer, "search_path" in its protocol's ParameterStatus). An older server says
        nothing, and gets the statement each time.
        """
        reported = self.connection.pgconn.parameter_status(b"search_path")
        if reported != self._needed_path():
            super()._handle_search_path(cursor)

    def _close(self) -> None:
        """Give the connection back to the pool; where it is broken, look at all that lie there.

        A server that has restarted leaves each of them dead, and each would fail one more call.
        """
        is_broken = self.connection is not None and self.connection.broken
        # The one that it came from: `self.pool` may be a newer one by now, which is not open yet.
        pool = getattr(self.connection, "_pool", None)
        super()._close()
        if is_broken and pool is not None:
            pool.check()

    def _needed_path(self) -> bytes:
        """Return the search path as the server reports it, such as ``t_acme, public``."""
        names = [self.schema_name]
        if self.include_public_schema and self.schema_name != "public":
            names.append("public")
        return ", ".join(one if _PLAIN.fullmatch(one) else f'"{one}"' for one in names).encode()
