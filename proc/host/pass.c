#include "proc/host/pass_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"

union room {
    char bytes[CMSG_SPACE(HOST_PASS_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

bool host_pass_send(int socket, const void *bytes, size_t size, const int *fds, size_t count)
{
    union room room;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    assert(count <= HOST_PASS_FDS_MAX);
    if (count > 0) {
        memset(&room, 0, sizeof room);
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    ssize_t n;
    do {
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

int host_pass_receive(int socket, void *bytes, size_t size, int *fds, size_t max)
{
    union room room;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(max * sizeof(int))};
    ssize_t n;
    int count = 0;
    assert(max <= HOST_PASS_FDS_MAX);
    do {
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)size) {
        return -1;
    }
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        count = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(head), (size_t)count * sizeof(int));
    }
    return count;
}
