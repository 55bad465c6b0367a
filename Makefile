# Out of the source, in an empty directory: make -f SOURCE/Makefile VPATH=SOURCE. make looks for what has no absolute path
# in the source, too, where another build may have left its own: so what is made here has one then.
from := $(if $(VPATH),$(VPATH)/)
to := $(if $(VPATH),$(CURDIR)/)
# The files of the source by a pattern, by their paths in it.
source = $(sort $(patsubst $(from)%,%,$(wildcard $(addprefix $(from),$(1)))))

EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(from)customer_import.control)

# PGXS has a target check of its own, so ours stands without it. A bundle needs no server.
ifneq ($(filter bench check dist,$(MAKECMDGOALS)),)
.PHONY: bench check dist
check:
	scripts/check
bench:
	bench/all $(if $(QUICK),--quick)

# The bundle for PGXN: what is committed, but for what .gitattributes leaves out.
dist:
	mkdir -p build
	git archive --format=zip --prefix=customer_import-$(EXTVERSION)/ --output=build/customer_import-$(EXTVERSION).zip HEAD
else

.DEFAULT_GOAL = all

EXTENSION = customer_import
MODULE_big = customer_import
# Each room is compiled as a whole: what its files include is read once, and a full build takes half the processor time.
ROOMS = core $(notdir $(patsubst %/,%,$(wildcard $(from)src/pg/*/)))
OBJS = $(ROOMS:%=$(to)build/rooms/%.o)
NOT_JOINED = src/pg/server/test_work.cpp

# The install script is joined from its parts in name order.
JOINED_SCRIPT = $(to)customer_import--$(EXTVERSION).sql
DATA_built = $(JOINED_SCRIPT)
DATA = $(call source,src/sql/upgrade/*.sql) scripts/customer_import.psql
DOCS = $(call source,doc/*.md doc/*.png monitoring/*)
EXTRA_CLEAN = $(JOINED_SCRIPT) $(OBJS:.o=.d) build

REGRESS = $(patsubst sql/%.sql,%,$(call source,sql/*.sql))
REGRESS_OPTS = --encoding=UTF8 --no-locale

# -MMD: each object remembers the headers that it was made from, in a .d file beside it.
PG_CPPFLAGS = -I$(from)src -MMD -MP -DCUSTOMER_IMPORT_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS = -std=c++20 -Wall -Wextra -Wno-register -Wno-unused-parameter -Wno-missing-field-initializers -fvisibility=hidden -Werror=switch
SHLIB_LINK = -lcsv -lutf8proc -lstdc++
# Templates of the C++ library are no symbols of ours.
EXPORTS = $(from)src/pg/exports.map
SHLIB_LINK += -Wl,--version-script=$(EXPORTS)
# make TEST_POINTS=1 builds the points at which tests kill a process, and counts what is done between two questions for
# interrupts; see src/pg/server/test_point.h. Never install such a build.
ifdef TEST_POINTS
PG_CPPFLAGS += -DCUSTOMER_IMPORT_TEST_POINTS
# The templates of the library are compiled with our code, so that what they copy is counted, too.
PG_CPPFLAGS += -D_GLIBCXX_EXTERN_TEMPLATE=0
PG_CXXFLAGS += -fsanitize-coverage=trace-pc
comma = ,
OBJS += $(NOT_JOINED:.cpp=.o)
SHLIB_LINK += $(addprefix -Wl$(comma)--wrap=,memcpy memmove memset memcmp memchr __memcpy_chk __memmove_chk __memset_chk \
    pg_verify_mbstr cstring_to_text_with_len)
endif
# Debug information makes the library 18 times as large, and takes a third of the time of compiling: DEBUG=1 makes and keeps it.
ifneq ($(DEBUG),1)
PG_CXXFLAGS += -g0
INSTALL_STRIP_FLAG = -s
endif
# What users add by COPT and PROFILE PGXS gives to the C compiler alone. pg_buildext does it with the flags of a package,
# of which this one is for C.
PG_CXXFLAGS += $(filter-out -Werror=implicit-function-declaration,$(COPT)) $(PROFILE)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)

# The bitcode compiler is older than our C++ and ignores PG_CXXFLAGS.
override with_llvm = no
include $(PGXS)

# Our pages have names such as README.md: they get a folder of their own.
docmoduledir = extension/customer_import

$(MODULE_big).so: $(EXPORTS)
-include $(OBJS:.o=.d)

ifdef TEST_POINTS
$(OBJS): Makefile
# What counts is not counted.
$(NOT_JOINED:.cpp=.o): override CXXFLAGS := $(filter-out -fsanitize-coverage=%,$(CXXFLAGS))
endif

# The list of a room's files is written anew only when it is another one. What compiles {fmt} comes first: the library
# specializes templates that the others use.
sources_of = $(filter-out $(NOT_JOINED),$(call source,$(if $(filter core,$(1)),src/core/*.cpp,src/pg/$(1)/*.cpp)))
format_first = $(filter %/format.cpp,$(1)) $(filter-out %/format.cpp,$(1))
$(ROOMS:%=$(to)build/rooms/%.cpp): $(to)build/rooms/%.cpp: FORCE
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(patsubst src/%,%,$(call format_first,$(call sources_of,$*))) > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

$(JOINED_SCRIPT): $(addprefix $(from),$(call source,src/sql/*.sql))
	cat $^ > $@

.PHONY: help demo
help:
	@echo 'make, make install    build and install the extension; DEBUG=1 with debug information'
	@echo 'make demo             set everything up and run the main job in a throwaway cluster'
	@echo 'make check            install what the tests need and run all of them'
	@echo 'make installcheck     only the SQL regression tests, against a running server'
	@echo 'make bench            measure the installed extension, for hours; QUICK=1 for three minutes'
	@echo 'make dist             the bundle for PGXN, in build/'
demo:
	scripts/demo

# PGXS looks for a documentation file under its path in the source, where it did not install it.
uninstall: uninstall-doc
.PHONY: uninstall-doc
uninstall-doc:
	rm -f $(addprefix '$(DESTDIR)$(docdir)/$(docmoduledir)'/,$(notdir $(DOCS)))
	-rmdir '$(DESTDIR)$(docdir)/$(docmoduledir)'

endif
