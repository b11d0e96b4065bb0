# make demo        does the main job on real processes, in under a minute; needs only Go
# make lab         all of it, in under three minutes; ends with a page to look at
# make compare     what each fix would buy, from busy_timeout to PostgreSQL; 13 to 15 minutes
# make containers  what containers do, beside processes; needs Docker
# make wal-reset   acknowledged writes vanish in an old SQLite, and not in this one
# make test        everything that must hold before a change lands
# make check       the part of it that takes seconds: format, vet, staticcheck
# make bench       comparisons, two things in one run: the queue, the load client, the balancer, history files
# make fair        is the ladder's PostgreSQL as fast as pgbench says? five rounds in turns, on one server
# make drivers     contend with every SQLite driver, mattn's too; needs a C compiler
# make attack      attack the program for minutes: kills, slow clients, full disks, hostile files and nodes
# make fuzz        every fuzz test for FUZZTIME
# make man         manual pages of every verb, in man/
# make readme      run again what the documents show, and put its output there
# make help        this

GO         ?= go
BIN        := bin/contend
FUZZTIME   ?= 30s
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help build demo lab compare drivers containers images wal-reset old-engine test test-docker test-code test-app test-lab test-outside test-containers validate check tools bench-tools bench fair fuzz attack man readme clean

help:
	@sed -n 's/^# make/make/p' $(MAKEFILE_LIST)

# Static, so that an image can be made of it.
build:
	CGO_ENABLED=0 $(GO) build -o $(BIN) ./cmd/contend

demo: build
	@$(BIN) run --quick

lab: build
	$(BIN) run

compare: build
	$(BIN) compare

drivers:
	CGO_ENABLED=1 $(GO) build -tags cgo_sqlite -o $(BIN) ./cmd/contend

containers: build images
	$(BIN) run busy lost-update crash mounts --on compose

images:
	sh scripts/base-images.sh

wal-reset: build
	sh scripts/wal-reset.sh $(BIN)

old-engine: build
	BUILD_ONLY=1 sh scripts/wal-reset.sh $(BIN)

check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags bench ./bench
	CGO_ENABLED=1 $(GO) vet -tags cgo_sqlite ./internal/store/sqlite/...
	$(GO) vet -tags no_ncruces ./internal/store/sqlite
	$(GO) vet -tags image ./internal/cli
	$(STATICCHECK) ./...
	$(STATICCHECK) -tags bench ./bench
	CGO_ENABLED=1 $(STATICCHECK) -tags cgo_sqlite ./internal/store/sqlite/...
	sh scripts/tidy.sh
	cd exhibits/wal-reset && sh ../../scripts/tidy.sh
	cd deploy/validate && sh ../../scripts/tidy.sh

# Three run side by side, because some compute and the others mostly wait; with a fourth, what hangs on time
# has to be run again more often. Each prints the output of a line when the line is over; if one fails, the
# others still run to their end.
#   test-docker, test-code: race tests of the packages that use Docker, and of all others.
#   test-app: race tests of the application, which take longest; then the ladder of fixes, with
#   PostgreSQL and without.
#   test-lab: the whole lab once, its JSON read by a program that is not ours, its databases
#   by a SQLite that is not ours, its page by a browser.
#   test-outside: the real Dockerfile, the real compose file with nginx; the store on C's SQLite;
#   what we deploy read by the libraries of what it is deployed to; an old SQLite.
#   test-containers: experiments in containers, after test-docker, whose containers they would
#   count as theirs.
# What the lab found otherwise than expected beside the other lanes is run again after them.
test: tools check build images
	@$(MAKE) --no-print-directory -k -j3 --output-sync=line test-containers test-code test-lab test-app
	sh scripts/lab-test.sh --again $(BIN) bin/lab-again

# Without vet, which check has run, and without symbol tables, which half of a link is spent on.
race = CONTEND_BIN=$(CURDIR)/$(BIN) $(GO) test -race -vet=off -ldflags=-s -p 2 -timeout 20m
docker_packages = ./internal/cluster/compose ./internal/cli ./internal/docker ./internal/clean

test-docker:
	$(race) $(docker_packages)

# Packages that take longest come first.
test-code: test-docker
	$(race) ./internal/cluster/local ./internal/cluster/server $$($(GO) list ./... | grep -vxF "$$($(GO) list $(docker_packages) ./internal/app)")

test-app:
	$(race) ./internal/app
	sh scripts/compare-test.sh $(BIN)

test-containers: test-docker test-outside
	sh scripts/containers-test.sh $(BIN)

test-lab:
	sh scripts/lab-test.sh $(BIN) bin/lab-again

test-outside:
	sh scripts/compose-test.sh
	CGO_ENABLED=1 CONTEND_SQLITE_TEST_DRIVER=mattn $(GO) test -vet=off -tags cgo_sqlite ./internal/store/sqlite ./internal/app
	cd deploy/validate && $(GO) vet ./... && CONTEND_BIN=$(CURDIR)/$(BIN) $(GO) test -vet=off ./...
	sh scripts/wal-reset.sh $(BIN)

validate:
	cd deploy/validate && $(GO) vet ./... && $(GO) test ./...

tools:
	sh scripts/need.sh jq:jq sqlite3:sqlite3 curl:curl gcc:gcc strace:strace nginx:nginx-light pg_lsclusters:postgresql "chromium:chromium fonts-liberation"

bench-tools:
	sh scripts/need.sh jq:jq strace:strace wrk:wrk hey:hey nginx:nginx-light

bench: bench-tools
	$(GO) test -tags bench -count=1 -v -timeout 20m ./bench

fair: build
	sh scripts/need.sh jq:jq wrk:wrk pgbench:postgresql
	sh scripts/fair.sh $(BIN)

fuzz:
	sh scripts/fuzz.sh $(FUZZTIME)

# Its short form is among the tests. SEED names all random choices.
attack: build
	sh scripts/attack.sh $(BIN) $(SEED)

man:
	$(GO) run ./cmd/man man

readme: build
	sh scripts/readme.sh

clean:
	rm -rf bin man
