# rmg: the graph, from its store up to its language. Who may include whom: build-aux/layers.txt.
noinst_LTLIBRARIES += %D%/librmg.la
%C%_librmg_la_SOURCES =
# sqrt, which IEEE 754 rounds correctly: the only function of the mathematical library in use.
%C%_librmg_la_LIBADD = -lm
include $(srcdir)/rmg/store/local.mk
include $(srcdir)/rmg/change/local.mk
include $(srcdir)/rmg/schema/local.mk
include $(srcdir)/rmg/rules/local.mk
include $(srcdir)/rmg/engine/local.mk
include $(srcdir)/rmg/lang/local.mk
include $(srcdir)/rmg/file/local.mk
