# A thin menu; the logic is in npm scripts and scripts/setup. `make` alone lists it.
.DEFAULT_GOAL := help
NPM := npm run --silent
# Where the set-up puts what the machine lacks, npm among it.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: help setup node demo dev test check unit sim integration e2e soak build gen down clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Install whatever the other targets need (system packages, Go, Node packages, pinned tools into .tools/)
	@scripts/setup/setup.sh

node:
	@scripts/setup/setup.sh system node npm

demo: setup ## Three cells, live traffic, one zone drained, one server killed: prints the history checker's verdict
	@$(NPM) demo

dev: node ## Stage 1: everything in one process over SQLite (needs no root)
	@node_modules/.bin/node cli/main.ts dev

test: setup ## Type check, lint, unit, simulation, integration, short end-to-end run
	@$(NPM) test

check: node ## Type check, lint, generated files, import rules
	@$(NPM) check

unit: node ## Unit and property tests
	@$(NPM) test:unit

sim: node ## 2,000 seeds of the simulation and every planted bug
	@$(NPM) test:sim

integration: setup ## Tests against the real API server, Envoy and MySQL
	@$(NPM) test:integration

e2e: setup ## A short run of the demo with the Slack SDKs, and three fault scenarios, on clusters of their own
	@$(NPM) test:e2e

soak: setup ## Many seeds of the simulation, each fault scenario 50 times, ten demos; the report goes to docs/soak.md (a day)
	@$(NPM) soak

build: node ## Bundle the roles into dist/
	@$(NPM) build

gen: node ## Regenerate types, chart CRDs and error docs
	@$(NPM) gen

down: ## End the local cluster and remove its state
	@$(NPM) cluster -- down

clean: down ## Also remove what was built (tools stay; delete .tools/ for those)
	@rm -rf dist .local
