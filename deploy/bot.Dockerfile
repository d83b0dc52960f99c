# The bot: webhooks, the way of a message, the desk. Built from the project's folder:
#     docker build -f deploy/bot.Dockerfile .
FROM python:3.11.13-slim-bookworm AS environment
COPY requirements/bot.txt /requirements/
RUN python -m venv /opt/bot \
 && /opt/bot/bin/python -m pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /requirements/bot.txt

FROM python:3.11.13-slim-bookworm
ENV PATH=/opt/bot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATA_DIR=/data
WORKDIR /app
COPY --from=environment /opt/bot /opt/bot
COPY deploy/alive.py /alive.py
COPY teams.yml ./
COPY bot ./bot
# Compiled here, since nothing can be written when it runs; a fresh volume takes its owner from /data.
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/bot bot \
 && install -d -o 10001 -g 10001 /data
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
CMD ["python", "-m", "bot", "run"]
