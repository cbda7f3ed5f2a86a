# The image of gollamas: one static program, the certificates of public authorities, no shell, no root.
#
#   docker build --build-arg VERSION=1.0.0 -t gollamas .
#   docker run -p 11434:11434 gollamas --connection main=http://192.168.0.10:11434
#
# It builds on the machine's own platform for the one that is asked for: nothing is emulated.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY internal ./internal
ARG VERSION=devel
ARG TARGETOS
ARG TARGETARCH
ARG TARGETVARIANT
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X gollamas/internal/cli.Version=$VERSION" -o /out/gollamas .

FROM scratch
ARG VERSION=devel
LABEL org.opencontainers.image.title="gollamas" \
      org.opencontainers.image.description="One address for every Ollama server you own" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/gollamas /gollamas
# Every machine may ask here, by IPv4 and IPv6. The operator's address stays on localhost: only the health check needs it.
ENV GOLLAMAS_LISTEN=:11434
EXPOSE 11434
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 CMD ["/gollamas", "health"]
ENTRYPOINT ["/gollamas"]
