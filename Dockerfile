FROM python:3.13-slim-trixie AS base

FROM base AS build
WORKDIR /build
# For the interleaved kernel; a compiler is no part of what runs.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
# The venv gets no pip of its own: the base's pip installs into it and stays behind.
RUN python -m venv --without-pip /venv
COPY requirements/function.txt requirements/
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements/function.txt
# The build backend, which stays behind as well.
COPY requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml LICENSE ./
COPY function function
# The metadata names the README, which is no part of the image: an edit there must not build a new one.
RUN touch README.md \
 && pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir dist . \
 && pip --python /venv/bin/python install --no-cache-dir --no-compile --no-deps --no-index dist/*.whl \
 && { /venv/bin/python -c 'import function.credentials._interleaved' \
   || echo 'WARNING: no interleaved kernel in this image, logins take four times the CPU: the base has no Python.h' >&2; }
# Test suites and C sources that wheels carry along, and the command of the part that stays out.
RUN rm /venv/bin/knative-emulator \
 && find /venv/lib -type d -name tests -prune -exec rm -r {} + \
 && find /venv/lib -type f -name '*.[ch]' -delete -o -type f -name '*.pyx' -delete
# Bytecode is compiled ahead: the root may be read-only and the user owns nothing, so it could never be kept at run time.
# Nothing edits the sources of an image, so the bytecode is not checked against them (a stat less for each import, and tools
# that rewrite the layers' timestamps can't void it).
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib

FROM base
LABEL org.opencontainers.image.title="knative-login" \
      org.opencontainers.image.description="A serverless login function" \
      org.opencontainers.image.licenses="Apache-2.0"
# Official images ship the standard library without bytecode, which costs every cold start its compilation.
RUN python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))' \
  | xargs python -m compileall -q -j 0 -x '/(site-packages|dist-packages|test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data)/' \
      --invalidation-mode unchecked-hash \
 && install -d -o 65532 -g 65532 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8080
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# 17 ms of CPU a time (an HTTP client's import alone would be twice that), for `docker ps` and for compose to wait on; Kubernetes has
# probes of its own and ignores it.
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-IS", "-c", "import os, socket, sys; \
s = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 2); \
s.sendall(b'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'); \
sys.exit(s.recv(12)[9:] != b'200')"]
ENTRYPOINT ["login-function"]
CMD ["serve"]
