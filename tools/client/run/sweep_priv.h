/* tools/client/run/sweep_priv.h - a sweep at work, shared by its files. Layer: tools. */
#ifndef JIT_TOOLS_CLIENT_RUN_SWEEP_PRIV_H
#define JIT_TOOLS_CLIENT_RUN_SWEEP_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "tools/client/run/sweep_plan.h"

#define MEASURES_MAX 32u
#define JOBS_MAX     64u
#define PATH_SIZE    4600u
#define TAIL_BYTES   65536u

struct sweep {
    struct cli *cli;
    const char *file;
    const char *out;
    char program[4096]; /* ourselves */
    struct sweep_plan plan;
    const char *measures[MEASURES_MAX];
    uint32_t measure_count;
    json_t **rows; /* of each run; NULL: not yet */
    uint64_t done;
    uint64_t failed;
    FILE *journal;
    int lock_fd;
    struct cli_progress progress;
    int code; /* of the sweep itself */
};

/* ---- sweep.c ---- */
void sweep_path(const struct sweep *s, uint64_t run, const char *end, char path[PATH_SIZE]);
int sweep_host_failed(struct sweep *s, const char *path);

/* ---- sweep_row.c ---- */
/* *said: where its messages go; sweep_row reads and closes it. */
pid_t sweep_start(struct sweep *s, uint64_t run, int *said);
json_t *sweep_row(struct sweep *s, uint64_t run, int code, int said);
bool sweep_row_good(const json_t *row);
/* Appended and synced: from now on the run has a row whatever happens. */
int sweep_row_keep(struct sweep *s, uint64_t run, json_t *row);
/* Rows of an earlier try. A last line that was cut off is none. */
int sweep_rows_read(struct sweep *s);

/* ---- sweep_result.c ---- */
void sweep_put_csv(const struct sweep *s, FILE *stream);
void sweep_put_ndjson(const struct sweep *s, FILE *stream);
int sweep_result_write(struct sweep *s, const char *name,
                       void (*put)(const struct sweep *s, FILE *stream));

#endif
