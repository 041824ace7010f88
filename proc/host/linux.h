/* proc/host/linux.h - kernel numbers that Debian 12's headers (6.1) do not have yet. Each is part
 * of the kernel's stable ABI; whether the running kernel knows it is found out by proc/host/probe.
 * Layer: proc/host; kernel headers only. */
#ifndef JIT_PROC_HOST_LINUX_H
#define JIT_PROC_HOST_LINUX_H

#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/syscall.h>

#ifndef MFD_NOEXEC_SEAL /* 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC /* 6.3 */
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef F_SEAL_EXEC /* 6.3 */
#define F_SEAL_EXEC 0x0020
#endif
#ifndef PR_SET_MDWE /* 6.3 */
#define PR_SET_MDWE 65
#endif
#ifndef PR_MDWE_REFUSE_EXEC_GAIN
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef SYS_mseal /* 6.10; one number on every architecture */
#define SYS_mseal 462
#endif

/* struct landlock_ruleset_attr as of ABI 6; older kernels are given the size they know. */
struct host_landlock_attr {
    __u64 handled_access_fs;
    __u64 handled_access_net; /* ABI 4 */
    __u64 scoped;             /* ABI 6 */
};

#endif
