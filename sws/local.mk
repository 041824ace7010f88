# sws: a worker's space of work state: its own graph, mounted instances, branches.
noinst_LTLIBRARIES += %D%/libsws.la
%C%_libsws_la_SOURCES = \
	%D%/change.c %D%/collapse.c %D%/ids.c %D%/home.c %D%/home.h %D%/space.c %D%/space.h %D%/space_priv.h
