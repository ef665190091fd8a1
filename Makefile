EXTENSION = rfmseg
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(EXTENSION).control)

# What CREATE EXTENSION runs: put together from its parts, and committed so
# that "make install" needs nothing but the compiler
EXTSQL = $(EXTENSION)--$(EXTVERSION).sql
EXTSQL_PARTS = $(sort $(wildcard sql/install/*.sql))

# These goals must work where PostgreSQL is not installed yet: their scripts
# install it, or do not need it. So PGXS is not included for them alone.
STANDALONE = demo dashboard check docs lint sanitize coverage bench unit check-install-script $(EXTSQL)

all: $(EXTSQL)

.PHONY: all demo dashboard docs lint sanitize coverage bench unit check-install-script

ifneq ($(filter-out $(STANDALONE),$(or $(MAKECMDGOALS),all)),)

MODULE_big = $(EXTENSION)
OBJS = \
	src/aggregate.o \
	src/bulk_insert.o \
	src/composite_argument.o \
	src/cut_points.o \
	src/decimal_numeric.o \
	src/expression.o \
	src/feature_array.o \
	src/generate.o \
	src/generate_arguments.o \
	src/history_glue.o \
	src/json_value.o \
	src/key_digest.o \
	src/kmeans.o \
	src/kmeans_model.o \
	src/kmeans_options.o \
	src/kmeans_workers.o \
	src/large_memory.o \
	src/lifetime_fit.o \
	src/lifetime_history.o \
	src/lifetime_model.o \
	src/lifetime_predict.o \
	src/line_key.o \
	src/line_pass.o \
	src/line_query.o \
	src/line_spool.o \
	src/local_day.o \
	src/reason.o \
	src/rfm.o \
	src/rfmseg.o \
	src/row_store.o \
	src/ruleset.o \
	src/score.o \
	src/session.o \
	src/share.o \
	src/summarize.o \
	src/summarize_cohorts.o \
	src/summarize_customer.o \
	src/summarize_partition.o \
	src/text_tally.o \
	src/core/cohorts.o \
	src/core/customer.o \
	src/core/decimal.o \
	src/core/history.o \
	src/core/kmeans/kmeans.o \
	src/core/kmeans/lloyd.o \
	src/core/kmeans/points.o \
	src/core/kmeans/quality.o \
	src/core/kmeans/seeding.o \
	src/core/kmeans/tree.o \
	src/core/lifetime/beta_geometric.o \
	src/core/lifetime/fit.o \
	src/core/lifetime/gamma_gamma.o \
	src/core/lifetime/histories.o \
	src/core/lifetime/pareto.o \
	src/core/lifetime/predict.o \
	src/core/lifetime/special.o \
	src/core/names.o \
	src/core/portable_math.o \
	src/core/quantiles.o \
	src/core/radix_sort.o \
	src/core/random.o \
	src/core/record.o \
	src/core/repeats.o \
	src/core/rules.o \
	src/core/scores.o \
	src/core/selection.o \
	src/core/siphash.o \
	src/core/synthetic/basket.o \
	src/core/synthetic/calendar.o \
	src/core/synthetic/person.o \
	src/core/synthetic/product.o \
	src/core/synthetic/shopper.o \
	src/core/synthetic/timeline.o \
	src/core/synthetic/us_names.o \
	src/core/synthetic/us_places.o

DATA = $(EXTSQL)
EXTRA_CLEAN = build

REGRESS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))

ISOLATION = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation

PROVE_TESTS = $(sort $(wildcard test/t/*.pl))
ifneq ($(PROVE_TESTS),)
TAP_TESTS = 1
endif

# The preprocessor flags reach both compilers, the one that makes the library
# and the one that makes the JIT's bitcode: a fused multiply-add in either
# would make results differ from one CPU to the next.
override PG_CPPFLAGS += -Isrc -ffp-contract=off
# The two exceptions are for PostgreSQL's own headers and their macros
override PG_CFLAGS += -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
ifdef WERROR
override PG_CFLAGS += -Werror
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error No PostgreSQL to build for: "$(PG_CONFIG) --pgxs" leads to no file. Install PostgreSQL 15 or newer with its \
server headers (Debian: postgresql-server-dev-all), or set PG_CONFIG; "make demo" does it all by itself)
endif
include $(PGXS)

$(OBJS): $(wildcard src/*.h src/core/*.h src/core/*/*.h)

# PostgreSQL 16 and newer hide a module's symbols by default; 15 cannot, as it
# does not mark SQL-callable functions for export. The core has none of these.
src/core/%.o: override CFLAGS += -fvisibility=hidden

else

# PGXS has a "check" of its own, which only says that there is none
.PHONY: check
check:
	@scripts/check

endif

demo dashboard lint sanitize coverage bench:
	@scripts/$@

# The page of the published relations, from their comments
docs: $(EXTSQL)
	@scripts/private-server -- scripts/published-docs > docs/published.md.new && mv docs/published.md.new docs/published.md

$(EXTSQL): $(EXTSQL_PARTS)
	cat $^ > $@

check-install-script:
	@cat $(EXTSQL_PARTS) | cmp -s - $(EXTSQL) || \
		{ echo 'not ok: $(EXTSQL) differs from sql/install/*.sql; run "make $(EXTSQL)" and commit it' >&2; exit 1; }
	@echo 'ok: $(EXTSQL) is what sql/install/*.sql add up to'

# The core needs no server, so its tests are plain programs, under sanitizers
UNIT_CFLAGS = -std=c99 -g -O1 -Wall -Wextra -Wconversion -Wsign-conversion -ffp-contract=off \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_CORE = $(patsubst src/core/%.c,build/core/%.o,$(sort $(wildcard src/core/*.c src/core/*/*.c)))
UNIT_TESTS = $(patsubst test/unit/%.c,build/unit/%,$(sort $(wildcard test/unit/*.c)))

build/core/%.o: src/core/%.c $(wildcard src/core/*.h src/core/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -c $< -o $@

build/unit/%: test/unit/%.c $(UNIT_CORE) $(wildcard src/core/*.h src/core/*/*.h test/unit/*.h)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Isrc/core $< $(UNIT_CORE) -lm -o $@

# Every program runs, even after one that failed
unit: $(UNIT_TESTS)
	@status=0; for t in $(UNIT_TESTS); do echo "# $$t"; $$t || status=1; done; exit $$status
