# The official image in what matters here: user 999, the place of the data, how it is set up, started and stopped.
ARG BASE
FROM ${BASE}
ARG TAG
ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
RUN groupadd --system --gid 999 postgres \
 && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "postgresql-${TAG%%-*}" \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/* \
 && ln -s /usr/lib/postgresql/"${TAG%%-*}"/bin/* /usr/local/bin/ \
 && sed -ri "s/^#?(listen_addresses)\s*=.*/\1 = '*'/" "/usr/share/postgresql/${TAG%%-*}/postgresql.conf.sample" \
 && install -d -m 3777 -o postgres -g postgres /var/run/postgresql "$PGDATA"
COPY postgres-entrypoint /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
