# The official image in what matters here: the user, the place of the configuration, how it is started and stopped.
ARG BASE
FROM ${BASE}
ARG TAG
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/* \
 && haproxy -v | grep -q "version ${TAG}\."
STOPSIGNAL SIGUSR1
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
