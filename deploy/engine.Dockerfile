# The engine (Rasa, with the model of this folder's content) and its actions: two targets of one file.
#     docker build -f deploy/engine.Dockerfile --target engine .
#     docker build -f deploy/engine.Dockerfile --target actions .
FROM python:3.10.18-slim-bookworm AS environment
COPY requirements/engine.txt /requirements/
RUN python -m venv /opt/engine \
 && /opt/engine/bin/python -m pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /requirements/engine.txt

FROM python:3.10.18-slim-bookworm AS actions-environment
COPY requirements/actions.txt /requirements/
RUN python -m venv /opt/engine \
 && /opt/engine/bin/python -m pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /requirements/actions.txt

FROM environment AS model
ENV RASA_TELEMETRY_ENABLED=false \
    PYTHONHASHSEED=0 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    CUDA_VISIBLE_DEVICES=-1 \
    TF_CPP_MIN_LOG_LEVEL=3
WORKDIR /app
COPY config.yml ./
COPY domain ./domain
COPY nlu ./nlu
COPY stories ./stories
COPY engine ./engine
RUN ["/opt/engine/bin/python", "-m", "rasa", "train", "--skip-validation", "--force", "--config", "config.yml", "--domain", "domain", "--data", "nlu", "stories", "--out", "/models", "--fixed-model-name", "model"]

# What may be said while no engine answers, beside the model.
FROM model AS answers
RUN ["/opt/engine/bin/python", "-m", "engine.answers", "/models/model.tar.gz"]

FROM python:3.10.18-slim-bookworm AS running
ENV PATH=/opt/engine/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    LOG_LEVEL=WARNING \
    LOG_LEVEL_LIBRARIES=ERROR \
    SANIC_HOST=0.0.0.0 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
WORKDIR /app
COPY deploy/alive.py /alive.py
STOPSIGNAL SIGTERM

FROM running AS actions
COPY --from=actions-environment /opt/engine /opt/engine
COPY actions ./actions
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/engine actions
ENV DEMO_STATE_DIR=/tmp/demo
USER 10001:10001
EXPOSE 5055
# Its own address as the only origin: otherwise any page in a browser beside it could call the actions.
CMD ["python", "-m", "rasa_sdk", "--actions", "actions", "--port", "5055", "--cors", "http://actions:5055"]

FROM running AS engine
COPY --from=environment /opt/engine /opt/engine
COPY --from=answers /models /models
COPY credentials.yml endpoints.yml ./
COPY engine ./engine
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/engine engine
ENV RASA_TELEMETRY_ENABLED=false \
    CUDA_VISIBLE_DEVICES=-1 \
    TF_CPP_MIN_LOG_LEVEL=3 \
    SQLALCHEMY_SILENCE_UBER_WARNING=1 \
    PYTHONWARNINGS=ignore::DeprecationWarning \
    ACTIONS_URL=http://actions:5055/webhook
USER 10001:10001
EXPOSE 5005
CMD ["python", "-m", "engine.locked", "rasa", "run", "--interface", "0.0.0.0", "--port", "5005", "--model", "/models/model.tar.gz", "--credentials", "credentials.yml", "--endpoints", "endpoints.yml"]
