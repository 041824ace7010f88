/* tools/jitosd.c - the supervisor's program: options, signals, first and last words. The work is in
 * kernel/supervisor.c. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/whole.h"
#include "base/check.h"
#include "kernel/supervisor.h"
#include "tools/selftest/selftest.h"

#ifndef JIT_LOADER_PATH
#error "the build says where the workers' program is installed"
#endif
#ifndef JIT_ATTACKER_PATH
#error "and where the one that attacks is"
#endif

struct arguments {
    struct shell_supervisor_options options;
    const char *require[32];
    size_t require_count;
    int ready_fd;
    bool check;
    bool json;
    bool private_run;
    bool quiet;
};

static const char usage[] =
    "usage: jitosd --data DIR [options]      hold a system and serve its hub\n"
    "       jitosd --check [--json]          can this machine lock workers in?\n"
    "       jitosd sandbox --selftest [--json]   attack the sandbox from inside, layer by layer\n"
    "\n"
    "  --data DIR              the data folder; made if it is not there\n"
    "  --durability MODE       tick (default), group or none: when a tick counts as done\n"
    "  --segment-bytes N       size of new log segments (default 67108864)\n"
    "  --jobs N                engine threads\n"
    "  --require NAME          refuse to start where this mechanism is missing (jitosd --check\n"
    "                          lists them); may be given several times\n"
    "  --loader FILE           the workers' program\n"
    "  --hang-cpu SECONDS      CPU time a worker may use in one tick (default 10)\n"
    "  --hang-wall SECONDS     wall time it may take, as the last resort (default 60)\n"
    "  --checkpoint-ticks N    write a checkpoint at least every N ticks (default 1000; 0: never)\n"
    "  --checkpoint-bytes N    and every N bytes of log (default 67108864; 0: never)\n"
    "  --guests PATH           let in whoever shows a token, through a socket made there\n"
    "  --die-at-log-offset B   for tests: kill this process in the middle of a log write, when\n"
    "                          byte B of what it writes to the log is reached\n"
    "  --no-uring              do not use io_uring for the event loop\n"
    "  --check                 try every mechanism of the sandbox and report\n"
    "  --json                  with --check: one JSON object a line\n"
    "  -q, --quiet             no notes, errors only\n"
    "  -h, --help              this text\n"
    "      --version           print the version\n"
    "\n"
    "sandbox --selftest tries every attack of its list in real workers, with all layers on, with\n"
    "seccomp off and with Landlock off, and looks at what came of it.\n"
    "Exit codes: 0 yes, it holds; 1 something got through; 2 usage; 125 no worker can be started.\n"
    "\n"
    "Examples:\n"
    "  jitosd --check\n"
    "  jitosd sandbox --selftest\n"
    "  jitosd --data run1\n"
    "  jitosd --data run1 --require landlock6 --durability group\n";

static int complain(const char *what, const char *why, const char *next)
{
    fprintf(stderr, "jitosd: %s\n  why:  %s\n  next: %s\n", what, why, next);
    return 2;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        return false;
    }
    *out = value;
    return true;
}

enum option_id {
    OPTION_DATA = 256,
    OPTION_DURABILITY,
    OPTION_SEGMENT,
    OPTION_JOBS,
    OPTION_REQUIRE,
    OPTION_LOADER,
    OPTION_HANG,
    OPTION_HANG_WALL,
    OPTION_DIE,
    OPTION_CHECKPOINT_TICKS,
    OPTION_CHECKPOINT_BYTES,
    OPTION_GUESTS,
    OPTION_READY,
    OPTION_CHECK,
    OPTION_JSON,
    OPTION_NO_URING,
    OPTION_PRIVATE,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"data", required_argument, NULL, OPTION_DATA},
    {"durability", required_argument, NULL, OPTION_DURABILITY},
    {"segment-bytes", required_argument, NULL, OPTION_SEGMENT},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"require", required_argument, NULL, OPTION_REQUIRE},
    {"loader", required_argument, NULL, OPTION_LOADER},
    {"hang-cpu", required_argument, NULL, OPTION_HANG},
    {"hang-wall", required_argument, NULL, OPTION_HANG_WALL},
    {"die-at-log-offset", required_argument, NULL, OPTION_DIE},
    {"checkpoint-ticks", required_argument, NULL, OPTION_CHECKPOINT_TICKS},
    {"checkpoint-bytes", required_argument, NULL, OPTION_CHECKPOINT_BYTES},
    {"guests", required_argument, NULL, OPTION_GUESTS},
    {"ready-fd", required_argument, NULL, OPTION_READY},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"json", no_argument, NULL, OPTION_JSON},
    {"no-uring", no_argument, NULL, OPTION_NO_URING},
    {"private", no_argument, NULL, OPTION_PRIVATE},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static bool parse_durability(const char *text, enum log_durability *out)
{
    static const char *const names[] = {"tick", "group", "none"};
    static const enum log_durability values[] = {LOG_DURABILITY_TICK, LOG_DURABILITY_GROUP,
                                                 LOG_DURABILITY_NONE};
    assert(text != NULL); /* the option requires one */
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = values[i];
            return true;
        }
    }
    return false;
}

/* The options that are numbers, what they may be, and where they go. */
static const struct number_option {
    int option;
    uint64_t min, max, step;
    const char *name, *what, *example;
} number_options[] = {
    {OPTION_SEGMENT, LOG_SEGMENT_BYTES_MIN, LOG_SEGMENT_BYTES_MAX, LOG_BLOCK_BYTES,
     "--segment-bytes", "it is a multiple of 4096 from 16384 to 4294967296",
     "--segment-bytes 67108864"},
    {OPTION_JOBS, 1, 256, 1, "--jobs", "it is a number from 1 to 256", "--jobs 2"},
    {OPTION_HANG, 1, 86400, 1, "--hang-cpu", "it is a number of seconds from 1 to 86400",
     "--hang-cpu 10"},
    {OPTION_HANG_WALL, 1, 86400, 1, "--hang-wall", "it is a number of seconds from 1 to 86400",
     "--hang-wall 60"},
    {OPTION_DIE, 0, UINT64_MAX, 1, "--die-at-log-offset", "it is a number of bytes",
     "--die-at-log-offset 100000"},
    {OPTION_CHECKPOINT_TICKS, 0, UINT64_MAX, 1, "--checkpoint-ticks", "it is a number of ticks",
     "--checkpoint-ticks 1000"},
    {OPTION_CHECKPOINT_BYTES, 0, UINT64_MAX, 1, "--checkpoint-bytes", "it is a number of bytes",
     "--checkpoint-bytes 67108864"},
    {OPTION_READY, 0, 1023, 1, "--ready-fd", "it is a descriptor's number", "jitosd --help"},
};

static void put_number(struct arguments *a, int option, uint64_t number)
{
    switch (option) {
    case OPTION_SEGMENT:
        a->options.segment_bytes = number;
        break;
    case OPTION_JOBS:
        a->options.jobs = (unsigned)number;
        break;
    case OPTION_HANG:
        a->options.hang_cpu_ns = number * 1000000000u;
        break;
    case OPTION_HANG_WALL:
        a->options.hang_wall_ns = number * 1000000000u;
        break;
    case OPTION_DIE:
        a->options.die_at_log_offset = number;
        break;
    case OPTION_CHECKPOINT_TICKS:
        a->options.checkpoint_ticks = number;
        break;
    case OPTION_CHECKPOINT_BYTES:
        a->options.checkpoint_bytes = number;
        break;
    default:
        assert(option == OPTION_READY);
        a->ready_fd = (int)number;
        break;
    }
}

/* 0, or the exit code of a complaint. */
static int take_number(struct arguments *a, const struct number_option *row, const char *value)
{
    uint64_t number = 0;
    assert(value != NULL); /* each of them requires one */
    if (!parse_number(value, &number) || number < row->min || number > row->max ||
        number % row->step != 0) {
        return complain(row->name, row->what, row->example);
    }
    put_number(a, row->option, number);
    return 0;
}

/* One option that is no number, found in word; 0, or the exit code of a complaint. */
static int take_word(struct arguments *a, int option, const char *value, const char *word)
{
    switch (option) {
    case OPTION_DATA:
        a->options.data = value;
        return 0;
    case OPTION_DURABILITY:
        return parse_durability(value, &a->options.durability)
                   ? 0
                   : complain("--durability", "it is tick, group or none", "--durability tick");
    case OPTION_REQUIRE:
        if (a->require_count == sizeof a->require / sizeof *a->require) {
            return complain("--require", "it was given too often", "jitosd --check");
        }
        a->require[a->require_count++] = value;
        return 0;
    case OPTION_LOADER:
        a->options.loader = value;
        return 0;
    case OPTION_GUESTS:
        a->options.guests = value;
        return 0;
    case OPTION_CHECK:
        a->check = true;
        return 0;
    case OPTION_JSON:
        a->json = true;
        return 0;
    case OPTION_NO_URING:
        a->options.uring = false;
        return 0;
    case OPTION_PRIVATE:
        a->private_run = true;
        return 0;
    case 'q':
        a->quiet = true;
        return 0;
    default:
        assert(option == '?' || option == ':');
        return complain(word,
                        option == ':' ? "this option needs a value" : "there is no such option",
                        "jitosd --help");
    }
}

static int take_option(struct arguments *a, int option, const char *value, const char *word)
{
    for (size_t i = 0; i < sizeof number_options / sizeof *number_options; i++) {
        if (number_options[i].option == option) {
            return take_number(a, &number_options[i], value);
        }
    }
    return take_word(a, option, value, word);
}

/* What was to be told on standard output is an answer when it is there. */
static int told(int code)
{
    const bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (!lost || code > 1) {
        return code;
    }
    fprintf(stderr, "jitosd: cannot write the output: %s\n", strerror(errno));
    return 8;
}

static int parse(int argc, char **argv, struct arguments *a)
{
    for (;;) {
        const char *word = argv[optind < argc ? optind : argc - 1];
        int option = getopt_long(argc, argv, ":hq", long_options, NULL); /* : the words are ours */
        if (option == -1) {
            break;
        }
        if (option == 'h') {
            fputs(usage, stdout);
            exit(told(0));
        }
        if (option == OPTION_VERSION) {
            puts("jitosd " PACKAGE_VERSION);
            exit(told(0));
        }
        int code = take_option(a, option, optarg, word);
        if (code != 0) {
            return code;
        }
    }
    if (optind < argc) {
        return complain(argv[optind], "jitosd takes options only", "jitosd --help");
    }
    return a->check || a->options.data != NULL
               ? 0
               : complain("no data folder", "jitosd holds the state of one folder",
                          "jitosd --data DIR");
}

/* Signals become a descriptor, before any thread starts. */
static int signal_descriptor(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return -1;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is like a full disk: the write says so */
    signal(SIGCHLD, SIG_DFL); /* ignored, as a parent may leave it, no worker's status is kept */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A worker takes several descriptors, and the usual soft limit is for programs that use select. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* a worker that gets none says so */
    }
}

/* In the tree a worker's program lies beside its sources, installed in the package's own folder;
 * in a tree of installed files that was moved or staged, beside us. */
struct program {
    const char *in_tree; /* from our folder */
    const char *installed;
};
static const struct program loader_program = {"../proc/guest/jitos-loader", JIT_LOADER_PATH};
static const struct program attacker_program = {"selftest/jitos-attacker", JIT_ATTACKER_PATH};

static const char *find_program(const struct program *program, char *space, size_t size)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
        snprintf(space, size, "%.3900s/%s", self, program->in_tree);
        if (access(space, R_OK) == 0) {
            return space;
        }
        snprintf(space, size, "%.3900s/../libexec/" PACKAGE "%s", self,
                 strrchr(program->in_tree, '/'));
        if (access(program->installed, R_OK) != 0 && access(space, R_OK) == 0) {
            return space;
        }
    }
    return program->installed;
}

static void say_recovered(const struct shell_system *system, uint64_t run_again)
{
    const struct log_report *report = &system->report;
    if (report->created || !shell_system_ready(system)) {
        return;
    }
    if (system->skipped[0] != '\0') {
        fprintf(stderr, "jitosd: a checkpoint does not verify and was passed over: %s\n",
                system->skipped);
    }
    if (system->from != NULL) {
        fprintf(stderr,
                "jitosd: recovered tick %llu from the checkpoint of tick %llu and the log, every "
                "root compared\n",
                (unsigned long long)system->replay.tick, (unsigned long long)system->from->tick);
    } else {
        fprintf(stderr, "jitosd: recovered %llu ticks from the log, every root compared\n",
                (unsigned long long)(report->tick_end - 1));
    }
    if (run_again > 0) {
        fprintf(
            stderr,
            "jitosd: processes with `replay rerun` were run again over %llu ticks, every request "
            "and graph compared\n",
            (unsigned long long)run_again);
    }
    if (report->torn) {
        fprintf(stderr,
                "jitosd: the last write was torn: %llu bytes at byte %llu of %s: %s; "
                "erased, nothing acknowledged is lost\n",
                (unsigned long long)report->torn_bytes, (unsigned long long)report->at.offset,
                report->at.file, report->why);
    }
}

static int exit_code(enum jit_err err)
{
    switch (err) {
    case JIT_ECORRUPT:
    case JIT_EVERSION:
        return 5;
    case JIT_EDIVERGED:
        return 6;
    case JIT_ENOTSUP:
        return 125;
    case JIT_EAGAIN:
        return 128 + SIGTERM; /* told to end before it was ready to be asked anything */
    case JIT_EBUSY:
    case JIT_EFORMAT:
    case JIT_ENOENT:
    case JIT_EPERM:
        return 2;
    default:
        return 8;
    }
}

static int serve(struct arguments *a)
{
    char message[1024] = "";
    struct shell_supervisor *supervisor = NULL;
    int stop_fd = signal_descriptor();
    a->options.stop_fd = stop_fd;
    raise_files();
    if (stop_fd < 0) {
        fprintf(stderr, "jitosd: signals cannot be received: %s\n", strerror(errno));
        return 8;
    }
    if (a->private_run) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a private supervisor ends with its tool */
    }
    enum jit_err err =
        shell_supervisor_new(jit_heap_libc(), &a->options, &supervisor, message, sizeof message);
    if (err == JIT_ENOENT && access(a->options.loader, F_OK) != 0) {
        snprintf(message, sizeof message, "the workers' program is missing: %.900s",
                 a->options.loader);
        return complain(message,
                        "it is looked for beside jitosd, in its source tree or its prefix, and "
                        "where it was to be installed",
                        "jitosd --loader FILE, or make install");
    }
    if (err != JIT_OK) {
        fprintf(stderr, "jitosd: %s\n", message[0] != '\0' ? message : jit_err_text(err));
        return exit_code(err);
    }
    if (!a->quiet) {
        say_recovered(shell_supervisor_system(supervisor), shell_supervisor_run_again(supervisor));
    }
    if (a->ready_fd >= 0) {
        bool heard = write(a->ready_fd, "r", 1) == 1;
        close(a->ready_fd);
        if (!heard && !a->private_run) {
            fprintf(stderr, "jitosd: nobody waits on descriptor %d\n", a->ready_fd);
        }
        if (!heard && a->private_run) { /* its tool died before it could be asked to signal that */
            shell_supervisor_free(supervisor);
            return 8;
        }
    }
    int code = shell_supervisor_run(supervisor);
    shell_supervisor_free(supervisor);
    close(stop_fd);
    return code;
}

/* jitosd sandbox --selftest [--json] */
static int sandbox(int argc, char **argv)
{
    char attacker[4200];
    bool selftest = false;
    bool json = false;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return told(0);
        }
        if (strcmp(argv[i], "--selftest") == 0) {
            selftest = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else {
            return complain(argv[i], "there is no such option", "jitosd sandbox --selftest");
        }
    }
    if (!selftest) {
        return complain("sandbox", "nothing is to be done", "jitosd sandbox --selftest");
    }
    return told(selftest_report(find_program(&attacker_program, attacker, sizeof attacker), json));
}

int main(int argc, char **argv)
{
    static struct host_probe probe;
    char loader[4200];
    struct arguments a = {
        .options = {.die_at_log_offset = UINT64_MAX,
                    .jobs = 1,
                    .hang_cpu_ns = 10000000000u,
                    .hang_wall_ns = 60000000000u,
                    .checkpoint_ticks = 1000,
                    .checkpoint_bytes = 64u << 20,
                    .probe = &probe,
                    .uring = true},
        .ready_fd = -1,
    };
    jit_standard_files_hold();
    if (argc > 1 && strcmp(argv[1], "sandbox") == 0) {
        return sandbox(argc, argv);
    }
    int code = parse(argc, argv, &a);
    if (code != 0) {
        return code;
    }
    if (a.options.loader == NULL) {
        a.options.loader = find_program(&loader_program, loader, sizeof loader);
    }
    host_probe(&probe);
    for (size_t i = 0; i < a.require_count; i++) {
        if (host_probe_require(&probe, a.require[i]) != JIT_OK) {
            return complain(a.require[i], "there is no mechanism of this name", "jitosd --check");
        }
    }
    if (!a.check) {
        return serve(&a);
    }
    char message[512];
    host_probe_print(&probe, stdout, a.json);
    if (host_probe_check(&probe, message, sizeof message) != JIT_OK) {
        fprintf(stderr, "jitosd: %s\n", message);
        return 125;
    }
    return told(0);
}
