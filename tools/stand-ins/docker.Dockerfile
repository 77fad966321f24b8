# The official docker:cli in what matters here: the client and its compose plugin.
ARG BASE
FROM ${BASE}
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker-cli docker-compose \
 && rm -rf /var/lib/apt/lists/*
