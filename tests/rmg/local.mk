# Tests of rmg.
include $(srcdir)/tests/rmg/store/local.mk
include $(srcdir)/tests/rmg/change/local.mk
include $(srcdir)/tests/rmg/schema/local.mk
include $(srcdir)/tests/rmg/rules/local.mk
include $(srcdir)/tests/rmg/engine/local.mk
include $(srcdir)/tests/rmg/lang/local.mk
include $(srcdir)/tests/rmg/file/local.mk
EXTRA_DIST += docs/spec/state-root.md docs/spec/patch.md %D%/texts \
	examples/supply-chain/supply-chain.jitos schemas/pack.jitos docs/spec/rules.md %D%/golden \
	docs/spec/wsc-file.md docs/spec/scripts.md
