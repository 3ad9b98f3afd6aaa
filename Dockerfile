# s3edge as a container: docker build -t s3edge . && docker run s3edge --help
#
# The base is the Python that the tests run on. The digest pins it, and with it Debian's patches. It stands in public
# records and was not pulled by us: if the registry does not know it, or for new patches, take the one printed by
#   docker buildx imagetools inspect python:3.11-slim-bookworm
ARG PYTHON=python:3.11-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# What s3edge needs comes first, by hash: these layers stay as they are until requirements.lock changes.
RUN python -m venv --without-pip /opt/s3edge
COPY requirements.lock ./
RUN pip --python /opt/s3edge/bin/python install --require-hashes --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY s3edge ./s3edge
RUN pip wheel --no-deps --wheel-dir wheels . \
    && pip --python /opt/s3edge/bin/python install --no-deps --no-index wheels/*.whl

FROM ${PYTHON}
LABEL org.opencontainers.image.title="s3edge" \
      org.opencontainers.image.description="A resilient S3 endpoint between AI compute and the object storage that feeds it" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is written at run time, so the root file system may be read-only.
ENV PATH=/opt/s3edge/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin s3edge
COPY --from=build /opt/s3edge /opt/s3edge
USER 10001:10001
EXPOSE 9000 9090
# What `s3edge serve` takes for "drain, then exit 0". Give it the time: docker run --stop-timeout, stop_grace_period.
STOPSIGNAL SIGTERM
# Asks the admin server from within, wherever it is reached from outside; ADMIN_PORT if it is not 9090.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('ADMIN_PORT', '9090')), timeout=2); c.request('GET', '/-/ready'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["s3edge"]
CMD ["serve", "--config", "/etc/s3edge/s3edge.yaml"]
