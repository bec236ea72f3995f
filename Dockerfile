# docker build --build-arg BATON_COMMIT="$(git describe --always --exclude '*' --abbrev=12)" --tag baton .
FROM swift:6.3-bookworm AS build
# Debian keeps only the newest of each package, so no version can be asked for.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libhiredis-dev libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /baton
# What others wrote changes less often than what we write.
COPY Package.* ./
RUN swift package resolve
COPY Plugins Plugins
COPY Sources Sources
COPY Tests Tests
ARG BATON_COMMIT=unknown
RUN swift build --configuration release --product baton --static-swift-stdlib \
    && install --strip .build/release/baton /usr/local/bin/baton

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libhiredis0.14 libpq5 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/baton /usr/local/bin/baton
# Datasets are not part of the image: with the example's, Baton would write keys that an application may use too. Without a
# datasets.yaml beside this file, or another /etc/baton mounted over it, as the chart does, `baton run` refuses to start.
COPY config/baton.yaml /etc/baton/
# For the commands of whoever gets into the container.
ENV BATON_CONFIG=/etc/baton/baton.yaml
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["baton"]
CMD ["run", "--config", "/etc/baton/baton.yaml"]
