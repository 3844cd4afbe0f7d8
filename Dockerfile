# Orkestra as a container: docs/install.md says how it is used and what was tested.
FROM node:20-bookworm AS dashboard
WORKDIR /src
COPY . .
RUN cd web && npm ci && npm run build

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=dashboard /src/web/dist web/dist
RUN cargo build --release --locked -p orkestra

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin orkestra \
    && install -d -o orkestra -g orkestra -m 0700 /data
COPY --from=build /src/target/release/orkestra /usr/local/bin/orkestra
ENV ORKESTRA_HOME=/data
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
# There is no curl in the image; the command line asks the daemon over its own socket.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["orkestra", "status", "--json"]
# No init beside it: as process 1 the daemon reaps what is orphaned, and TERM ends units in order.
STOPSIGNAL SIGTERM
ENTRYPOINT ["orkestra"]
CMD ["up"]
