# Tests of the build itself: that each check refuses what it is there to refuse.
dist_check_SCRIPTS += %D%/test_checks.sh %D%/test_docs.sh %D%/test_quickstart.sh
EXTRA_DIST += %D%/test_configure.sh

# Runs configure some ten times, so not in `make check`; CI runs it.
check-configure:
	top_srcdir='$(abs_top_srcdir)' CC='$(CC)' $(SHELL) $(srcdir)/%D%/test_configure.sh

.PHONY: check-configure
