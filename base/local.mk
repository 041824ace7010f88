# base: errors, limits, heap, bytes, BLAKE3, seams.
noinst_LTLIBRARIES += %D%/libbase.la
%C%_libbase_la_SOURCES = \
	%D%/b3_impl.h %D%/buf.c %D%/buf.h %D%/check.h %D%/clock.h %D%/cursor.h %D%/err.c %D%/err.h \
	%D%/exec.c %D%/exec.h %D%/hash.c %D%/hash.h %D%/hash_keys.c %D%/heap.c %D%/heap.h %D%/id.c \
	%D%/id.h %D%/io.h %D%/lanes.h %D%/lanes_priv.h %D%/lanes4.c %D%/lanes8.c %D%/lanes16.c \
	%D%/le.h %D%/limits.h %D%/random.h %D%/whole.c %D%/whole.h
%C%_libbase_la_CFLAGS = $(AM_CFLAGS) $(BLAKE3_CFLAGS)
%C%_libbase_la_LIBADD = $(BLAKE3_LIBS)

# BLAKE3's official sources are compiled where they lie: each wrapper includes one of them. On ARM
# they would want one more file; short messages go through our own lanes anyway.
if BLAKE3_SOURCE
noinst_LTLIBRARIES += %D%/libb3.la
%C%_libb3_la_SOURCES = %D%/b3_core.c %D%/b3_dispatch.c %D%/b3_portable.c
%C%_libb3_la_CFLAGS = -O3 -w $(BLAKE3_CFLAGS)
%C%_libb3_la_CPPFLAGS = -DBLAKE3_USE_NEON=0
if HOST_X86_64
%C%_libb3_la_SOURCES += %D%/b3_sse2.S %D%/b3_sse41.S %D%/b3_avx2.S %D%/b3_avx512.S
%C%_libb3_la_CCASFLAGS = $(BLAKE3_CFLAGS)
endif
%C%_libbase_la_LIBADD += %D%/libb3.la
endif
EXTRA_DIST += %D%/b3_core.c %D%/b3_dispatch.c %D%/b3_portable.c \
	%D%/b3_sse2.S %D%/b3_sse41.S %D%/b3_avx2.S %D%/b3_avx512.S

# Signatures: apart, so that only who signs or checks needs libsodium.
noinst_LTLIBRARIES += %D%/libsign.la
%C%_libsign_la_SOURCES = %D%/sign.c %D%/sign.h
%C%_libsign_la_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
%C%_libsign_la_LIBADD = $(SODIUM_LIBS)
