/* jitos fork, branch, rollback - other futures of a history. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole.h"
#include "tools/client/history/branches.h"
#include "tools/client/history/checkpoints.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/client/settings.h"

#define NAME                                                                                       \
    CLI_OPTION(CLI_TEXT, "name", 'm', "NAME",                                                      \
               "call the branch so: letters, digits, dots, underscores and dashes")

const struct cli_option jitos_fork_options[] = {
    JITOS_DATA,
    NAME,
    CLI_OPTION(CLI_TEXT, "into", 'i', "DIR",
               "in place of a branch, a data folder elsewhere; it must be new or empty"),
    CLI_OPTION(CLI_LIST, "set", 0, "K=V",
               "another value for a parameter: p=0.3, or infect.p=0.3 for one rule"),
    CLI_OPTION(CLI_NUMBER, "seed", 's', "S", "another seed for every draw and order from here on"),
    {.name = NULL},
};

const struct cli_option jitos_branch_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_FLAG, "switch", 0, NULL,
               "make NAME the branch that --data DIR means from now on"),
    {.name = NULL},
};

const struct cli_option jitos_rollback_options[] = {JITOS_DATA, NAME, {.name = NULL}};

/* ---- making one ---- */

struct fork_made {
    uint64_t from; /* the tick it left at */
    uint64_t tick; /* where it stands: one further when something was set */
    struct jit_id commit;
    struct jit_id root;
};

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int remove_inside(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    return walk->level == 0 ? 0 : remove_one(path, info, kind, walk);
}

static int edit(struct cli *cli, const char *path, const struct jit_buf *patch, uint64_t *tick,
                struct jit_id *commit, struct jit_id *root)
{
    static const struct jit_id none;
    struct shell_system system;
    struct history_opening opening = {.label = "fork", .data = path, .own = true};
    int code = history_open(cli, &opening, &system);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = shell_system_edit(&system, patch->data, patch->size, &none);
    *tick = system.replay.tick;
    *commit = system.replay.commit;
    *root = system.replay.version.state_root;
    if (err != JIT_OK) {
        cli_what(cli, "%s could not be changed", path);
        cli_why(cli, "%s", system.message);
        cli_next(cli, "mend that, then the same command again");
        code = (int)cli_exit_of(err);
    }
    shell_system_close(&system);
    return code;
}

static int appear(struct cli *cli, const char *part, const char *path)
{
    char folder[JIT_PATH_SIZE];
    jit_folder_of(path, folder);
    (void)rmdir(path); /* an empty one was allowed to be there */
    if (rename(part, path) == 0 && jit_folder_sync(folder)) {
        return CLI_OK;
    }
    const int error = errno;
    int code = error == EEXIST || error == ENOTEMPTY ? checkpoint_into(cli, path) : CLI_OK;
    if (code == CLI_OK) {
        cli_what(cli, "%s could not be made", path);
        cli_why(cli, "%s", strerror(error));
        code = CLI_HOST;
    }
    return code;
}

static int in_the_way(struct cli *cli, const char *part, int error)
{
    if (error == ENOMEM) {
        return cli_no_memory(cli);
    }
    cli_what(cli, "%s is in the way", part);
    cli_why(cli, "%s", strerror(error));
    cli_next(cli, "rm -r %s", part);
    return CLI_USAGE;
}

/* The folder that `path` is to be made in, empty, and ours alone while *held, which is the caller's
 * to close, is open. It may be one that was left over by whoever was killed. -1: it cannot be made,
 * and whoever founds a folder there says why. */
static int hold(struct cli *cli, const char *part, const char *path, int *held)
{
    struct stat ours;
    struct stat there;
    for (bool same = false; !same;) {
        *held = -1;
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return CLI_OK;
        }
        *held = open(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*held < 0 && errno == ENOENT) {
            continue; /* it was there, and is done with */
        }
        if (*held < 0) {
            return in_the_way(cli, part, errno);
        }
        if (flock(*held, LOCK_EX | LOCK_NB) != 0) {
            cli_what(cli, "%s is being made by another command", path);
            cli_why(cli, "what is forked goes on in a data folder of its own");
            cli_next(cli, "name another folder with --into, or another branch with -m");
            return CLI_USAGE;
        }
        same = fstat(*held, &ours) == 0 && lstat(part, &there) == 0 &&
               ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
        if (!same) { /* whoever had it has renamed or removed it meanwhile */
            close(*held);
        }
    }
    return nftw(part, remove_inside, 16, FTW_DEPTH | FTW_PHYS) == 0 ? CLI_OK
                                                                    : in_the_way(cli, part, errno);
}

/* The new folder is there with its edit, or it is not there. */
static int make(struct cli *cli, const char *path, const struct shell_system *system,
                const struct ckpt_manifest *manifest, const uint8_t *uuid,
                const struct jit_buf *patch, struct fork_made *made)
{
    const struct checkpoint_founding what = {
        .state = {.store = system->store, .version = system->replay.version},
        .beside = &system->replay.beside,
        .manifest = manifest,
        .segment_bytes = system->report.segment_bytes,
        .uuid = uuid};
    char part[BRANCH_PATH_SIZE + 8];
    char made_as[sizeof part +
                 4]; /* not the part itself: who makes a data folder locks it as well */
    made->tick = manifest->tick;
    made->commit = manifest->commit;
    made->root = what.state.version.state_root;
    if (patch->size == 0) {
        return checkpoint_found(cli, path, &what);
    }
    const char *slash = strrchr(path, '/');
    int folder = slash != NULL ? (int)(slash - path) + 1 : 0;
    snprintf(part, sizeof part, "%.*s.%s.part", folder, path, path + folder);
    int held = -1;
    int code = hold(cli, part, path, &held);
    const bool ours = code == CLI_OK;
    snprintf(made_as, sizeof made_as, "%s%s", part, held >= 0 ? "/new" : "");
    if (code == CLI_OK) {
        code = checkpoint_found(cli, made_as, &what);
    }
    if (code == CLI_OK) {
        code = edit(cli, made_as, patch, &made->tick, &made->commit, &made->root);
    }
    if (code == CLI_OK) {
        code = appear(cli, made_as, path);
    }
    if (ours) { /* what cannot be removed now the next try removes */
        (void)nftw(part, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    if (held >= 0) {
        close(held);
    }
    return code;
}

/* Founds `path`, which must be free, at a tick of the folder data, with what is set as its first
 * tick. It is there as a whole or not at all. uuid: of its log; NULL: a random one. Returns an exit
 * code; said. */
static int fork_make(struct cli *cli, const char *data, uint64_t tick,
                     const struct settings *settings, const char *path, const uint8_t *uuid,
                     struct fork_made *made)
{
    struct shell_system system;
    struct ckpt_manifest manifest;
    struct jit_buf patch;
    struct history_opening opening = {
        .label = cli->verb->name, .data = data, .bounded = true, .tick = tick};
    int code = history_open(cli, &opening, &system);
    if (code != CLI_OK) {
        return code;
    }
    checkpoint_of_system(&system, &manifest);
    if (system.from != NULL) {
        manifest.origin = system.from->id;
    }
    bool fresh = access(path, F_OK) != 0;
    jit_buf_init(&patch, jit_heap_libc(), JIT_PATCH_BYTES_MAX);
    made->from = tick;
    code = settings_patch(cli, settings, &system, &patch);
    if (code == CLI_OK) {
        code = make(cli, path, &system, &manifest, uuid, &patch, made);
    }
    /* With an edit it comes into being as a whole, and may be somebody else's by now. */
    if (code != CLI_OK && fresh && patch.size == 0 &&
        !history_begun(path)) { /* of what failed nothing is left */
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    jit_buf_release(&patch);
    shell_system_close(&system);
    return code;
}

static int report(struct cli *cli, const char *word, const char *name, const char *path,
                  const struct fork_made *made)
{
    char root[JIT_ID_HEX];
    char head[JIT_ID_HEX];
    jit_id_to_hex(&made->root, root);
    jit_id_to_hex(&made->commit, head);
    cli_print(cli,
              "%s %s  from tick %llu, now at tick %llu\nroot   %s\nhead   %s\nrun    jitos run "
              "--data %s --ticks N\n",
              word, name, (unsigned long long)made->from, (unsigned long long)made->tick, root,
              head, cli_word(cli, path));
    json_t *event = cli_event("done", "jitos.fork/1");
    cli_put_text(event, "branch", name);
    cli_put_text(event, "data", path);
    cli_put_number(event, "from", made->from);
    cli_put_number(event, "tick", made->tick);
    cli_put_text(event, "root", root);
    cli_put_text(event, "head", head);
    return cli_emit(cli, event);
}

static int check_name(struct cli *cli, const char *name)
{
    int code = checkpoint_named(cli, "new branch", name);
    if (code != CLI_OK) {
        cli_next(cli, "jitos fork @10 -m other-seed");
    }
    return code;
}

/* Where a new branch goes, and that nothing is there. name NULL: one is made up. */
static int place(struct cli *cli, const char *stem, const char *name, char out[HEAD_NAME_MAX + 1],
                 char path[BRANCH_PATH_SIZE])
{
    const char *top = branches_top(cli);
    int code = name != NULL ? check_name(cli, name) : CLI_OK;
    if (code == CLI_OK) {
        code = branches_room(cli, top);
    }
    if (code == CLI_OK) {
        code = branches_settle(cli, top); /* else this one could become what was announced */
    }
    if (code != CLI_OK) {
        return code;
    }
    if (name != NULL) {
        snprintf(out, HEAD_NAME_MAX + 1, "%s", name);
    } else {
        branches_unused(top, stem, out);
    }
    branches_path(top, out, path);
    if (history_begun(path)) {
        cli_what(cli, "there is a branch %s already", out);
        cli_why(cli, "a branch keeps its history");
        cli_next(cli, "name another one with -m, or leave it out");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static void settings_of(struct cli *cli, struct settings *settings, const char *set[64])
{
    *settings = (struct settings){
        .set = set, .has_seed = cli_given(cli, "seed"), .seed = cli_number(cli, "seed")};
    for (uint32_t i = 0; i < 64 && cli_list(cli, "set", i) != NULL; i++) {
        set[settings->set_count++] = cli_list(cli, "set", i);
    }
}

int jitos_fork(struct cli *cli)
{
    const char *data = cli_text(cli, "data");
    const char *into = cli_text(cli, "into");
    const char *set[64];
    char path[BRANCH_PATH_SIZE];
    char name[HEAD_NAME_MAX + 1] = "";
    char stem[32];
    struct settings settings;
    struct fork_made made = {0};
    uint64_t tick = 0;
    settings_of(cli, &settings, set);
    int code = history_resolve(cli, data, cli->operands[0], &tick);
    if (code != CLI_OK) {
        return code;
    }
    if (into != NULL) {
        code = checkpoint_into(cli, into);
        snprintf(path, sizeof path, "%.4200s", into); /* one that is longer was refused */
    } else {
        snprintf(stem, sizeof stem, "fork-%llu", (unsigned long long)tick);
        code = place(cli, stem, cli_text(cli, "name"), name, path);
    }
    if (code == CLI_OK) {
        code = fork_make(cli, data, tick, &settings, path, NULL, &made);
    }
    branches_no_room(branches_top(cli));
    return code == CLI_OK ? report(cli, "branch", into != NULL ? into : name, path, &made) : code;
}

/* What is about to become the head. */
static int announce(struct cli *cli, const char *name, struct head_next *next)
{
    snprintf(next->name, sizeof next->name, "%s", name);
    if (!checkpoint_uuid(next->uuid)) {
        cli_what(cli, "the system gave no random bytes");
        return CLI_HOST;
    }
    return branches_announce(cli, branches_top(cli), next);
}

int jitos_rollback(struct cli *cli)
{
    const char *data = cli_text(cli, "data");
    char path[BRANCH_PATH_SIZE];
    char name[HEAD_NAME_MAX + 1];
    char stem[32];
    struct settings none = {0};
    struct fork_made made = {0};
    struct head_next next;
    uint64_t tick = 0;
    int code = history_resolve(cli, data, cli->operands[0], &tick);
    if (code == CLI_OK) {
        snprintf(stem, sizeof stem, "back-to-%llu", (unsigned long long)tick);
        code = place(cli, stem, cli_text(cli, "name"), name, path);
    }
    /* One moment: it is the head from when it is there. */
    bool said = false;
    if (code == CLI_OK) {
        code = announce(cli, name, &next);
        said = code == CLI_OK;
    }
    if (code == CLI_OK) {
        code = fork_make(cli, data, tick, &none, path, next.uuid, &made);
    }
    if (code == CLI_OK) {
        code = branches_become(cli, branches_top(cli), name);
    } else if (said) {
        branches_tidy(branches_top(cli));
    }
    if (code == CLI_OK) {
        cli_note(cli, "the head is %s now; what was after tick %llu is kept in %s", name,
                 (unsigned long long)tick, data);
        code = report(cli, "head  ", name, path, &made);
    }
    branches_no_room(branches_top(cli));
    return code;
}

/* ---- the list ---- */

struct last {
    uint64_t first;
    uint64_t tick;
    struct jit_id commit;
    bool any;
};

static enum jit_err note_last(void *user, const struct log_record *record)
{
    struct last *last = user;
    last->first = last->any ? last->first : record->tick;
    last->any = true;
    last->tick = record->tick;
    last->commit = record->commit;
    return JIT_OK;
}

static int print_branch(struct cli *cli, const char *top, const char *name, bool head)
{
    char path[BRANCH_PATH_SIZE];
    char commit[JIT_ID_HEX];
    char base[JIT_ID_HEX] = "";
    struct last last = {0};
    struct log_report report;
    struct ckpt_manifest start;
    bool founded = false;
    branches_path(top, name, path);
    int code = history_each(cli, path, note_last, &last, &report);
    if (code == CLI_OK) {
        code = history_start(cli, path, &start, &founded);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (founded && !last.any) {
        last.tick = start.tick;
        last.commit = start.commit;
    }
    jit_id_to_hex(&last.commit, commit);
    if (founded) {
        jit_id_to_hex(&start.commit, base);
        cli_print(cli, "%c %-24s @%-8llu %.12s  from @%llu %.12s\n", head ? '*' : ' ', name,
                  (unsigned long long)last.tick, commit, (unsigned long long)start.tick, base);
    } else {
        cli_print(cli, "%c %-24s @%-8llu %.12s\n", head ? '*' : ' ', name,
                  (unsigned long long)last.tick, commit);
    }
    json_t *event = cli_event("branch", "jitos.branch/1");
    cli_put_text(event, "name", name);
    cli_put_text(event, "data", path);
    cli_put_bool(event, "head", head);
    cli_put_number(event, "tick", last.tick);
    cli_put_text(event, "commit", commit);
    if (founded) {
        cli_put_number(event, "from", start.tick);
        cli_put_text(event, "from_commit", base);
    }
    return cli_emit(cli, event);
}

static int list_branches(struct cli *cli, const char *top)
{
    char head[HEAD_NAME_MAX + 1];
    char **names = NULL;
    int code = branches_head(cli, top, head);
    int count = code == CLI_OK ? branches_list(top, &names) : 0;
    if (count < 0) {
        return cli_no_memory(cli);
    }
    bool shown = false;
    for (int i = 0; i < count; i++) {
        shown = shown || strcmp(names[i], head) == 0;
        if (code == CLI_OK) {
            code = print_branch(cli, top, names[i], strcmp(names[i], head) == 0);
        }
        free(names[i]);
    }
    free(names);
    if (code == CLI_OK && !shown) {
        cli_note(cli, "the branch in use, %s, is not there any more; jitos branch --switch %s",
                 head, HEAD_MAIN);
    }
    return code;
}

static int switch_to(struct cli *cli, const char *top, const char *name)
{
    int code = branches_move(cli, top, name);
    if (code != CLI_OK) {
        return code;
    }
    cli_print(cli, "head   %s\n", name);
    json_t *event = cli_event("done", "jitos.branch/1");
    cli_put_text(event, "head", name);
    return cli_emit(cli, event);
}

int jitos_branch(struct cli *cli)
{
    const char *top = branches_top(cli);
    const char *data = cli_text(cli, "data");
    char path[BRANCH_PATH_SIZE];
    char name[HEAD_NAME_MAX + 1];
    struct settings none = {0};
    struct fork_made made = {0};
    uint64_t tick = 0;
    if (cli->operand_count == 0) {
        return list_branches(cli, top);
    }
    if (cli_given(cli, "switch")) {
        branches_path(top, cli->operands[0], path);
        if (!ckpt_name_good(cli->operands[0]) || !history_begun(path)) {
            cli_what(cli, "there is no branch %s", cli->operands[0]);
            cli_why(cli, "%s has no history", path);
            cli_next(cli, "jitos branch --data %s", top);
            return CLI_NOT_FOUND;
        }
        return switch_to(cli, top, cli->operands[0]);
    }
    int code =
        history_resolve(cli, data, cli->operand_count > 1 ? cli->operands[1] : "HEAD", &tick);
    if (code == CLI_OK) {
        code = place(cli, "", cli->operands[0], name, path);
    }
    if (code == CLI_OK) {
        code = fork_make(cli, data, tick, &none, path, NULL, &made);
    }
    branches_no_room(top);
    return code == CLI_OK ? report(cli, "branch", name, path, &made) : code;
}
