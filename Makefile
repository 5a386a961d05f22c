# The two commands a newcomer needs are `make demo` and `make test`; like `make bench` they do everything from a fresh
# clone.

SWIFT ?= swift
CONFIGURATION := release
BIN := .build/$(CONFIGURATION)
# A file of our own: the interpreter there is a link to one that others own.
PYTHON := .build/python/installed

# What building needs, and what the tests need besides.
BUILD_PACKAGES := libsqlite3-dev libssl-dev zlib1g-dev
TEST_PACKAGES := openssl python3 python3-venv
BENCH_PACKAGES := openssl nghttp2-client debian-archive-keyring

.PHONY: help demo test abuse fuzz bench build build-tests check interop format packages test-packages python protos standards documentation clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## Build, then see the main job on real processes (KEEP=1 leaves it running)
	@KEEP='$(KEEP)' BIN='$(CURDIR)/$(BIN)' Tests/Demo/run.sh

test: test-packages check build-tests python ## Build, then run every test
	Tests/Checks/documentation.sh .build/$(CONFIGURATION)
	@SWIFT='$(SWIFT)' Tests/Checks/tests.sh $(CONFIGURATION)

abuse: test-packages build-tests python ## The scenarios that can do any amount of work, in full measure (minutes)
	@SIGNET_TEST_THOROUGH=1 SWIFT='$(SWIFT)' Tests/Checks/tests.sh $(CONFIGURATION) --filter '^Integration\.'

# Inputs are made by what they reach in the code, so that everything is compiled once more, to count it.
SECONDS := 60
FUZZ := .build/fuzz/build
fuzz: packages ## Feed the parsers input made to break them (SECONDS=60 each, TARGETS='json x509-svid' for some)
	$(SWIFT) build -c release --sanitize fuzzer -Xswiftc -DLIBFUZZER --scratch-path $(FUZZ) --product signet-fuzz
	@Tests/Fuzz/run.sh $(FUZZ)/release/signet-fuzz $(SECONDS) $(TARGETS)

bench: build ## Measure, beside the aims (BENCH='--only push --output json' passes options)
	@Tests/Checks/packages.sh $(BENCH_PACKAGES)
	$(SWIFT) build -c $(CONFIGURATION) --product signet-bench
	$(SWIFT) build -c $(CONFIGURATION) --product signet-bench-libraries
	Tests/Bench/build.sh
	@$(BIN)/signet-bench --client .build/bench/signet-bench-client $(BENCH)

# Product by product: building everything would also build the protobuf compiler, which nobody needs (10 minutes).
build: packages ## Build the programs (.build/release/signet)
	$(SWIFT) build -c $(CONFIGURATION) --product signet
	$(SWIFT) build -c $(CONFIGURATION) --product signet-demo-service
	$(SWIFT) build -c $(CONFIGURATION) --product signet-sdk-harness

build-tests: build
	$(SWIFT) build -c $(CONFIGURATION) --product signet-example-services
	$(SWIFT) build -c $(CONFIGURATION) --product signetPackageTests

check: ## Format, layering, and a test for every rule and requirement, without building
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	Tests/Checks/layers.sh
	Tests/Checks/standards.py check
	Tests/Checks/tokens.py

format: ## Rewrite the sources to the house format
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

packages: ## Install the Debian packages that building needs
	@Tests/Checks/packages.sh $(BUILD_PACKAGES)

test-packages: packages
	@Tests/Checks/packages.sh $(TEST_PACKAGES)

# Clients and verifiers written by others, which the tests run.
python: $(PYTHON)
$(PYTHON): Tests/Interop/requirements.txt
	python3 -m venv .build/python
	.build/python/bin/pip install --quiet --disable-pip-version-check --requirement Tests/Interop/requirements.txt
	@touch $@

interop: build ## Check from outside with go-spiffe and spire-api-sdk (fetches Go, 60 MB, into .build/interop)
	@BIN='$(CURDIR)/$(BIN)/signet' Tests/Interop/Go/run.sh $(INTEROP)

documentation: build-tests ## Make the documentation of the libraries (.build/documentation)
	@mkdir -p .build/documentation
	Tests/Checks/documentation.sh .build/$(CONFIGURATION) .build/documentation

standards: ## Write the table of Docs/Standards.md anew: which test keeps which rule
	Tests/Checks/standards.py write

protos: ## Write the generated protobuf code anew (needs protoc)
	Tests/Checks/protos.sh

clean: ## Remove everything that was built
	rm -rf .build
