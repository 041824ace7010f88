# librmg as others see it: its symbols, its calls, and the program of docs/librmg.md.
dist_check_SCRIPTS += %D%/test_symbols.sh %D%/test_example.sh
check_PROGRAMS += %D%/test_space
%C%_test_space_CFLAGS = $(test_cflags)
%C%_test_space_LDADD = tests/libtest.la librmg/librmg.la $(CHECK_LIBS)
# distcheck runs this: what was installed is enough to build a program.
installcheck-local:
	$(MAKE) $(AM_MAKEFLAGS) installcheck-librmg
installcheck-librmg:
	PKG_CONFIG_PATH='$(DESTDIR)$(pkgconfigdir)' top_srcdir='$(srcdir)' CC='$(CC)' \
		CFLAGS='$(SANITIZE_CFLAGS)' libdir='$(DESTDIR)$(libdir)' $(srcdir)/tests/librmg/installed.sh
.PHONY: installcheck-librmg
EXTRA_DIST += tests/librmg/installed.sh
