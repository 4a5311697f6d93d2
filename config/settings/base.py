"""Settings of every process; what differs between installations is read from the environment."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from config import embedded, env
from tenants import garbage
from tenants.postgresql import pools

garbage.look_seldom()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env.read_dotenv(BASE_DIR / ".env")

DATA_DIR = Path(env.text("DATA_DIR") or BASE_DIR / ".data").resolve()
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.url("REDIS_URL", schemes=("redis", "rediss"), example="redis://host:6379/0")
EMBEDDED, EMBEDDED_BROKER = not DATABASE_URL, not REDIS_URL
_progress = partial(print, file=sys.stderr) if env.flag("SHOW_PROGRESS", default=False) else None
if not DATABASE_URL:
    DATABASE_URL = embedded.ensure_postgres(DATA_DIR, progress=_progress)
if not REDIS_URL:
    REDIS_URL = embedded.ensure_valkey(DATA_DIR, progress=_progress)

_secrets_dir = DATA_DIR if EMBEDDED else None
SECRET_KEY = env.secret(
    "SECRET_KEY",
    example='python -c "import secrets; print(secrets.token_urlsafe(48))"',
    generate_in=_secrets_dir,
)
FIELD_ENCRYPTION_KEYS = env.keys(
    "FIELD_ENCRYPTION_KEYS",
    example="python -c 'from cryptography.fernet import Fernet as F;"
    " print(F.generate_key().decode())'",
    generate_in=_secrets_dir,
)

DEBUG = env.flag("DEBUG", default=False)
PUBLIC_BASE_URL = env.url("PUBLIC_BASE_URL", "http://127.0.0.1:8000")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", ".localhost,localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL] if PUBLIC_BASE_URL.startswith("https://") else []
EGRESS_ALLOWED_PRIVATE = env.networks("EGRESS_ALLOWED_PRIVATE")
# One list opens both until somebody tells them apart, as the compose file does with an empty one.
EGRESS_ALLOWED_TENANTS = (
    env.networks("EGRESS_ALLOWED_TENANTS")
    if env.is_set("EGRESS_ALLOWED_TENANTS")
    else EGRESS_ALLOWED_PRIVATE
)
# Programs that MCP servers may be, as name=command; tenants choose among the names.
MCP_STDIO_COMMANDS = env.commands("MCP_STDIO_COMMANDS")
# Lets this installation create users on its bridges; empty where that is done by hand.
BRIDGE_ADMIN_TOKEN = env.text("BRIDGE_ADMIN_TOKEN")
SIMULATOR_URL = env.url("SIMULATOR_URL", example="http://127.0.0.1:8090")
BRIDGE_URL = env.url("BRIDGE_URL", SIMULATOR_URL, example="http://wuzapi:8080")
HTTPS_ONLY = PUBLIC_BASE_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"

# Without loading the pages: the addresses do, for the processes that serve them (`config.pages`).
PANEL = "django.contrib.admin.apps.SimpleAdminConfig"
SHARED_APPS = [
    "django_tenants",
    "tenants",
    "tenants.audit",
    "integrations.prices",
    "channels_whatsapp.servers",
    "config",
    "unfold",
    PANEL,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
TENANT_APPS = [
    "tenants.audit",
    "tenants.api",
    PANEL,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "integrations.prices",
    "integrations",
    "knowledge",
    "agents",
    "conversations",
    "channels_whatsapp",
    "channels_chatwoot",
    "channels_web",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "config.observability.health.HealthMiddleware",
    "config.observability.logs.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Before any tenant is looked for: a page has some thirty files, the same on each host.
    "config.static_files.StaticFiles",
    "django_tenants.middleware.main.TenantMainMiddleware",
    "tenants.middleware.TimezoneMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "tenants.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls_tenant"
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_POOL_SIZE = env.number("DATABASE_POOL_SIZE", default=7, minimum=1)
_database = env.database(DATABASE_URL)
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "tenants.postgresql",
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),  # such as ?sslmode=verify-full
            # A backend's memory grows with each schema that it touches: connections are recycled.
            "pool": {
                "min_size": 0,
                "max_size": DATABASE_POOL_SIZE,
                "max_lifetime": 1200,
                "max_idle": 60,
                "timeout": 30,
                # Tries grow apart as long as they go on, and nobody else may try meanwhile: they
                # begin anew, or a server would be back for minutes before it is used.
                "reconnect_timeout": 5,
                "reconnect_failed": pools.try_again,
            },
            "application_name": "prosa",
            # Only what asks for it is prepared: the search, which takes longer to plan than to do.
            # Without a threshold nothing would be. It is planned once and not for its values, and
            # no statement of ours runs long enough to be worth compiling.
            "prepare_threshold": 1_000_000_000,
            "options": "-c plan_cache_mode=force_generic_plan -c jit=off",
        },
    }
}
# How long a process believes what it read of a tenant's rarely changed rows, in seconds: so much
# later a change reaches the others. In a rush that is one statement a second and not one a message.
REMEMBER_S = 1.0
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "America/Sao_Paulo"
USE_I18N = USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# Where nothing was collected the finders serve the files; an absent folder only makes a warning.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 25 * 1024 * 1024

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task: a task that outlives it is delivered a second time.
    "visibility_timeout": 600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "global_keyprefix": "prosa:",
    # At least the worker's concurrency: kombu's default of 10 made late acks fail and redeliver
    # tasks that were still running.
    "max_connections": 1200,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "channels_whatsapp.tasks.watch_devices": {"queue": "default"},
    "channels_whatsapp.tasks.*": {"queue": "inbound"},
    "conversations.tasks.receive_entries": {"queue": "inbound"},
    "conversations.tasks.run_turns": {"queue": "turns"},
    "conversations.tasks.send_lines": {"queue": "outbound"},
    "conversations.tasks.change_messages": {"queue": "outbound"},
    # Answers wait for the words of a voice note, so files stand in the line of the answers.
    "conversations.tasks.work_on_files": {"queue": "turns"},
    "integrations.tasks.deliver": {"queue": "webhooks"},
    "integrations.tasks.look_at_servers": {
        "queue": "webhooks"
    },  # it waits for others, as that does
    "knowledge.tasks.*": {"queue": "knowledge"},
    "agents.tasks.embed_examples": {"queue": "knowledge"},  # it computes, as reading documents does
}

# What the dispatcher rings for each kind of due work, and how much of it may run at once.
INBOX_TASK = "conversations.tasks.receive_entries"
TIMER_TASKS = {
    "turn": "conversations.tasks.run_turns",
    "send": "conversations.tasks.send_lines",
    "media": "conversations.tasks.work_on_files",
    "return": "conversations.tasks.return_assistants",
    "escalate": "conversations.tasks.escalate",
    "draft": "conversations.tasks.decide_drafts",
    "tell": "conversations.tasks.tell_staff",
    "follow_up": "conversations.tasks.send_follow_ups",
    "change": "conversations.tasks.change_messages",
    "memory": "conversations.tasks.remember",
    "close": "conversations.tasks.close_silent",
    "embed_space": "knowledge.tasks.fill_space",
    "web_sync": "knowledge.tasks.read_web_source",
    "delivery": "integrations.tasks.deliver",
    "device": "channels_whatsapp.tasks.watch_devices",
    "unreadable": "channels_whatsapp.tasks.ask_again",
    "chatwoot": "channels_chatwoot.tasks.reconcile",
    "chatwoot_inbox": "channels_chatwoot.tasks.watch_inboxes",
}
# Of these one task takes several at once; the others work for minutes on each.
TIMERS_TOGETHER = {"turn", "send", "return", "escalate", "draft", "close"}
TIMER_MAX_RUNNING = {
    "turn": env.number("MAX_RUNNING_TURNS", default=250, minimum=1),
    "send": env.number("MAX_RUNNING_SENDS", default=100, minimum=1),
    # Each may hold a file of some megabytes in memory.
    "media": 40,
    # Some milliseconds each; only the last one waits, for the bridge.
    "return": 50,
    "escalate": 50,
    "draft": 50,
    "tell": 20,
    "follow_up": 20,
    "change": 20,
    "memory": 20,  # each waits for a model, and no contact for it
    "close": 20,
    # Long work on the queue of the knowledge: room is left for the documents that people wait for.
    "embed_space": 2,
    "web_sync": 4,
    # Endpoints that are delivered to, each by its own task.
    "delivery": env.number("MAX_RUNNING_DELIVERIES", default=60, minimum=1),
    # Devices whose bridge is asked at the same time; each may wait ten seconds for an answer.
    "device": 30,
    "unreadable": 10,
    "chatwoot": 40,
    "chatwoot_inbox": 10,
}
# Run once in each ready tenant, every so many seconds.
TENANT_SWEEPS = {
    "knowledge.tasks.requeue_stalled": 30,
    "channels_whatsapp.tasks.clear_old_events": 24 * 3600,
    "channels_whatsapp.tasks.watch_all": 30,
    "channels_chatwoot.tasks.watch_all": 30,
    "conversations.tasks.find_silent": 300,
    "conversations.tasks.count_deliveries": 300,
    "channels_whatsapp.tasks.judge_numbers": 900,
    "conversations.tasks.check_experiments": 300,
    "conversations.tasks.delete_old_files": 6 * 3600,
    "conversations.tasks.clear_threads": 3600,
    "conversations.tasks.clear_incoming_leads": 24 * 3600,
    "tenants.api.tasks.clear_old": 24 * 3600,
    "integrations.tasks.settle_abandoned": 60,
    "integrations.tasks.settle_lost_calls": 60,
    "integrations.tasks.look_at_servers": 600,
    "integrations.tasks.wake_deliveries": 60,
    "integrations.tasks.mail_notices": 60,
    "integrations.tasks.clear_old_events": 24 * 3600,
}
SEARCH_RETENTION_DAYS = env.days("SEARCH_RETENTION_DAYS", default=180)
EVENT_RETENTION_DAYS = env.days("EVENT_RETENTION_DAYS", default=30)
# Knows the names of what calls of models are made for; see `integrations/services/subjects.py`.
SPENDING_SUBJECTS = "config.subjects"
# Has real leads by which the body for another system is tried.
LEAD_SAMPLES = "conversations.services.lead_samples"
# What each channel brings: who lets its webhooks in, who writes them into a tenant's rows, and who
# sends. See "Adding a channel" in `docs/message-path.md`.
CHANNELS = {
    "whatsapp": {
        "door": "channels_whatsapp.webhooks.read",
        "receive": "channels_whatsapp.services.receiving.receive",
        "sender": "channels_whatsapp.sender.WhatsAppSender",
    },
    "chatwoot": {
        "door": "channels_chatwoot.webhooks.read",
        "receive": "channels_chatwoot.services.receiving.receive",
        "sender": "channels_chatwoot.sender.ChatwootSender",
    },
    # A site's pages bring theirs to Django, which a browser of another origin has to ask first.
    "web": {
        "receive": "channels_web.services.receiving.receive",
        "sender": "channels_web.sender.WebSender",
    },
    # Programs bring what they have to say over the API.
    "api": {"sender": "conversations.threads.ThreadSender"},
}

# What owners are told goes out by this; without it nothing is mailed, and the panel tells it.
vars().update(env.email("EMAIL_URL"))
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "prosa@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenants.api.parsers.JsonParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "tenants.api.openapi.Schema",
    "EXCEPTION_HANDLER": "tenants.api.errors.handle",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Prosa",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "What the panel does, for programs. A walk through it: docs/api.md.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVERS": [{"url": "/"}],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "AutomationState": ["active", "paused"],
        "ConversationOutcome": "conversations.models.Conversation.Outcome",
        "ConversationStatus": "conversations.models.Conversation.Status",
        "DeliveryStatus": "integrations.models.Delivery.Status",
        "DeviceState": "channels_whatsapp.models.Device.State",
        "DocumentStatus": "knowledge.models.Document.Status",
        "TurnOutcome": "conversations.models.Turn.Outcome",
        "TurnState": ["queued", "cancelled", "running", "done", "superseded", "failed"],
        "TurnStatus": "conversations.models.Turn.Status",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tenants.api.openapi.complete",
    ],
}
# Calls of the API that are let through in a minute, by address those of nobody known; tries to
# log in to one name from one address, thrice as many from one address, ten times by name.
API_PER_MINUTE = {
    "key": env.number("API_PER_MINUTE_CREDENTIAL", default=600, minimum=1),
    "user": env.number("API_PER_MINUTE_USER", default=1200, minimum=1),
    "tenant": env.number("API_PER_MINUTE_TENANT", default=3000, minimum=1),
    "address": env.number("API_PER_MINUTE_ADDRESS", default=300, minimum=1),
    "login": env.number("API_PER_MINUTE_LOGIN", default=10, minimum=1),
}
# What visitors of web chats may do in a minute: each of them, all behind one address (an office, a
# carrier), all of one chat. Reading is also what a page does by itself, when it comes back.
WEB_CHAT_PER_MINUTE = {
    "visit": {"address": 20, "chat": 600},
    "write": {"visitor": 20, "address": 120, "chat": 1200},
    "read": {"visitor": 60, "address": 600, "chat": 6000},
}

FAILPOINT = env.text("FAILPOINT")
LOG_FORMAT = env.choice("LOG_FORMAT", of=("text", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "config.observability.logs.ContextFilter"}},
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)-7s %(name)s %(message)s %(context)s"},
        "json": {"()": "config.observability.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "text",
            "filters": ["context"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # Its errors quote what servers answer.
        "mcp": {"level": "CRITICAL"},
        **{
            name: {"level": "INFO"}
            for name in (
                "config",
                "tenants",
                "integrations",
                "knowledge",
                "agents",
                "conversations",
                "channels_whatsapp",
                "channels_chatwoot",
                "channels_web",
            )
        },
    },
}

# Names in a cache are the tenant's own: the same user id exists in each of them.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    }
}

# How the two admin sites look; see `tenants/sites.py`. Strings with dots are called by the theme.
_PANEL = {
    "LOGIN": {"form": "tenants.api.panel_login.LoginForm"},
    "SITE_URL": None,
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "config.navigation.favicon"}
    ],
    "STYLES": ["config.navigation.stylesheet"],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#115e59",
            "800": "#134e4a",
            "900": "#042f2e",
            "950": "#022c22",
        }
    },
}
UNFOLD = {
    **_PANEL,
    "SITE_TITLE": "config.navigation.business",
    "SITE_HEADER": "Prosa",
    "SITE_SUBHEADER": "config.navigation.business",
    "DASHBOARD_CALLBACK": "config.dashboard.tenant",
    "GLOBAL_CALLBACK": "config.notices.tenant",
    "SIDEBAR": {"navigation": "config.navigation.tenant"},
}
UNFOLD_PUBLIC = {
    **_PANEL,
    "SITE_TITLE": "Prosa",
    "SITE_HEADER": "Prosa",
    "SITE_SUBHEADER": _("Platform"),
    "SITE_SYMBOL": "hub",
    "DASHBOARD_CALLBACK": "config.dashboard.public",
    "SIDEBAR": {"navigation": "config.navigation.public"},
}
