#include "kernel/hub/hub_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Who comes, through the owner's door or the guests', and who makes way. */

#define STAYS 0u /* a rank: it makes way for nobody */

/* ---- a place ---- */

/* Who makes way for whom: a guest for other guests and for the owner's clients, never the other way
 * round. First who is being hung up on and does not read, then a guest who has shown nothing, one
 * of the owner's who has never said hello, and a guest who has shown something: for another guest
 * only if his token has several places, or he has said nothing for long. */
static unsigned rank_of(const struct hub_conn *conn, bool for_guest)
{
    bool idle = conn->hub->now_ns - conn->heard_ns >= HUB_GUEST_IDLE_NS;
    if (for_guest && !conn->guest) {
        return STAYS;
    }
    if (conn->finishing) {
        return 4;
    }
    if (!conn->guest) {
        return conn->greeted ? STAYS : 2;
    }
    if (!conn->shown || conn->leaves_code != NULL) {
        return 3;
    }
    return !for_guest || conn->purse->users > 1 || idle ? 1 : STAYS;
}

/* Of two with one rank, guests whose purse has the most places; then who was heard least lately. */
static bool before(const struct hub_conn *a, const struct hub_conn *b)
{
    uint32_t a_users = a->purse != NULL ? a->purse->users : 0;
    uint32_t b_users = b->purse != NULL ? b->purse->users : 0;
    if (a_users != b_users) {
        return a_users > b_users;
    }
    return a->guest && a->heard_ns != b->heard_ns ? a->heard_ns < b->heard_ns
                                                  : a->number < b->number;
}

static bool make_way(struct hub *hub, bool for_guest)
{
    struct hub_conn *worst = NULL;
    unsigned worst_rank = STAYS;
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        struct hub_conn *conn = hub->conns[i];
        unsigned rank = rank_of(conn, for_guest);
        if (rank > worst_rank || (rank != STAYS && rank == worst_rank && before(conn, worst))) {
            worst = conn;
            worst_rank = rank;
        }
    }
    if (worst == NULL) {
        return false;
    }
    worst->dead = true;
    uint32_t count = hub->conn_count;
    hub_sweep(hub);
    return hub->conn_count < count;
}

/* ---- who comes ---- */

/* Of which user; UINT32_MAX: that cannot be known. */
static uint32_t uid_of(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.uid : UINT32_MAX;
}

static bool is_owner(uint32_t uid)
{
    return uid != UINT32_MAX && (uid == geteuid() || uid == 0);
}

static bool is_reserved(int fd)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 && (rlim_t)fd + HUB_RESERVE_FDS >= files.rlim_cur;
}

static void note(struct hub *hub, const char *text)
{
    hub->handler.note(hub->handler.user, text);
}

/* Told why and hung up on; the reference and the purse are taken. */
static void refuse(struct hub *hub, int fd, struct hub_message *reason, struct hub_purse *purse)
{
    struct hub_queue out;
    hub_queue_init(&out, hub->heap);
    hub_queue_end(&out, reason);
    hub_message_unref(reason);
    enum jit_err err = hub_queue_send(&out, fd);
    (void)err; /* then it is gone already */
    hub_queue_release(&out);
    close(fd);
    if (purse != NULL) {
        hub_purse_leave(purse);
    }
}

static void refuse_full(struct hub *hub, int fd, const char *why, struct hub_purse *purse)
{
    refuse(hub, fd, hub_reason(hub, "full", why), purse);
    if (!hub->said_full) {
        hub->said_full = true;
        note(hub, why);
    }
}

static void refuse_starved(struct hub *hub, int fd, struct hub_purse *purse)
{
    refuse(hub, fd, hub_message_ref(hub->starved), purse);
    hub_note_starved(hub);
}

/* Trying again at once would find the same, for ever: wait until a connection ends, or a while. */
static void pause_accept(struct hub *hub, int error)
{
    char text[160];
    if (!hub->said_full) {
        snprintf(text, sizeof text, "no client can be accepted: %s; tried again every second",
                 strerror(error));
        note(hub, text);
    }
    hub->said_full = true;
    hub->paused_until = hub_now_ns() + HUB_PAUSE_NS;
}

/* purse: a guest's, NULL: it is none; taken. */
static void enter(struct hub *hub, int fd, struct hub_purse *purse)
{
    struct hub_conn *conn = jit_heap_zalloc(hub->heap, 1, sizeof *conn);
    const bool guest = purse != NULL;
    if (conn == NULL) {
        refuse_starved(hub, fd, purse);
        return;
    }
    conn->hub = hub;
    conn->fd = fd;
    conn->guest = guest;
    conn->purse = purse;
    conn->heard_ns = hub->now_ns;
    conn->number = hub->numbers++;
    jit_buf_init(&conn->in, hub->heap,
                 (guest ? HUB_GUEST_FRAME_MAX : HUB_FRAME_BYTES_MAX) + 4 + HUB_READ_BYTES);
    hub_queue_init(&conn->out, hub->heap);
    if (shell_loop_add(hub->loop, fd, hub_conn_ready, conn, &conn->watch) != JIT_OK) {
        refuse_starved(hub, fd, purse);
        hub->heap->free(hub->heap, conn);
        return;
    }
    hub->conns[hub->conn_count++] = conn;
    hub->guest_count += guest;
    hub->said_full = false;
    hub_rearm(conn);
}

/* A place for somebody of this door: there is one, or somebody makes way. */
static bool has_place(struct hub *hub, bool guest)
{
    bool full =
        hub->conn_count == HUB_CONNECTIONS_MAX || (guest && hub->guest_count >= HUB_GUESTS_MAX);
    return !full || make_way(hub, guest);
}

static void admit(struct hub *hub, int fd, uint32_t uid, bool guest)
{
    struct hub_purse *purse = NULL;
    const char *why = NULL;
    if (guest) {
        purse = hub_strangers_purse(hub, uid);
        /* Who has spent it comes in all the same, and is not heard before it has filled. */
        hub_purse_pay(purse, hub_purse_is_open(purse) ? HUB_COST_CONNECT : 0);
        hub_purse_pay(&hub->together, HUB_COST_CONNECT);
        hub_purse_pay(&hub->coming, HUB_COST_CONNECT);
        hub->round -= HUB_COST_CONNECT;
    }
    if (is_reserved(fd)) {
        why = "no descriptors are left for more clients: end one, or raise ulimit -n";
    } else if (!has_place(hub, guest)) {
        why = "as many clients as there may be are connected: end one";
    } else {
        enter(hub, fd, purse);
        return;
    }
    refuse_full(hub, fd, why, purse);
}

static void let_in(struct hub_door *door)
{
    struct hub *hub = door->hub;
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    door->knocked = false;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        pause_accept(hub, errno);
        return;
    }
    shell_loop_arm(hub->loop, door->watch, POLLIN);
    if (fd < 0) {
        return;
    }
    uint32_t uid = uid_of(fd);
    if (door->guests || is_owner(uid)) {
        admit(hub, fd, uid, door->guests);
    } else {
        close(fd);
    }
}

void hub_accept_ready(void *user, uint32_t revents)
{
    struct hub_door *door = user;
    (void)revents;
    if (door->guests) {
        door->knocked = true; /* let in when it is the guests' turn */
    } else {
        let_in(door);
    }
}

bool hub_door_serve(struct hub_door *door)
{
    struct hub *hub = door->hub;
    bool turn =
        door->knocked && hub_purse_is_open(&hub->together) && hub_purse_is_open(&hub->coming);
    if (turn) {
        let_in(door);
    }
    return turn;
}

void hub_resume(struct hub *hub)
{
    if (hub->paused_until == 0) {
        return;
    }
    hub->paused_until = 0;
    for (size_t i = 0; i < 2; i++) {
        if (hub->doors[i].fd >= 0 && !hub->doors[i].knocked) {
            shell_loop_arm(hub->loop, hub->doors[i].watch, POLLIN);
        }
    }
}

/* ---- the sockets ---- */

/* Bound through the folder's descriptor: its path may be longer than a socket's may. */
int hub_listen_in(int dir_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/hub.sock", dir_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (unlinkat(dir_fd, "hub.sock", 0) != 0 && errno != ENOENT) {
        close(fd);
        return -1;
    }
    mode_t old = umask(0177);
    int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(old);
    if (bound != 0 || listen(fd, 16) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int hub_guests_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat there;
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    /* A socket that nobody listens on any more, and no other file. */
    if (lstat(path, &there) == 0 && S_ISSOCK(there.st_mode) && there.st_uid == geteuid() &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
        errno == ECONNREFUSED) {
        unlink(path);
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0666) != 0 || listen(fd, 16) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}
