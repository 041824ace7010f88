/* tests/sim/jitos_sim.c - jitos-sim: universes by their seeds, for a long night or for the one that
 * failed. Exit code 0: all held; 1: one did not, and the line says how to repeat it; 2: usage. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/universe.h"

static const char help[] =
    "usage: jitos-sim [--seed N] [--seeds COUNT] [--ticks M]\n"
    "Runs the whole system in one thread, with kills, stalls, torn disks, hostile memory, refused\n"
    "memory and full disks drawn from the seed, and checks after each tick that nothing is lost.\n"
    "  --seed N       the first seed (default 1)\n"
    "  --seeds COUNT  so many seeds, one after another (default 1)\n"
    "  --ticks M      ticks of each (default 24, at most 4095)\n"
    "Example: jitos-sim --seed 1 --seeds 1000\n";

static bool number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9';
}

static int usage(const char *what)
{
    fprintf(stderr, "jitos-sim: %s; try: jitos-sim --help\n", what);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"seeds", required_argument, NULL, 'n'},
                                            {"ticks", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    uint64_t seed = 1;
    uint64_t seeds = 1;
    uint64_t ticks = 24;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t *to = c == 's' ? &seed : c == 'n' ? &seeds : &ticks;
        if (c == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (c == '?' || !number(optarg, to)) {
            return usage(c == '?' ? "unknown option" : "not a number");
        }
    }
    if (optind != argc || ticks == 0 || ticks >= UNIVERSE_TICKS_MAX) {
        return usage(optind != argc ? "it takes no arguments" : "--ticks is 1 to 4095");
    }
    struct universe_count count = {0};
    bool tell = seeds > 100 && isatty(STDERR_FILENO);
    char what[512];
    for (uint64_t i = 0; i < seeds; i++) {
        const struct universe_options universe = {.seed = seed + i, .ticks = ticks};
        if (!universe_run(&universe, &count, what, sizeof what)) {
            printf("seed %" PRIu64 ": %s\nrepeat: jitos-sim --seed %" PRIu64 " --ticks %" PRIu64
                   "\n",
                   seed + i, what, seed + i, ticks);
            return 1;
        }
        if (tell && (i + 1) % 100 == 0) {
            fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds", i + 1, seeds);
        }
    }
    if (tell) {
        fputc('\n', stderr);
    }
    universe_print(&count);
    return 0;
}
