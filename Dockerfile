# `cnnlab serve` for exported networks, without torch. How to build and run it: docs/deploy.md
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
# For pip, such as --index-url of a mirror
ARG PIP_ARGS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/cnnlab
# Packages change less often than the source: they are a layer of their own.
COPY constraints.txt deploy/requirements.txt ./
# hadolint ignore=SC2086
RUN /opt/cnnlab/bin/pip install ${PIP_ARGS} --only-binary :all: --constraint constraints.txt --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# hadolint ignore=SC2086
RUN /opt/cnnlab/bin/pip install ${PIP_ARGS} --no-deps . \
    && /opt/cnnlab/bin/pip uninstall --yes pip \
    && /opt/cnnlab/bin/python -m compileall -q /opt/cnnlab/lib

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="cnnlab serve" \
      org.opencontainers.image.description="Exported convolutional networks over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/cnnlab /opt/cnnlab
# ONNX Runtime would report its use to its makers.
ENV PATH=/opt/cnnlab/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
# A number, so that Kubernetes can see that it is not root; it owns no file here.
USER 10001:10001
WORKDIR /networks
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["cnnlab", "serve", "--host", "0.0.0.0", "--port", "8000"]
