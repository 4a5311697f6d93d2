from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The composition root; an app for its commands."""

    name = "config"

    def ready(self) -> None:
        """Make the Celery application the one that tasks are published through."""
        from config import celery  # noqa: F401
