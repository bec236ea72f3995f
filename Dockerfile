# Scripts/build-image baton, which pins both images by the digests that their tags stand for at that moment; or
# docker build --build-arg BATON_COMMIT="$(git describe --always --exclude '*' --abbrev=12)" --tag baton .
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${SWIFT_IMAGE} AS build
# Debian keeps only the newest of each package, so no version can be asked for.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libhiredis-dev libpq-dev libyaml-dev pkg-config python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /baton
# What others wrote changes less often than what we write.
COPY Package.* ./
RUN swift package resolve
COPY Plugins Plugins
COPY Sources Sources
COPY Tests Tests
COPY config config
ARG BATON_COMMIT=unknown
RUN swift build --configuration release --product baton --static-swift-stdlib \
    && install --strip .build/release/baton /usr/local/bin/baton
# What it consists of, and under which licences.
COPY LICENSE ./
COPY Scripts Scripts
RUN mkdir /usr/share/doc/baton \
    && Scripts/sbom >/usr/share/doc/baton/sbom.cdx.json \
    && Scripts/notices >/usr/share/doc/baton/NOTICES

# hadolint ignore=DL3006
FROM ${DEBIAN_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libhiredis0.14 libpq5 libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/baton /usr/local/bin/baton
COPY --from=build /usr/share/doc/baton /usr/share/doc/baton
# Datasets are not part of the image: with the example's, Baton would write keys that an application may use too. Without a
# datasets.yaml beside this file, or another /etc/baton mounted over it, as the chart does, `baton run` refuses to start.
COPY config/baton.yaml /etc/baton/
# For the commands of whoever gets into the container.
ENV BATON_CONFIG=/etc/baton/baton.yaml
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["baton"]
CMD ["run", "--config", "/etc/baton/baton.yaml"]
