# tools/selftest: a program that attacks from inside the sandbox, the table of its attacks, and what
# runs them and looks at the effect. jitosd sandbox --selftest, and the tests of proc.
noinst_LTLIBRARIES += %D%/libselftest.la
%C%_libselftest_la_SOURCES = \
	%D%/attacker.h %D%/attacks.c %D%/attacks.h %D%/bystander.c %D%/bystander.h %D%/report.c %D%/selftest.c \
	%D%/selftest.h

# Static-pie, as it has to be.
pkglibexec_PROGRAMS += %D%/jitos-attacker
%C%_jitos_attacker_SOURCES = %D%/attacker.c %D%/attacker.h
%C%_jitos_attacker_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_jitos_attacker_LDADD = proc/guest/libguest.la
if !SANITIZED
%C%_jitos_attacker_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
