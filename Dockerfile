# The same image as `make image`, for those who build with docker, podman or buildah: `make docker-build`.
# Its files come from tools/image; a test there compares what is said of them.
# The builder runs on the machine's own platform and cross-compiles, so that no emulation is needed.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETARCH
ARG VERSION=devel
WORKDIR /src
# Modules first: they change less often than the code, and a layer of their own keeps them cached.
COPY go.mod go.sum ./
COPY api/go.mod api/go.sum api/
COPY tools/image/go.mod tools/image/go.sum tools/image/
RUN go mod download && go mod download -C tools/image
COPY LICENSE ./
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
COPY tools/image/ tools/image/
RUN go run -C tools/image . -root /rootfs -platforms linux/$TARGETARCH -version $VERSION

FROM scratch
ARG VERSION=devel
ARG REVISION=unknown
LABEL org.opencontainers.image.title="killorder" \
      org.opencontainers.image.description="Who dies first when a Kubernetes node runs out of memory" \
      org.opencontainers.image.url="https://github.com/killorder/killorder" \
      org.opencontainers.image.source="https://github.com/killorder/killorder" \
      org.opencontainers.image.documentation="https://github.com/killorder/killorder/blob/main/docs/install.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The killorder authors" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /rootfs /
ENV PATH="/" SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt"
WORKDIR /
# By number, so that runAsNonRoot can be checked without reading /etc/passwd.
USER 65532:65532
ENTRYPOINT ["/manager"]
