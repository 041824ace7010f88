# syscall: ABI, ring, boot record, decode, capability checks, publication.
noinst_LTLIBRARIES += %D%/libsyscall.la
%C%_libsyscall_la_SOURCES = \
	%D%/abi.h %D%/attenuate.c %D%/attenuate.h %D%/boot.c %D%/boot.h %D%/cap.c %D%/cap.h \
	%D%/cap_dead.c %D%/cap_narrow.c %D%/cap_priv.h %D%/cap_tree.c %D%/cap_words.c %D%/decode.c %D%/decode.h %D%/ring.c %D%/ring.h %D%/syscalls.def %D%/view.c %D%/view.h
# Tokens: apart, since only who writes or reads them needs signatures (base/libsign.la).
noinst_LTLIBRARIES += %D%/libtoken.la
%C%_libtoken_la_SOURCES = %D%/token.c %D%/token.h
EXTRA_DIST += docs/spec/intent.md docs/spec/token.md docs/spec/ring.md docs/spec/capabilities.md
