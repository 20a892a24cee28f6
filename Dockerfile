# syntax=docker/dockerfile:1

# The browser files: ECharts, htmx, fonts and styles from npm, precompressed.
FROM node:22-bookworm-slim AS assets
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY static static
RUN node static/build.mjs

# The program: one static binary with the browser files inside.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=assets /src/static/dist static/dist
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/iot-center ./web \
 && mkdir -p /out/data

# Nothing but the binary, certificate roots and an empty data folder.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/iot-center /iot-center
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
# A container has to listen beyond its own loopback. Without TLS_CERT and TLS_KEY, or a proxy that encrypts, publish the
# port on 127.0.0.1 only, as compose.yaml does. The first start prints a link that signs in, into the container's log,
# unless ADMIN_PASSWORD or ADMIN_PASSWORD_FILE is set.
ENV HOST=0.0.0.0 PORT=5000 DATA_DIR=/data
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["/iot-center", "health"]
ENTRYPOINT ["/iot-center"]
CMD ["serve"]
