# tools: the programs; argument parsing and printing only.
include $(srcdir)/tools/cli/local.mk
