/* tools/client/temporary.h - a folder that does not outlive its program, however the program ends:
 * what `jitos run` without --data and `jitos demo` without --keep work in. Layer: tools. */
#ifndef JIT_TOOLS_TEMPORARY_H
#define JIT_TOOLS_TEMPORARY_H

#include <stdbool.h>
#include <sys/types.h>

struct temporary {
    char path[256];
    pid_t keeper; /* the process that removes it; -1: there is none */
    int alive;    /* the keeper waits for the end of this pipe */
};

/* Make PREFIX-XXXXXX in `parent`, or in /var/tmp when that is NULL or empty. False: errno says why,
 * and path holds what was tried. To be called before a thread or another process is started: what
 * inherits the pipe, as a supervisor does, is waited for before the folder goes. */
bool temporary_make(struct temporary *folder, const char *parent, const char *prefix);

/* Remove it with everything in it, and wait until it is gone. Not called, because the program was
 * killed or interrupted, the same happens when all who work in it have ended. */
void temporary_remove(struct temporary *folder);

#endif
