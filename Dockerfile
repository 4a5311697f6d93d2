# One image for web, worker, dispatcher and simulator; the command chooses.
# Pin the base by digest in your own registry: FROM python:3.12-slim-bookworm@sha256:...
FROM python:3.12-slim-bookworm AS packages

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r requirements.txt


FROM python:3.12-slim-bookworm

ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LOG_FORMAT=json
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin prosa
COPY --from=packages /venv /venv
WORKDIR /app
# Owned by root: the process can read its code, not change it.
COPY . .
# The settings look for this folder, and cannot make it in a read-only container.
RUN mkdir -p staticfiles
USER prosa
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
# No log of each request: addresses hold keys of webhooks and what people search for, names and numbers.
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-access-log"]
