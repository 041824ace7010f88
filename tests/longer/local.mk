# The longer jobs: each a script, over the sources as they are packed, since a tree that is
# configured takes no second build folder. All they make lies under build-longer/.
longer_scripts = %D%/common.sh %D%/coverage.sh %D%/determinism.sh %D%/disks.sh %D%/oom.sh \
	%D%/sanitized.sh %D%/soak.sh %D%/static.sh %D%/tsan.sh %D%/valgrind.sh
EXTRA_DIST += $(longer_scripts) %D%/coverage.py build-aux/coverage-reasons.txt \
	build-aux/findings.txt build-aux/tsan.supp build-aux/valgrind.supp .clang-tidy

SEEDS = 20
ROUNDS = 5
longer-source:
	$(MAKE) $(AM_MAKEFLAGS) -s distdir
	chmod -R u+w build-longer/src 2>/dev/null; rm -rf build-longer/src
	mkdir -p build-longer && mv $(distdir) build-longer/src && chmod -R u+w build-longer/src

check-determinism: longer-source
	$(srcdir)/%D%/determinism.sh build-longer/src '$(SEEDS)'
# It looks at the sources where they lie.
check-static: all
	$(srcdir)/%D%/static.sh '$(srcdir)' '$(check_headers_flags)'
check-tsan: longer-source
	$(srcdir)/%D%/sanitized.sh thread $(srcdir)/%D%/tsan.sh build-longer/src
coverage: longer-source
	$(srcdir)/%D%/coverage.sh build-longer/src
# With what is built here.
check-valgrind: all
	$(srcdir)/%D%/valgrind.sh
# On real file systems and with real processes, with what is built here.
check-disks: all
	$(srcdir)/%D%/disks.sh '$(ROUNDS)'
# Every step of what the tests kill or refuse a share of. (`all` beside a program would be two makes
# that build the same at once.)
check-kill-steps: all-am tests/tools/kill_at$(EXEEXT)
	JIT_KILL_STEPS=all srcdir='$(srcdir)' $(srcdir)/tests/tools/test_kill_each.sh
	JIT_KILL_STEPS=all srcdir='$(srcdir)' $(srcdir)/tests/tools/test_kill_running.sh
	JIT_KILL_STEPS=all srcdir='$(srcdir)' $(srcdir)/tests/tools/test_full_verbs.sh || [ $$? = 77 ]
check-oom-verbs: all-am tests/refuse.la tests/tools/test_oom_hub
	JIT_OOM_VERBS=all top_srcdir='$(srcdir)' $(srcdir)/tests/tools/test_oom_verbs.sh
	JIT_OOM_VERBS=all tests/tools/test_oom_hub
check-oom: all
	$(srcdir)/%D%/oom.sh '$(ROUNDS)'
soak: all
	$(srcdir)/%D%/soak.sh '$(MINUTES)'

.PHONY: longer-source check-determinism check-static check-tsan \
	check-valgrind check-disks check-kill-steps check-oom check-oom-verbs coverage soak
