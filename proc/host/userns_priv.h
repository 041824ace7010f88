/* proc/host/userns_priv.h - who a worker is outside its user namespace.
 * Spec:  SANDBOX 2.1 step 3. Layer: proc/host, private. */
#ifndef JIT_PROC_HOST_USERNS_PRIV_H
#define JIT_PROC_HOST_USERNS_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_NS_OTHERS                                                                             \
    (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Map HOST_INSIDE_UID of a child's fresh user namespace: to `kuid`, as root (unique), or to the
 * caller's own ids. Returns NULL, or the name of the file that could not be written; errno is set.
 */
const char *host_userns_map(pid_t pid, bool unique, uint32_t kuid);

/* clone3() with CLONE_CLEAR_SIGHAND and CLONE_PIDFD and no shared memory: 0 in the child. flags:
 * namespaces, and CLONE_PARENT for a sibling. */
pid_t host_clone(uint64_t flags, int *pidfd);

#endif
