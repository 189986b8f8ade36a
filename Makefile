# faced: one Makefile, no configure step. `make help` lists what it does.
#
# Objects live in $(OUT)/$(MODE), so that a release, an asan and a tsan build coexist and none of
# them can be linked from another's objects. $(OUT)/faced and $(OUT)/facectl are links to the
# newest build.
OUT      ?= build
MODE     ?= release
B        := $(OUT)/$(MODE)
VERSION  := 0.1.0
V        ?= 0
PYTHON   ?= /usr/bin/python3

WARN     := -Wall -Wextra -Wshadow -Wvla -Wundef -Wpointer-arith -Wformat=2 -Wwrite-strings
WARN_C   := $(WARN) -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
CPPFLAGS += -Idaemon -D_GNU_SOURCE -DFACED_VERSION='"$(VERSION)"' -MMD -MP
CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g
HARDEN   := -fstack-protector-strong -fstack-clash-protection $(if $(filter x86_64,$(shell uname -m)),-fcf-protection) -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

SAN.release :=
SAN.debug   := -O0 -g3
SAN.asan    := -O1 -g3 -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
SAN.tsan    := -O1 -g3 -fsanitize=thread -fno-omit-frame-pointer
SAN.corpus  := -O1 -g -fsanitize=address,undefined,float-cast-overflow -fno-omit-frame-pointer -fno-sanitize-recover=all
SAN.fuzz    := $(SAN.corpus) -fsanitize=fuzzer-no-link
FORTIFY.release := -D_FORTIFY_SOURCE=2
EXTRA    := $(SAN.$(MODE)) $(FORTIFY.$(MODE))
# Warnings stop us, not a user with a newer compiler.
WERROR   ?= $(if $(filter quick check asan tsan,$(MAKECMDGOALS)),-Werror)

ALL_C    := $(CPPFLAGS) -std=gnu17 $(CFLAGS) $(WARN_C) $(WERROR) $(HARDEN) $(EXTRA)
ALL_CXX  := $(CPPFLAGS) -std=c++17 -isystem /usr/include/opencv4 $(CXXFLAGS) $(WARN) $(WERROR) $(HARDEN) $(EXTRA) -fvisibility=hidden
LDLIBS   += -lavformat -lavcodec -lswscale -lavutil -lopencv_dnn -lopencv_core \
            -lcairo -lcrypt -lseccomp -lmicrohttpd -lmosquitto -lconfig -lsqlite3 -ljansson -lsystemd -lssl -lcrypto -lpthread -lm

PROGRAMS := faced facectl
MAINS    := $(B)/daemon/main.o $(B)/daemon/facectl.o
SRC      := $(sort $(wildcard daemon/*/*.c daemon/*/*/*.c))
SRCXX    := $(sort $(wildcard daemon/*/*.cpp))
OBJ      := $(SRC:%.c=$(B)/%.o) $(SRCXX:%.cpp=$(B)/%.o)
HEADERS  := $(sort $(wildcard daemon/*/*.h daemon/*/*/*.h))
TESTS    := $(patsubst tests/unit/%.c,$(B)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
# What test_confine takes away a sanitizer needs: memory, threads, a look at its maps.
TESTS    := $(if $(filter asan,$(MODE)),$(filter-out %/test_confine,$(TESTS)),$(TESTS))

Q := $(if $(filter 1,$(V)),,@)

all: $(PROGRAMS:%=$(OUT)/%)

$(PROGRAMS:%=$(OUT)/%): $(OUT)/%: $(B)/%
	@ln -sfn $(MODE)/$* $@

$(B)/faced: $(B)/daemon/main.o
$(B)/facectl: $(B)/daemon/facectl.o
$(PROGRAMS:%=$(B)/%): $(OBJ)
	$(Q)echo "  LD    $@"; $(CXX) $(EXTRA) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/%.o: %.c
	$(Q)mkdir -p $(@D); echo "  CC    $<"; $(CC) $(ALL_C) -c -o $@ $<

# The pages are part of the program.
$(B)/daemon/app/web/routes.o: $(wildcard daemon/app/web/page/*)

$(B)/%.o: %.cpp
	$(Q)mkdir -p $(@D); echo "  CXX   $<"; $(CXX) $(ALL_CXX) -c -o $@ $<

# A test names, in its first line, the objects it may link:
#     /* needs: track/iou flow/frame */   (fakes are written fake:NAME)
# Nothing else is linked, so a module that grows a dependency breaks here.
needs = $(foreach n,$(shell sed -n '1s:^/\* needs\: \(.*\) \*/$$:\1:p' $(1)),\
          $(if $(filter fake:%,$(n)),$(B)/tests/fakes/$(patsubst fake:%,fake_%,$(n)).o,$(B)/daemon/$(n).o))

define TEST_RULE
$(B)/tests/$(1): $(B)/tests/unit/$(1).o $(call needs,tests/unit/$(1).c)
	$$(Q)mkdir -p $$(@D); echo "  LD    $$@"; $$(CXX) $$(EXTRA) $$(LDHARDEN) -o $$@ $$^ -lcmocka $$(LDLIBS)
endef
$(foreach t,$(notdir $(TESTS)),$(eval $(call TEST_RULE,$(t))))

# ------------------------------------------------------------- tools of the tests ---
# They are linked with the whole daemon but its mains; the RTSP server with GStreamer alone.
TOOLS    := $(filter-out rtspserver,$(patsubst tests/tools/%.c,%,$(wildcard tests/tools/*.c)))
PRELOADS := $(patsubst tests/preload/%.c,$(OUT)/%.so,$(wildcard tests/preload/*.c))

$(TOOLS:%=$(B)/%): $(B)/%: $(B)/tests/tools/%.o $(OBJ)
	$(Q)echo "  LD    $@"; $(CXX) $(EXTRA) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(TOOLS:%=$(OUT)/%): $(OUT)/%: $(B)/%
	@ln -sfn $(MODE)/$* $@

$(OUT)/rtspserver: tests/tools/rtspserver.c
	$(Q)mkdir -p $(@D); echo "  CC    $<"; $(CC) -std=gnu17 $(CFLAGS) $(WARN_C) -Wno-strict-prototypes \
	    $$(pkg-config --cflags gstreamer-rtsp-server-1.0 gstreamer-pbutils-1.0 gio-2.0) -o $@ $< $$(pkg-config --libs gstreamer-rtsp-server-1.0 gstreamer-pbutils-1.0 gio-2.0)

$(PRELOADS): $(OUT)/%.so: tests/preload/%.c
	$(Q)mkdir -p $(@D); echo "  CC    $<"; $(CC) -std=gnu17 -D_GNU_SOURCE $(CFLAGS) $(WARN_C) -fPIC -shared -o $@ $< -ldl

tools: $(TOOLS:%=$(OUT)/%) $(OUT)/rtspserver $(PRELOADS)

# ------------------------------------------------------------- models and clips ---
MODELS := $(OUT)/models

models:
	@PYTHON=$(PYTHON) sh models/make-models.sh $(OUT) $(if $(OPTIONAL),--optional)

clips: models
	@sh tests/tools/make_clips.sh $(OUT)/media $(OUT)/clips

deps: ; @sh tests/tools/deps.sh build models demo

# ------------------------------------------------------------- tests ---
CHECK = LSAN_OPTIONS=suppressions=$(CURDIR)/tests/tools/lsan.supp:print_suppressions=0 BUILD=$(OUT) FACED_MODE=$(MODE) FACED_MODELS=$(MODELS) $(PYTHON) tests/tools/check.py

tests: $(TESTS)

# The gate for every commit: under a minute.
quick: layers style golden-check man $(TESTS)
	@$(CHECK) --unit $(TESTS)

# Recorded detections in, expected events out; `make golden` rewrites them for a review.
golden-check: $(B)/replay ; @sh tests/tools/golden.sh $<
golden: $(B)/replay ; @sh tests/tools/golden.sh $< --rewrite

# Pages, completion and programs are of one mind.
man: all $(OUT)/keys ; @$(PYTHON) tests/tools/check_docs.py $(OUT)

layers: ; @sh tests/tools/check-layers.sh
style:  ; @sh tests/tools/check-style.sh

# What a submission must pass. Where neither a mirror nor upstream can be reached (69), what needs
# no model is still run.
check:
	@sh tests/tools/deps.sh build models demo check
	@$(MAKE) --no-print-directory layers style all tests tools golden-check man WERROR=-Werror
	@$(MAKE) --no-print-directory MODE=corpus fuzz-targets WERROR=-Werror
	@$(MAKE) --no-print-directory scenarios

scenarios:
	@mkdir -p $(OUT); rc=0; PYTHON=$(PYTHON) sh models/make-models.sh $(OUT) 2>$(OUT)/models.err || rc=$$?; \
	cat $(OUT)/models.err >&2; \
	case $$rc in \
	0) sh tests/tools/make_clips.sh $(OUT)/media $(OUT)/clips || exit 1;; \
	69) FACED_NO_MODELS=$$(tail -n 1 $(OUT)/models.err); export FACED_NO_MODELS;; \
	*) exit 1;; \
	esac; \
	$(CHECK) --unit $(TESTS) $(if $(filter release,$(MODE)),--corpora $(OUT)/corpus $(FUZZ)) --scenarios $(if $(ONLY),--pytest=-k --pytest='$(ONLY)')

# The same suite under the sanitizers; the threaded modules under ThreadSanitizer.
asan:
	@sh tests/tools/deps.sh build models demo check
	@$(MAKE) --no-print-directory MODE=asan all tests tools golden-check scenarios WERROR=-Werror
tsan:
	@$(MAKE) --no-print-directory MODE=tsan tsan-tests WERROR=-Werror
	@$(CHECK) --unit $(TSAN:%=$(OUT)/tsan/tests/test_%)
TSAN := slot queue stop thread log redact frame pool pipeline camera store bus
tsan-tests: $(TSAN:%=$(B)/tests/test_%)

# What faced costs: each stage alone, one camera beside the floors and what else could be taken, many
# cameras; see tests/bench. QUICK=1: some minutes; RECORD=1: also into docs/bench.txt; PROFILE=1: what
# the time goes into, by perf; BENCH= takes parts: stages,beside,scale; FACES= is a folder of portraits; ISOLATION=thread: no
# process for each camera.
bench:
	@sh tests/tools/deps.sh build models demo check bench
	@$(MAKE) --no-print-directory all tools clips
	@BUILD=$(OUT) FACED_MODELS=$(MODELS) FACES=$(FACES) $(PYTHON) tests/bench $(if $(QUICK),--quick) \
	    $(if $(RECORD),--record) $(if $(PROFILE),--profile) $(if $(BENCH),--only $(BENCH)) \
	    $(if $(ISOLATION),--isolation $(ISOLATION))

# H hours of cameras over RTSP with faults at random, after A minutes of files as fast as they go;
# fails when anything has grown or was lost. RECORD=1 draws the samples into docs/images.
H ?= 0.5
A ?= 10
soak:
	@sh tests/tools/deps.sh build models demo check
	@$(MAKE) --no-print-directory all tools clips
	@BUILD=$(OUT) FACED_MODE=$(MODE) FACED_MODELS=$(MODELS) $(PYTHON) tests/soak --hours $(H) --accelerated $(A) \
	    $(if $(RECORD),--record)

# Records per person on composed scenes and on the catalogue's clips; see docs/tracking.md. TRACKING=
# takes options of bench_tracking.py, as --fast or --kinds.
bench-tracking:
	@sh tests/tools/deps.sh build models demo check
	@$(MAKE) --no-print-directory all clips $(OUT)/retrack
	@FACED_MODELS=$(MODELS) $(PYTHON) tests/tools/bench_tracking.py $(OUT) $(TRACKING)

# Faults, kills, power loss and states that nobody wishes for; see tests/torture. SHORT=1: what
# `make check` runs of it; TORTURE= takes options, as `--only kills --seed 7`. Its drivers are linked,
# as unit tests are, with what their first line names: the fewer libraries, the clearer who fails.
TORTURERS := $(patsubst tests/torture/%.c,%,$(wildcard tests/torture/*.c))
define TORTURE_RULE
$(B)/$(1): $(B)/tests/torture/$(1).o $(call needs,tests/torture/$(1).c)
	$$(Q)echo "  LD    $$@"; $$(CC) $$(EXTRA) $$(LDHARDEN) -o $$@ $$^ $$(LDLIBS)
$(OUT)/$(1): $(B)/$(1) ; @ln -sfn $(MODE)/$(1) $$@
endef
$(foreach t,$(TORTURERS),$(eval $(call TORTURE_RULE,$(t))))
tools: $(TORTURERS:%=$(OUT)/%)
torture:
	@sh tests/tools/deps.sh build models demo check
	@$(MAKE) --no-print-directory all tools clips
	@BUILD=$(OUT) FACED_MODE=$(MODE) FACED_MODELS=$(MODELS) $(PYTHON) tests/torture $(if $(SHORT),--short) $(TORTURE)
# ------------------------------------------------------------- hostile input ---
# tests/fuzz/fuzz_NAME.c names what it needs as unit tests do. `make fuzz` runs each for T seconds of
# CPU time by clang's libFuzzer, or TARGET= alone, JOBS= beside each other; `make fuzz-check` gives the
# corpora to what the usual compiler makes of them; `make fuzz-keep` takes over the least of what was
# found that covers as much; `make fuzz-sum` adds up all runs so far.
T    ?= 60
JOBS ?= 1
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_RUN = $(if $(filter command,$(firstword $(origin TARGET))),$(TARGET),$(FUZZ))

define FUZZ_RULE
$(B)/fuzz_$(1): $(B)/tests/fuzz/fuzz_$(1).o $(call needs,tests/fuzz/fuzz_$(1).c) $(if $(filter fuzz,$(MODE)),,$(B)/tests/fuzz/replay.o)
	$$(Q)mkdir -p $$(@D); echo "  LD    $$@"; $$(CXX) $$(EXTRA) $$(LDHARDEN) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach t,$(FUZZ),$(eval $(call FUZZ_RULE,$(t))))
fuzz-targets: $(FUZZ_RUN:%=$(B)/fuzz_%)

fuzz:
	@sh tests/tools/deps.sh build check fuzz
	@$(MAKE) --no-print-directory MODE=fuzz CC=clang CXX=clang++ fuzz-targets
	@$(PYTHON) tests/fuzz/seeds.py $(OUT)/fuzz/work
	@$(PYTHON) tests/fuzz/fuzz.py run --seconds $(T) --jobs $(JOBS) $(OUT)/fuzz $(FUZZ_RUN)

fuzz-check:
	@$(MAKE) --no-print-directory MODE=corpus fuzz-targets
	@$(PYTHON) tests/fuzz/fuzz.py check $(OUT)/corpus $(FUZZ_RUN)

fuzz-keep fuzz-sum: fuzz-%: ; @$(PYTHON) tests/fuzz/fuzz.py $* $(OUT)/fuzz $(FUZZ_RUN)

demo: deps
	@$(MAKE) --no-print-directory all tools clips
	@BUILD=$(OUT) FACED_MODELS=$(MODELS) $(PYTHON) tests/tools/demo.py

# ------------------------------------------------------------- installing ---
# What the package installs as well. An operator's faced.conf is never touched; secrets, database and
# user are sysusers', tmpfiles' and systemd's: `systemd-sysusers && systemd-tmpfiles --create`.
PREFIX   ?= /usr/local
UNITDIR  ?= $(PREFIX)/lib/systemd/system
CONF     := $(DESTDIR)/etc/faced/faced.conf
SHARE    := $(PREFIX)/share/faced
DOC      := $(PREFIX)/share/doc/faced
PAGES    := $(wildcard docs/man/*.[1578])
INSTALLED = $(PROGRAMS:%=$(PREFIX)/bin/%) $(UNITDIR)/faced.service $(PREFIX)/lib/sysusers.d/faced.conf \
    $(PREFIX)/lib/tmpfiles.d/faced.conf $(FETCHING:models/%=$(SHARE)/fetch/%) \
    $(foreach p,$(PAGES),$(PREFIX)/share/man/man$(subst .,,$(suffix $(p)))/$(notdir $(p))) \
    $(PREFIX)/share/bash-completion/completions/facectl $(patsubst systemd/%,$(DOC)/%,$(wildcard systemd/examples/*)) \
    $(patsubst docs/%,$(DOC)/%,$(READING))
READING  := $(wildcard docs/*.md)
FETCHING := models/catalogue models/make-models.sh models/fetch-model.sh models/fetch.py models/convert.py $(wildcard models/*.card.json models/*.calibration.json)
INST     := install -D -m 644

install: all
	$(foreach p,$(PROGRAMS),install -D -m 755 $(B)/$(p) $(DESTDIR)$(PREFIX)/bin/$(p) &&) true
	sed 's:/usr/bin/:$(PREFIX)/bin/:; s:/usr/share/doc/faced:$(DOC):' systemd/faced.service >$(OUT)/faced.service
	$(INST) $(OUT)/faced.service $(DESTDIR)$(UNITDIR)/faced.service
	$(INST) systemd/faced.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/faced.conf
	$(INST) systemd/faced.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/faced.conf
	$(foreach f,$(FETCHING),install -D -m $(if $(filter %.sh %.py,$(f)),755,644) $(f) $(DESTDIR)$(f:models/%=$(SHARE)/fetch/%) &&) true
	$(foreach p,$(PAGES),$(INST) $(p) $(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(p)))/$(notdir $(p)) &&) true
	[ ! -e docs/completion/facectl ] || $(INST) docs/completion/facectl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/facectl
	$(foreach f,$(wildcard systemd/examples/*),$(INST) $(f) $(DESTDIR)$(f:systemd/%=$(DOC)/%) &&) true
	$(foreach f,$(READING),$(INST) $(f) $(DESTDIR)$(f:docs/%=$(DOC)/%) &&) true
	sed 's:^    #dir = "/usr/share/faced:    $(if $(filter /usr,$(PREFIX)),#)dir = "$(SHARE):' config/faced.conf >$(OUT)/faced.conf
	[ -e $(CONF) ] || $(INST) $(OUT)/faced.conf $(CONF)

# The models as they are loaded, with their cards; `make models` made them.
install-models:
	[ -e $(MODELS)/xception.onnx ] || { echo "there are no models in $(MODELS): make models" >&2; exit 1; }
	$(foreach f,$(notdir $(wildcard $(MODELS)/*)),$(INST) $(MODELS)/$(f) $(DESTDIR)$(SHARE)/models/$(f) &&) true

# Configuration, models and data stay.
uninstall:
	rm -f $(INSTALLED:%=$(DESTDIR)%)
	for d in $(SHARE)/fetch $(DOC)/examples $(DOC); do rmdir $(DESTDIR)$$d 2>/dev/null || true; done

# $(OUT)/faced_*.deb and $(OUT)/faced-models_*.deb.
deb: models ; @sh systemd/make-deb.sh $(OUT) $(VERSION)

# The package on a Debian of its own, booted by systemd: needs root.
check-system: deb tools clips
	@sh tests/tools/deps.sh demo check system
	@$(CHECK) --system

# Three hosts and three brokers of each kind, in network namespaces, and a central PostgreSQL: needs
# root. FLEET_LONG=1: minutes without a network for each host; FLEET_RATE=1: also what a broker
# carries; ONLY= as for check. Results are lines in $(OUT)/fleet.txt.
check-fleet:
	@sh tests/tools/deps.sh build models demo check fleet
	@$(MAKE) --no-print-directory all tools clips
	@$(CHECK) --fleet $(if $(ONLY),--pytest=-k --pytest='$(ONLY)')

clean: ; rm -rf $(OUT)

.PHONY: all man tests tools models clips deps quick layers style check scenarios asan tsan tsan-tests bench bench-tracking soak demo golden golden-check install install-models uninstall deb check-system torture check-fleet fuzz fuzz-targets fuzz-check fuzz-keep fuzz-sum clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(TOOLS:%=$(B)/tests/tools/%.d) $(OBJ:.o=.d) $(MAINS:.o=.d) $(TESTS:$(B)/tests/%=$(B)/tests/unit/%.d) \
    $(patsubst tests/fakes/%.c,$(B)/tests/fakes/%.d,$(wildcard tests/fakes/*.c)) $(FUZZ:%=$(B)/tests/fuzz/fuzz_%.d) $(B)/tests/fuzz/replay.d
