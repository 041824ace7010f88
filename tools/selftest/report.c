#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/selftest/selftest.h"

#define EXIT_HELD    0
#define EXIT_THROUGH 1
#define EXIT_NO_CAGE 125

struct listener {
    bool json;
    enum selftest_profile profile;
    enum selftest_layers layers;
    bool told;
};

/* Names are of the tables and texts of ours: only quotes are to be escaped. */
static void put_escaped(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar(*text);
    }
}

static void tell(void *user, const struct attack *row, const char *what)
{
    struct listener *l = user;
    l->told = true;
    if (!l->json) {
        (void)printf("  GOT THROUGH (%s, %s): case %u %s: %s\n", selftest_layer_names[l->layers],
                     selftest_profile_names[l->profile], row->number, row->name, what);
        return;
    }
    (void)printf("{\"layers\":\"%s\",\"profile\":\"%s\",\"case\":%u,\"attack\":\"",
                 selftest_layer_names[l->layers], selftest_profile_names[l->profile], row->number);
    put_escaped(row->name);
    (void)printf("\",\"what\":\"");
    put_escaped(what);
    (void)printf("\"}\n");
}

static void put_tally(const struct listener *l, const struct selftest_tally *t)
{
    const char *layers = selftest_layer_names[l->layers];
    const char *profile = selftest_profile_names[l->profile];
    if (l->json) {
        (void)printf("{\"layers\":\"%s\",\"profile\":\"%s\",\"tried\":%u,\"stopped\":%u,"
                     "\"harmless\":%u,\"through\":%u}\n",
                     layers, profile, t->tried, t->stopped, t->harmless, t->through);
    } else {
        (void)printf("%-13s %-8s %6u %8u %9u %12u\n", layers, profile, t->tried, t->stopped,
                     t->harmless, t->through);
    }
    (void)fflush(stdout);
}

/* All combinations; false: something got through, or the attacks could not be run. */
static bool run_all(struct selftest *test, struct listener *l)
{
    bool good = true;
    for (int i = 0; i < SELFTEST_LAYERS * SELFTEST_PROFILES; i++) {
        struct selftest_tally tally = {0};
        l->layers = (enum selftest_layers)(i / SELFTEST_PROFILES);
        l->profile = (enum selftest_profile)(i % SELFTEST_PROFILES);
        enum jit_err err = selftest_run(test, l->profile, l->layers, &tally);
        put_tally(l, &tally);
        good = good && err == JIT_OK && tally.through == 0 && !l->told;
    }
    return good;
}

static int say_no_cage(const char *what, const char *why, bool json)
{
    if (json) {
        (void)printf("{\"held\":false,\"error\":\"");
        put_escaped(what);
        (void)printf(": ");
        put_escaped(why);
        (void)printf("\"}\n");
    } else {
        (void)fprintf(stderr,
                      "jitosd: %s\n  why:  %s\n  next: jitosd --check says what is missing "
                      "and how to get it\n",
                      what, why);
    }
    return EXIT_NO_CAGE;
}

int selftest_report(const char *attacker_path, bool json)
{
    static struct host_probe probe;
    static struct selftest test;
    struct host_loader attacker = HOST_LOADER_NONE;
    struct listener listener = {.json = json};
    char message[512];
    const char *why = NULL;
    host_probe(&probe);
    host_probe_print(&probe, stdout, json);
    if (host_probe_check(&probe, message, sizeof message) != JIT_OK) {
        return say_no_cage("no worker can be started here", message, json);
    }
    enum jit_err err = host_loader_open(attacker_path, &attacker, &why);
    if (err != JIT_OK) {
        return say_no_cage(attacker_path, why != NULL ? why : jit_err_text(err), json);
    }
    if (!json) {
        (void)printf("\n%-13s %-8s %6s %8s %9s %12s\n", "layers", "profile", "tried", "stopped",
                     "harmless", "got through");
    }
    err = selftest_open(&probe, &attacker, &test, message, sizeof message);
    test.tell = tell;
    test.user = &listener;
    bool good = err == JIT_OK && run_all(&test, &listener);
    selftest_close(&test);
    host_loader_close(&attacker);
    if (err != JIT_OK) {
        return say_no_cage("the self test could not be made ready", message, json);
    }
    if (json) {
        (void)printf("{\"held\":%s,\"user\":\"%s\",\"grade\":\"%s\"}\n", good ? "true" : "false",
                     geteuid() == 0 ? "root" : "ordinary", probe.grade);
    } else {
        (void)printf(
            "\nharmless: what a worker may do to itself, and with seccomp off the parts of "
            "the kernel that no\nother layer guards; nobody else notices.\n%s\n",
            good ? "The sandbox holds." : "The sandbox does NOT hold.");
    }
    return good ? EXIT_HELD : EXIT_THROUGH;
}
