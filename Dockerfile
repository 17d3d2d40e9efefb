# Builds r4b on the Swift image and runs it on a slim one, without a compiler and without root.
#
#   docker build -t r4b .
#   docker run --rm -p 127.0.0.1:8080:8080 -e R4B_API_KEY=secret -v r4b-data:/data r4b
#   docker run --rm -p 127.0.0.1:8080:8080 -e R4B_API_KEY=secret -v r4b-data:/data --read-only \
#     -v /models/R-4B:/model:ro r4b serve --model /model
#
# Package versions are not pinned, so that a build gets Debian's security updates (hadolint DL3008).

FROM swift:6.2-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      pkg-config libcurl4-openssl-dev libsqlite3-dev libonig-dev libssl-dev libjpeg-dev libspng-dev libwebp-dev libgif-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources ./Sources
COPY Tests ./Tests
COPY Benchmarks ./Benchmarks
RUN swift build -c release --product r4b --static-swift-stdlib \
 && install -D -s "$(swift build -c release --show-bin-path)/r4b" /out/r4b

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libcurl4 libsqlite3-0 libonig5 libssl3 libjpeg62-turbo libspng0 libwebp7 libwebpdemux2 libgif7 libstdc++6 libgcc-s1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --no-log-init --uid 10001 --no-create-home --shell /usr/sbin/nologin r4b \
 && install -d -o 10001 -m 700 /data
WORKDIR /app
COPY --from=build /out/r4b /usr/local/bin/r4b
COPY config.json LICENSE ./
COPY Public ./Public
COPY Models/r-tiny ./Models/r-tiny
USER 10001
EXPOSE 8080
# Inside a container the server must listen beyond loopback, which needs R4B_API_KEY.
ENV R4B_SERVER_HOST=0.0.0.0 R4B_SERVER_PORT=8080
# The usage ledger survives the container if /data is a named volume. This overrides config.json;
# `-e R4B_LEDGER_PATH=` turns the ledger off.
ENV R4B_LEDGER_PATH=/data/ledger.sqlite
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$R4B_SERVER_PORT && printf 'GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/local/bin/r4b"]
CMD ["serve"]
