# librmg: the graph as a library of its own: base and rmg once more, as a shared object whose
# symbols are listed in librmg.map, with the headers they are declared in.
lib_LTLIBRARIES = %D%/librmg.la
%C%_librmg_la_SOURCES = %D%/calls.c %D%/files.c %D%/rmg.h \
	$(base_libbase_la_SOURCES) $(base_libsign_la_SOURCES) \
	$(rmg_librmg_la_SOURCES)
%C%_librmg_la_CFLAGS = $(AM_CFLAGS) $(BLAKE3_CFLAGS) $(SODIUM_CFLAGS)
%C%_librmg_la_LIBADD = $(BLAKE3_LIBS) $(SODIUM_LIBS) -lm
%C%_librmg_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info 0:0:0 \
	-Wl,--version-script=$(srcdir)/%D%/librmg.map
# The only library that is built as a shared one; the programs link what they need (Makefile.am).
%C%_librmg_la_LIBTOOLFLAGS =
%C%_librmg_la_DEPENDENCIES = %D%/librmg.map
EXTRA_DIST += %D%/librmg.map
if BLAKE3_SOURCE
noinst_LTLIBRARIES += %D%/libb3.la
%C%_libb3_la_SOURCES = $(base_libb3_la_SOURCES)
%C%_libb3_la_CFLAGS = $(base_libb3_la_CFLAGS)
%C%_libb3_la_CPPFLAGS = -DBLAKE3_USE_NEON=0
%C%_libb3_la_CCASFLAGS = $(base_libb3_la_CCASFLAGS)
%C%_libb3_la_LIBTOOLFLAGS =
%C%_librmg_la_LIBADD += %D%/libb3.la
endif

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = %D%/librmg.pc

# <rmg.h>, and beside it the headers it needs, found by -I of librmg.pc.
librmgincludedir = $(includedir)/librmg
librmginclude_HEADERS = %D%/rmg.h
nobase_librmginclude_HEADERS = base/buf.h base/cursor.h base/err.h base/hash.h base/heap.h base/id.h \
	base/le.h base/limits.h base/sign.h rmg/store/arena.h rmg/store/codec.h rmg/change/collect.h rmg/change/diff.h rmg/file/envelope.h \
	rmg/engine/native.h rmg/engine/work.h rmg/file/file.h rmg/file/foreign_root.h rmg/store/graph.h rmg/change/merge.h rmg/file/mount.h rmg/change/patch.h rmg/file/proof.h \
	rmg/schema/schema.h rmg/schema/schema_check.h rmg/schema/schema_infer.h rmg/store/scratch.h rmg/store/slot.h rmg/store/store.h rmg/file/wsc.h
