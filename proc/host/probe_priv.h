/* proc/host/probe_priv.h - the trials behind host_probe(). Each fills in present, os_errno, detail.
 * Layer: proc/host, private. */
#ifndef JIT_PROC_HOST_PROBE_PRIV_H
#define JIT_PROC_HOST_PROBE_PRIV_H

#include "proc/host/probe.h"

void host_try_seals(struct host_probe *probe);
void host_try_process(struct host_probe *probe);    /* seccomp, no_new_privs, mdwe, mseal, ... */
void host_try_namespaces(struct host_probe *probe); /* user and the others, unique uid, limit */
void host_try_cgroups(struct host_probe *probe);

#endif
