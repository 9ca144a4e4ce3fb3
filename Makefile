# Makefile - builds, tests and shows everything; `make` alone lists the targets.
#
# VARIANT (debug, release, asan, tsan, coverage, fuzz) and CC choose how; each combination builds
# into a folder of its own, BUILD. V=1 shows the commands. Sources are found by wildcard: a new file
# needs no line here.

VARIANT ?= debug
ifeq ($(origin CC),default)
CC := gcc
endif
CC_SUFFIX := $(if $(filter gcc,$(notdir $(CC))),,-$(notdir $(CC)))
folder_of = build/$(1)$(if $(filter fuzz,$(1)),,$(CC_SUFFIX))
BUILD ?= $(call folder_of,$(VARIANT))
PREFIX ?= /usr/local
SEED ?= 1
N ?= 1000
FUZZ_SECONDS ?= 10
INPUT ?=
ROOM ?=
Q := $(if $(V),,@)
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules

# --- How a file is compiled -----------------------------------------------------------------------

FLAGS_debug := -O1 -g
FLAGS_release := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
FLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
FLAGS_coverage := -O0 -g --coverage
FLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-fsanitize=fuzzer-no-link,address,undefined
ifndef FLAGS_$(VARIANT)
$(error VARIANT is one of debug, release, asan, tsan, coverage, fuzz)
endif
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wundef
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE -I. $(WARNINGS) $(FLAGS_$(VARIANT)) $(CFLAGS)
ALL_LDFLAGS := $(FLAGS_$(VARIANT)) -Wl,--as-needed $(LDFLAGS)

# --- Rooms: where the sources are, what a room may link, which libraries it brings ----------------

ROOMS := base crypto data wire store port topics shell edge cloud support simparts sim demo bench \
	integration
DIR_base := common/base
DIR_crypto := common/crypto
DIR_data := common/data
DIR_wire := common/wire
DIR_store := common/store
DIR_port := common/port
DIR_topics := topics
DIR_shell := common/shell
DIR_edge := edge-bridge
DIR_cloud := cloud-consumer
DIR_support := tests/support
DIR_simparts := tests/sim
DIR_sim := tests/sim
DIR_demo := tests/demo
DIR_bench := tests/bench
DIR_integration := tests/integration

# simparts is what a unit test may use of the simulator: it needs no engine.
MATCH_simparts := sim_%
NOT_sim := sim_%
NOT_integration := test_%
NOT_edge := main cli%
NOT_cloud := main cli%
sources_of = $(sort $(foreach f,$(filter-out %_main.c,$(wildcard $(DIR_$(1))/*.c)),\
	$(if $(filter $(addsuffix .c,$(NOT_$(1))),$(notdir $(f))),,\
	$(if $(filter $(or $(MATCH_$(1)),%).c,$(notdir $(f))),$(f)))))

CORE := base crypto data wire store port topics
ENGINES := $(CORE) edge cloud
EVERYTHING := $(ENGINES) shell support simparts sim
NEEDS_base := base
NEEDS_crypto := base crypto
NEEDS_data := base crypto data
NEEDS_wire := base crypto data wire
NEEDS_store := base crypto data store
NEEDS_port := base crypto data port
NEEDS_topics := base crypto data topics
NEEDS_shell := base crypto data wire port shell
NEEDS_edge := $(CORE) edge
NEEDS_cloud := $(CORE) cloud

uses = $(if $(shell grep -lE '$(1)' $(wildcard $(2)) /dev/null),$(3))
LIBS_crypto := -lsodium -lcrypto
LIBS_wire := -lmsgpackc -lzstd -ljansson
LIBS_store := -lsqlite3
LIBS_shell := -lpaho-mqtt3as -lssl -lcrypto -lpthread $(call uses,<ini\.h>,common/shell/*.c,-linih)
LIBS_simparts := -lsqlite3
LIBS_sim := -lpthread
LIBS_demo := -lmosquitto -ljansson
archives = $(foreach r,$(1),$(BUILD)/lib/lib$(r).a)
libraries = $(sort $(foreach r,$(1),$(LIBS_$(r))))
link_rooms = -Wl,--start-group $(call archives,$(1)) -Wl,--end-group $(call libraries,$(1))

# --- What can be built ----------------------------------------------------------------------------

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS :=

# A file of lines that changes only when its text does: what depends on it is rebuilt then.
$(BUILD)/flags: always
	@mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC    $<')
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

define room_rules
$(BUILD)/lib/$(1).list: always
	@mkdir -p $$(@D); echo '$$(call sources_of,$(1))' | cmp -s - $$@ || \
		echo '$$(call sources_of,$(1))' > $$@
$(BUILD)/lib/lib$(1).a: $$(call objects,$$(call sources_of,$(1))) $(BUILD)/lib/$(1).list
	@rm -f $$@
	$(Q)ar rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

# program_rules: file to build, sources, rooms to link, more libraries
define program_rules
$(1): $$(call objects,$(2)) $$(call archives,$(3))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo '  LINK  $$@')
	$(Q)$$(CC) $$(ALL_LDFLAGS) $$(call objects,$(2)) $$(call link_rooms,$(3)) $(4) -o $$@
endef
program = $(eval $(call program_rules,$(1),$(2),$(3),$(4)))
add_program = $(call program,$(1),$(2),$(3),$(4))$(eval PROGRAMS += $(1))

ifneq ($(wildcard edge-bridge/main.c),)
$(call add_program,$(BUILD)/edge-bridge,$(wildcard edge-bridge/main.c edge-bridge/cli*.c),\
	$(CORE) edge shell)
endif
ifneq ($(wildcard cloud-consumer/main.c),)
$(call add_program,$(BUILD)/cloud-consumer,\
	$(wildcard cloud-consumer/main.c cloud-consumer/cli*.c),$(CORE) cloud shell)
endif
ifneq ($(wildcard topics/topics_main.c),)
$(call add_program,$(BUILD)/topics,topics/topics_main.c,$(NEEDS_topics))
endif
ifneq ($(wildcard tests/sim/swarm_main.c),)
SWARM := $(BUILD)/swarm
$(call program,$(SWARM),tests/sim/swarm_main.c,$(ENGINES) support simparts sim,-lpthread)
endif

# Helper programs of bench, demo and integration: tests/X/Y_main.c becomes $(BUILD)/X/Y.
helpers = $(patsubst tests/%_main.c,$(BUILD)/%,$(wildcard tests/$(1)/*_main.c))
HELPERS := $(foreach k,bench demo integration,$(call helpers,$(k)))
$(foreach h,$(HELPERS),$(call program,$(h),$(patsubst $(BUILD)/%,tests/%_main.c,$(h)),\
	$(EVERYTHING) demo bench integration,-ljansson -lpthread -lm))

# A unit test links only what its room may use, and what tests/support needs: base, crypto, data.
room_of_test = $(or $(strip $(foreach r,$(CORE) shell edge cloud,\
	$(if $(filter tests/unit/$(DIR_$(r))/%,$(1)),$(r)))),all)
NEEDS_all := $(ENGINES) shell sim
test_program = $(patsubst tests/%.c,$(BUILD)/tests/%,$(1))
UNIT_SOURCES := $(sort $(shell find tests/unit/$(ROOM) -name 'test_*.c' 2>/dev/null))
UNIT_SCRIPTS := $(sort $(shell find tests/unit/$(ROOM) -name 'test_*.sh' 2>/dev/null))
SCENARIO_SOURCES := $(sort $(wildcard tests/sim/scenario/test_*.c))
INTEGRATION_SOURCES := $(sort $(wildcard tests/integration/test_*.c))
UNIT_TESTS := $(call test_program,$(UNIT_SOURCES))
SCENARIO_TESTS := $(call test_program,$(SCENARIO_SOURCES))
INTEGRATION_TESTS := $(call test_program,$(INTEGRATION_SOURCES))
$(foreach t,$(UNIT_SOURCES),$(call program,$(call test_program,$(t)),$(t),\
	$(sort $(NEEDS_$(call room_of_test,$(t))) $(NEEDS_data)) support simparts,\
	-lcmocka -ljansson -lpthread))
$(foreach t,$(SCENARIO_SOURCES),$(call program,$(call test_program,$(t)),$(t),\
	$(ENGINES) support simparts sim,-lcmocka))
$(foreach t,$(INTEGRATION_SOURCES),$(call program,$(call test_program,$(t)),$(t),\
	$(EVERYTHING) demo bench integration,-lcmocka -ljansson -lpthread))

FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(call test_program,$(FUZZ_SOURCES))
# A fuzz target links the rooms whose headers it includes, and what they need.
NEEDS_edge-bridge := $(NEEDS_edge)
NEEDS_cloud-consumer := $(NEEDS_cloud)
NEEDS_tests := $(ENGINES) support simparts sim
rooms_included = $(sort $(foreach r,\
	$(shell sed -nE 's|^#include "(common/)?([a-z-]+)/.*|\2|p' $(1)),$(NEEDS_$(r))))
$(foreach t,$(FUZZ_SOURCES),$(call program,$(call test_program,$(t)),$(t),\
	$(call rooms_included,$(t)),-fsanitize=fuzzer))

-include $(shell test -d $(BUILD)/obj && find $(BUILD)/obj -name '*.d')

# --- Targets --------------------------------------------------------------------------------------

.PHONY: always help deps deps-all build build-tests check unit vectors-accept sim sim-smoke \
	integration test test-long asan tsan valgrind coverage fuzz fuzzers tidy fmt fmt-check acl \
	asyncapi demo bench compose-test clean install
always:

# Another variant in a folder of its own, also when BUILD was given by hand.
other_folder = $(if $(filter file,$(origin BUILD)),$(call folder_of,$(1)),$(BUILD)-$(1)$(CC_SUFFIX))
with = $(MAKE) VARIANT=$(1) BUILD=$(call other_folder,$(1))
RUN := tests/run.sh
FORMATTED = $(shell find common topics edge-bridge cloud-consumer tests -name '*.[ch]' 2>/dev/null)
TIDY_TESTS := $(if $(ROOM),,$(wildcard tests/tidy/test_*.sh))
INTEGRATION_SCRIPTS = $(sort $(wildcard tests/integration/test_*.sh))

help: ## list the targets (this)
	@echo 'Targets; V=1 shows commands, VARIANT=debug|release|asan|tsan|coverage, CC=gcc|clang:'
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

deps: ## install the Debian packages that building and testing need and that are missing
	@sh tests/deps.sh

deps-all: ## the same and clang, clang-format and valgrind, for check, fuzz and valgrind
	@sh tests/deps.sh all

build: $(PROGRAMS) ## build the programs into BUILD

build-tests: $(PROGRAMS) $(SWARM) $(UNIT_TESTS) $(SCENARIO_TESTS) $(INTEGRATION_TESTS) $(HELPERS)

check: fmt-check ## everything before a commit, under a minute
	@$(MAKE) build-tests
	@$(MAKE) tidy
	@$(RUN) --build $(BUILD) $(UNIT_TESTS) $(UNIT_SCRIPTS) $(SCENARIO_TESTS) $(TIDY_TESTS) \
		$(if $(SWARM),"exit:sim-smoke:$(SWARM) --seed $(SEED) --count 50")

unit: $(UNIT_TESTS) $(if $(ROOM),,$(SCENARIO_TESTS)) ## unit tests; ROOM=common/wire: of one room
	@$(RUN) --build $(BUILD) $(UNIT_TESTS) $(UNIT_SCRIPTS) \
		$(if $(ROOM),,$(SCENARIO_TESTS)) $(TIDY_TESTS)

vectors-accept: $(UNIT_TESTS) $(SCENARIO_TESTS) ## write the golden vectors anew; read the diff
	@HOLDFAST_ACCEPT_VECTORS=1 $(RUN) --build $(BUILD) $(UNIT_TESTS) $(SCENARIO_TESTS)

sim: $(SWARM) ## simulated worlds: SEED= first seed, N= how many
	@$(SWARM) --seed $(SEED) --count $(N)

sim-smoke: $(SWARM) ## fifty simulated worlds
	@$(SWARM) --seed $(SEED) --count 50

integration: $(PROGRAMS) $(HELPERS) $(INTEGRATION_TESTS) ## real processes and a real broker
	@$(RUN) --timeout 300 --build $(BUILD) $(INTEGRATION_SCRIPTS) $(INTEGRATION_TESTS)

test: deps ## install what is missing, build, run all tests; ends with "N passed, N failed"
	@$(call with,debug) build-tests
	@$(call with,release) build-tests
	@$(MAKE) test-run

# One runner over everything, so that there is one sum at the end.
RELEASE := $(call other_folder,release)
DEBUG := $(call other_folder,debug)
WORLDS ?= 600
test-run:
	@$(RUN) --timeout $(or $(TEST_TIMEOUT),300) --build $(RELEASE) \
		$(patsubst $(BUILD)/%,$(DEBUG)/%,$(UNIT_TESTS) $(SCENARIO_TESTS)) $(UNIT_SCRIPTS) $(TIDY_TESTS) \
		$(if $(SWARM),"exit:sim-$(WORLDS)-worlds:$(RELEASE)/swarm --seed $(SEED) --count $(WORLDS)") \
		$(INTEGRATION_SCRIPTS) $(patsubst $(BUILD)/%,$(RELEASE)/%,$(INTEGRATION_TESTS))

test-long: ## as test with long rounds: 20,000 worlds, 100 rounds of kill -9
	@HOLDFAST_LONG=1 $(MAKE) test WORLDS=20000 TEST_TIMEOUT=3600

asan: ## unit and scenario tests under the address and undefined sanitizers
	@$(call with,asan) unit

tsan: ## unit and scenario tests under the thread sanitizer
	@$(call with,tsan) unit

VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
valgrind: $(UNIT_TESTS) ## unit tests under valgrind
	@$(RUN) --timeout 600 --wrap "$(VALGRIND)" --build $(BUILD) $(UNIT_TESTS)

coverage: ## line coverage of each room under the unit and scenario tests
	@$(call with,coverage) unit
	@sh tests/coverage.sh $(call other_folder,coverage)

fuzz: ## each fuzz target for FUZZ_SECONDS= seconds
	@$(call with,fuzz) CC=clang fuzzers
	@sh tests/fuzz.sh $(call other_folder,fuzz) $(FUZZ_SECONDS)

fuzzers: $(FUZZERS)

tidy: ## the style program: includes, lengths, banned calls, rooms
	@sh tests/tidy/tidy.sh --build $(BUILD)

fmt: ## format all C files
	@clang-format -i $(FORMATTED)

fmt-check: ## say which C files are not formatted
	@clang-format --dry-run -Werror $(FORMATTED)

acl: $(BUILD)/topics ## print the Mosquitto ACL of the topic table
	@$(BUILD)/topics acl $(ROOT)

asyncapi: $(BUILD)/topics ## print the AsyncAPI document of the topic table
	@$(BUILD)/topics asyncapi $(ROOT)

demo: deps ## three edges, a broker, a cloud and every kind of mishap; INPUT=file.jsonl
	@$(call with,release) build helpers-demo
	@HOLDFAST_BUILD=$(abspath $(RELEASE)) bash tests/demo/demo.sh $(INPUT)

bench: ## measure throughput, memory, start-up; prints a table and JSON
	@$(call with,release) build helpers-bench
	@HOLDFAST_BUILD=$(abspath $(RELEASE)) bash tests/bench/bench.sh

.PHONY: helpers-demo helpers-bench test-run
helpers-demo: $(call helpers,demo) $(call helpers,integration) $(BUILD)/bench/delay_proxy
helpers-bench: $(call helpers,bench) helpers-demo

compose-test: ## the Docker Compose rig with chaos, where an engine is or can be started
	@bash compose/compose-test.sh

clean: ## remove everything that was built
	@rm -rf build

install: ## install programs and systemd units below PREFIX (DESTDIR in front)
	@$(call with,release) build
	@for p in edge-bridge cloud-consumer; do \
		install -D -m 755 $(RELEASE)/$$p $(DESTDIR)$(PREFIX)/bin/$$p || exit 1; \
		install -d $(DESTDIR)$(PREFIX)/lib/systemd/system || exit 1; \
		sed 's|/usr/local|$(PREFIX)|' compose/systemd/$$p.service \
			>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$p.service || exit 1; done
	@install -D -m 644 compose/systemd/holdfast.sysusers \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/holdfast.conf
