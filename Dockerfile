# The image of all services but Postgres and Redis. Any base with Python 3.11 to 3.13, its venv module and CA certificates:
#   docker build --build-arg BASE_IMAGE=… .
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS dependencies
# Where pip finds packages, if not where it looks by itself: `--index-url …`, or `--no-index --find-links /build` with the
# files in a folder `wheels` beside this one. A folder `certificates` with *.crt is trusted by pip while it installs.
ARG PIP_OPTIONS=""
# Anything here: Spark too, and Java in the image, for `engine: spark` (docs/scale.md).
ARG WITH_SPARK=""
COPY requirements/deploy.txt requirements/spark.txt wheel[s] certificate[s] /build/
RUN python3 -m venv /opt/venv \
    && if ls /build/*.crt > /dev/null 2>&1; then cat /etc/ssl/certs/ca-certificates.crt /build/*.crt > /build/ca.pem; \
       export PIP_CERT=/build/ca.pem; fi \
    && for of in deploy ${WITH_SPARK:+spark}; do \
       /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet \
       --require-hashes --no-deps ${PIP_OPTIONS} --requirement /build/$of.txt || exit 1; done

FROM ${BASE_IMAGE}
ARG PULSE_UID=10001
ARG WITH_SPARK=""
RUN if [ -n "${WITH_SPARK}" ]; then apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*; fi
COPY --from=dependencies /opt/venv /opt/venv
COPY . /opt/pulse
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUTF8=1 \
    PYTHONUNBUFFERED=1 \
    PULSE_HOME=/var/lib/pulse \
    PULSE_CONFIG=/opt/pulse/config/communities.yml \
    NUMBA_CACHE_DIR=/opt/cache \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/pulse/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/pulse/plugins
# Code belongs to root, and what runs is an ordinary user that owns data, Airflow's folder and the kernel's cache. A new
# named volume takes over the owner of /var/lib/pulse. The empty airflow.cfg keeps Airflow from making one with a key in it.
RUN pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable /opt/pulse \
    && python -m compileall -q /opt/pulse/plugins /opt/pulse/dags \
    && groupadd --gid ${PULSE_UID} pulse \
    && useradd --uid ${PULSE_UID} --gid pulse --no-create-home --home-dir /opt/airflow --shell /usr/sbin/nologin pulse \
    && install --directory --owner=pulse --group=pulse --mode=0755 /var/lib/pulse /archives /opt/airflow /opt/cache \
        "$(python -c 'import sys; print(sys.prefix)')/share/community-pulse" \
    && touch /opt/airflow/airflow.cfg
USER pulse
WORKDIR /opt/pulse
# Compiles the kernels into their caches, which on another kind of processor the first run does again; parses the project.
RUN pulse dev prepare
VOLUME /var/lib/pulse
CMD ["pulse", "doctor"]
