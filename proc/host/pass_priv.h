/* proc/host/pass_priv.h - messages with descriptors over a socket of whole messages.
 * Layer: proc/host, private. No heap and no stdio: also for a child before its exec. */
#ifndef JIT_PROC_HOST_PASS_PRIV_H
#define JIT_PROC_HOST_PASS_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#define HOST_PASS_FDS_MAX 5

/* False with errno: it was not sent; EPIPE, not a signal, when nobody is left to read it. */
bool host_pass_send(int socket, const void *bytes, size_t size, const int *fds, size_t count);
/* How many descriptors came along, at most `max`, closed by an exec; -1: nothing more will come, or
 * it is none of this size. */
int host_pass_receive(int socket, void *bytes, size_t size, int *fds, size_t max);

#endif
