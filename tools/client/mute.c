#include "tools/client/mute.h"

#include <stdio.h>
#include <string.h>

#define EVERY_MS  5000
#define MORE      4u /* times longer is each silence that is told of than the one before */
#define SAID_MOST 4u /* times in one silence */

/* As the kernel has it: 'S' sleeps, 'T' is stopped; '?' when it cannot be seen from here. */
static char state_of(pid_t pid)
{
    char path[64];
    char text[512]; /* the name before it has at most 64 bytes */
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    return at != NULL && at[1] == ' ' ? at[2] : '?';
}

static void say(struct cli *cli, const char *where, pid_t pid, char state, uint64_t silent_ms)
{
    char who[64] = "";
    if (pid > 0) {
        snprintf(who, sizeof who, " (process %d%s)", (int)pid,
                 state == 'T'   ? ", stopped"
                 : state == 't' ? ", stopped by a debugger"
                                : "");
    }
    cli_warn(cli, "the supervisor of %s%s has not answered for %llu s", where, who,
             (unsigned long long)(silent_ms / 1000u));
    if (state == 'T') {
        cli_warn(cli, "  next: kill -CONT %d, or Ctrl-C to stop waiting", (int)pid);
    } else {
        cli_warn(cli, "  next: it may be busy; Ctrl-C to stop waiting");
    }
}

static void silent(void *user, const struct hub_client *client, uint64_t waited_ms)
{
    struct mute *mute = user;
    pid_t pid = hub_client_server(client);
    char state = state_of(pid);
    if (waited_ms <= EVERY_MS) { /* another wait */
        mute->heard_ms = 0;
        mute->said = 0;
    }
    if (mute->news_only && state != 'T' && state != 't') {
        mute->heard_ms = waited_ms;
        mute->said = 0;
        return;
    }
    uint64_t silent_ms = waited_ms - mute->heard_ms;
    if (mute->said < SAID_MOST && (mute->said == 0 || silent_ms >= mute->said_ms * MORE)) {
        say(mute->cli, mute->where, pid, state, silent_ms);
        mute->said_ms = silent_ms;
        mute->said++;
    }
}

void mute_init(struct mute *mute, struct cli *cli, const char *where)
{
    *mute = (struct mute){
        .watch = {.every_ms = EVERY_MS, .silent = silent}, .cli = cli, .where = where};
    mute->watch.user = mute;
}
