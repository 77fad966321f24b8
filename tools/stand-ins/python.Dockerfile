# The official slim image in what matters here: python and pip in /usr/local/bin, Python.h without a compiler, and a standard
# library without bytecode.
ARG BASE
FROM ${BASE}
ARG TAG
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-pip python3-venv \
 && (cd /tmp && apt-get download "libpython${TAG%%-*}-dev" && dpkg-deb -x libpython*.deb headers && cp -r headers/usr/include /usr) \
 && rm -r /tmp/* \
 && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED \
 && find /usr/lib/python3* -name __pycache__ -prune -exec rm -r {} + \
 && for name in python python3; do ln -s /usr/bin/python3 /usr/local/bin/$name; done \
 && ln -s /usr/bin/pip3 /usr/local/bin/pip \
 && python -c 'import sys; have = "%d.%d" % sys.version_info[:2]; sys.exit(sys.argv[1].split("-")[0] != have)' "${TAG}"
CMD ["python3"]
