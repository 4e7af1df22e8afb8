# Every command of Konstruct as one static binary in an image with nothing else in it.
#   docker build --tag konstruct --build-arg VERSION=v0.1.0 --build-arg COMMIT="$(git rev-parse HEAD)" .
# docs/operations.md, "Containers", says how to run it.
ARG GO_IMAGE=golang:1.26
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" \
    -o /out/konstruct ./cmd/konstruct

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/konstruct /usr/local/bin/konstruct
USER 65532:65532
ENV KONSTRUCT_LISTEN_ADDR=:8080 KONSTRUCT_LOG_FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["konstruct", "health"]
ENTRYPOINT ["konstruct"]
CMD ["serve"]
