# Every goal prints what it runs; `make` alone lists them.
SWIFT ?= swift
# More words for the command that a goal ends with: make run ARGS="--once", make test ARGS="--filter LeaderElection"
ARGS ?=
# How long `make torture` goes on, and what decides its faults (nothing: something new each time).
FOR ?= 10m
SEED ?=
TSAN := --sanitize=thread --scratch-path .build-tsan
# Many tests have servers and deadlines of their own: all at once they would only starve each other.
TEST := $(SWIFT) test --skip-build --disable-xctest --experimental-maximum-parallelization-width 4

.DEFAULT_GOAL := help
.PHONY: help run test test-tsan test-engines test-failover fuzz sbom notices chart verify torture bench bench-failover lint deps toolchain

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="..." is passed on: make run ARGS="--once", make test ARGS="--filter LeaderElection"'

run: deps toolchain ## Install what is missing, build, and start the demo
	$(SWIFT) build --configuration release --product baton
	exec .build/release/baton demo $(ARGS)

# Our own warnings are errors here, and only here: a newer compiler's must not keep anybody from running Baton.
test test-tsan test-engines test-failover: export BATON_WARNINGS_AS_ERRORS = 1

# Under the thread sanitizer everything takes much longer, and shows the same.
test-tsan: export BATON_SIMULATED_SCHEDULES = 2000
test-tsan: export BATON_SUBSCRIPTION_LOSSES = 20
test-tsan: export BATON_FUZZ_MUTATIONS = 300

test: deps toolchain ## Install what is missing, and run all tests
	@Scripts/install-dependencies prometheus pgbouncer haproxy python3-venv
	@Scripts/setup-engines || echo 'The servers of other versions cannot be had: their tests are left out.' >&2
	$(SWIFT) build --build-tests
	$(MAKE) --no-print-directory chart
	$(TEST) $(ARGS)

test-tsan: deps toolchain ## The same under the thread sanitizer
	@Scripts/install-dependencies prometheus pgbouncer haproxy
	$(SWIFT) build --build-tests $(TSAN)
	"$$(dirname "$$(command -v $(SWIFT))")/clang" -O1 -Wall -shared -fPIC -o .build-tsan/mutex.so Scripts/tsan-mutex.c
	TSAN_OPTIONS=suppressions=$(CURDIR)/Scripts/tsan.supp LD_PRELOAD=$(CURDIR)/.build-tsan/mutex.so $(TEST) $(TSAN) $(ARGS)

test-engines: export BATON_ENGINES = all
test-engines: deps toolchain ## Try every pair of PostgreSQL and Redis versions, also behind PgBouncer; some three minutes
	@Scripts/install-dependencies pgbouncer python3-venv
	Scripts/setup-engines
	$(SWIFT) build --build-tests
	$(TEST) --filter EngineTests

fuzz: FOR = 60s
fuzz: deps toolchain ## Feed each reader of other people's bytes with made-up ones for a while: make fuzz FOR=60s
	SWIFT=$(SWIFT) Scripts/fuzz $(FOR) $(ARGS)

sbom: ## Print what the built program consists of, as CycloneDX
	@Scripts/sbom

notices: ## Print the licences of all that is linked into the program
	@Scripts/notices

test-failover: deps toolchain ## Lose the last change in 20 failovers of PostgreSQL
	$(SWIFT) build --build-tests
	BATON_TEST_FAILOVERS=20 $(TEST) --filter ServerHistoryTests/lostUpdate

chart: ## Check the Helm chart and the Dockerfile, without a cluster
	@Scripts/install-dependencies python3-venv
	Scripts/check-chart

verify: deps ## Prove the election's model with SPIN, and that it notices each missing guard
	@Scripts/install-dependencies spin
	verification/check

torture: deps toolchain ## Play random faults on real replicas for a while: make torture FOR=10m SEED=42
	$(SWIFT) build --configuration release --product baton
	$(SWIFT) build --configuration release --product baton-torture
	.build/release/baton-torture --for $(FOR) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: deps toolchain ## Measure against the goals, some six minutes; figures go to Benchmarks/results/latest.jsonl
	$(SWIFT) build --configuration release --package-path Benchmarks
	Benchmarks/.build/release/bench --results Benchmarks/results/latest.jsonl $(ARGS)

bench-failover: deps toolchain ## Let a leader be killed and worse, some fifteen minutes; figures go to Benchmarks/results/failover.jsonl
	$(SWIFT) build --configuration release --package-path Benchmarks
	Benchmarks/.build/release/bench --only failover --only follower --results Benchmarks/results/failover.jsonl $(ARGS)

lint: toolchain ## Check the style of all sources
	$(SWIFT) format lint --strict --recursive Sources Tests Plugins Benchmarks/Sources Fuzzing/Sources Package.swift Benchmarks/Package.swift Fuzzing/Package.swift

deps: ## Install the libraries and servers that are missing (Debian)
	@Scripts/install-dependencies

toolchain:
	@command -v $(SWIFT) >/dev/null || { echo 'Swift 6.3 or newer is needed: https://www.swift.org/install' >&2; exit 1; }
