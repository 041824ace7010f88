/* kernel/hub/hub_priv.h - shared by hub.c (life), hub_conn.c (connections), hub_door.c (who comes)
 * and hub_guest.c (guests' turns). Layer: kernel (shell). */
#ifndef JIT_KERNEL_HUB_PRIV_H
#define JIT_KERNEL_HUB_PRIV_H

#include "kernel/hub/hub.h"
#include "kernel/hub/hub_purse.h"

#define HUB_READ_BYTES   (64u << 10) /* at a time */
#define HUB_STARVED_CODE "memory"
#define HUB_STARVED_TEXT "the supervisor had no memory for what you asked; connect and ask again"

struct hub_conn {
    struct hub *hub;
    int fd;
    uint64_t watch;
    uint64_t number;   /* older ones have smaller ones */
    uint64_t heard_ns; /* when it last said something whole, or came */
    uint32_t mark;
    uint32_t owed; /* answers that are still to come */
    bool greeted;
    bool guest;
    bool finishing; /* nothing more is taken or queued; it ends when all is sent */
    bool ended;     /* the peer has ended its side */
    bool dead;      /* swept when nothing works on connections any more */
    /* Of a guest: */
    bool readable; /* there is something to read when its turn comes */
    bool shown;    /* what it draws on is not a stranger's purse any more */
    struct hub_purse *purse;
    const char *leaves_code; /* who has to go as soon as it is owed nothing; NULL: it need not */
    const char *leaves_text;
    struct jit_buf in;
    size_t taken; /* bytes of in: frames before it have been taken */
    struct hub_queue out;
};

struct hub_door {
    struct hub *hub;
    int fd; /* -1: it is not there */
    uint64_t watch;
    bool guests;
    bool knocked; /* of guests: somebody waits to be let in */
};

struct hub {
    struct jit_heap *heap;
    struct shell_loop *loop;
    struct hub_handler handler;
    int dir_fd;
    struct hub_door doors[2]; /* the owner's, the guests' */
    uint64_t numbers;
    uint64_t paused_until; /* accept() had no descriptor; 0: it is watched */
    bool said_full;
    bool said_starved;
    struct hub_message *starved; /* made before it is needed: that there is no memory */
    uint32_t busy;               /* connections are in use on the stack: no sweep */
    uint32_t conn_count;
    uint32_t guest_count; /* of them */
    struct hub_conn *conns[HUB_CONNECTIONS_MAX];
    /* Guests: */
    uint64_t now_ns;           /* as of the last round */
    uint32_t turn;             /* of conns: who was served last */
    int64_t round;             /* units left of this round */
    struct hub_purse together; /* what all of them may cost, */
    struct hub_purse coming;   /* and of that, coming in: nobody is known before he is in */
    struct hub_purses purses;
};

/* hub.c */
uint64_t hub_now_ns(void);
void hub_sweep(struct hub *hub);
/* Why somebody is hung up on, one reference; without memory for that: that there is none. */
struct hub_message *hub_reason(struct hub *hub, const char *code, const char *text);
void hub_note_starved(struct hub *hub); /* for the operator; not a line for each */

/* hub_conn.c */
/* Told why and hung up on; what waits for it is forgotten. */
void hub_drop(struct hub_conn *conn, const char *code, const char *text);
void hub_flush(struct hub_conn *conn);
void hub_rearm(struct hub_conn *conn);
/* Read what is there, once. True: something came. */
bool hub_read_more(struct hub_conn *conn);
/* Is the next frame whole, or too large to wait for? */
bool hub_has_frame(const struct hub_conn *conn);
/* Take the next frame, if it is whole, and act on it. True: *size is what it had. */
bool hub_take_frame(struct hub_conn *conn, uint32_t *size);
/* The frames that were taken need no memory any more. */
void hub_compact(struct hub_conn *conn);
void hub_conn_ready(void *user, uint32_t revents); /* a hub_conn */
void hub_conn_free(struct hub_conn *conn);

/* hub_door.c */
void hub_accept_ready(void *user, uint32_t revents); /* a hub_door */
/* Let somebody in who has knocked, if it is so and what there is for that is not spent; true: that
 * was tried. */
bool hub_door_serve(struct hub_door *door);
/* accept() is tried again. */
void hub_resume(struct hub *hub);
int hub_listen_in(int dir_fd); /* hub.sock; -1: errno says why */

/* hub_guest.c */
/* The purse of a user who has shown nothing; with one more user. */
struct hub_purse *hub_strangers_purse(struct hub *hub, uint32_t uid);
/* Fill the purses. Returns when there is something to do. */
uint64_t hub_guests_work(struct hub *hub, uint64_t now_ns);

#endif
