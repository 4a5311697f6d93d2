#!/usr/bin/env python
"""Run one of the project's commands; `python manage.py help` lists them."""

import os
import sys

from config import local

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    if sys.argv[1:2] and sys.argv[1] in local.COMMANDS:
        local.set_environment(sys.argv[2:])
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
