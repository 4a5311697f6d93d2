"""Settings of the test suite: the same services, a database of its own, cheap password hashes."""

import os

from config.settings.base import *  # noqa: F403
from config.settings.base import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES

# Tests begin many threads, and each may hold a connection while all the others do.
DATABASES["default"]["OPTIONS"]["pool"] |= {"max_size": 60, "num_workers": 1}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EGRESS_ALLOWED_PRIVATE = ["127.0.0.1"]
EGRESS_ALLOWED_TENANTS = ["127.0.0.1"]
ALLOWED_HOSTS = ["*"]
# What a test changes holds at once, and nothing is remembered of rows that are rolled back.
REMEMBER_S = 0.0
# Each test client builds the middleware anew, which would look through all static files each time.
WHITENOISE_AUTOREFRESH = True
# A demo that runs from the same folder shares the broker, and must not take the tests' tasks; nor
# may one process of the tests take those of another.
_process = os.environ.get("PYTEST_XDIST_WORKER", "")
CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = f"prosa-test{_process}:"
