# Tests of the build itself: that each check refuses what it is there to refuse.
dist_check_SCRIPTS += %D%/test_checks.sh %D%/test_docs.sh %D%/test_quickstart.sh
EXTRA_DIST += %D%/cross.sh %D%/test_configure.sh

# Runs configure some ten times, so not in `make check`; CI runs it.
check-configure:
	top_srcdir='$(abs_top_srcdir)' CC='$(CC)' $(SHELL) $(srcdir)/%D%/test_configure.sh

# Compiles base and rmg for two other machines and runs their tests under emulation. From
# the sources as they are packed, since a tree that is configured takes no second build folder.
check-cross:
	$(MAKE) $(AM_MAKEFLAGS) -s distdir
	chmod -R u+w build-cross/src 2>/dev/null; rm -rf build-cross/src
	mkdir -p build-cross && mv $(distdir) build-cross/src
	$(srcdir)/%D%/cross.sh build-cross/src s390x arm64

.PHONY: check-configure check-cross
