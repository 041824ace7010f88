#include "tools/cli/cli_priv.h"

#include <string.h>

#define TTY_EVERY_NS   100000000u
#define PLAIN_EVERY_NS 1000000000u

const char *cli_group(uint64_t number, char out[CLI_NUMBER_SIZE])
{
    char digits[CLI_NUMBER_SIZE];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    size_t used = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            out[used++] = ',';
        }
        out[used++] = digits[i];
    }
    out[used] = 0;
    return out;
}

const char *cli_bytes(uint64_t bytes, char out[CLI_NUMBER_SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(out, CLI_NUMBER_SIZE, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value,
             units[unit]);
    return out;
}

const char *cli_duration(uint64_t ns, char out[CLI_NUMBER_SIZE])
{
    uint64_t seconds = (ns + 500000000u) / 1000000000u;
    unsigned hours = (unsigned)(seconds / 3600);
    unsigned minutes = (unsigned)(seconds / 60 % 60);
    unsigned rest = (unsigned)(seconds % 60);
    if (hours > 0) {
        snprintf(out, CLI_NUMBER_SIZE, "%u:%02u:%02u", hours, minutes, rest);
    } else {
        snprintf(out, CLI_NUMBER_SIZE, "%u:%02u", minutes, rest);
    }
    return out;
}

static bool is_dumb(const struct cli *cli)
{
    const char *term = cli->env->get("TERM");
    return term != NULL && strcmp(term, "dumb") == 0;
}

static bool overwrites(const struct cli *cli)
{
    return cli->env->err_tty && !is_dumb(cli);
}

void cli_line_clear(struct cli *cli)
{
    if (cli->line_open) {
        fputs("\r\033[K", cli->env->err);
        fflush(cli->env->err);
        cli->line_open = false;
    }
}

void cli_progress_begin(struct cli_progress *progress, struct cli *cli, const char *label,
                        const char *unit, uint64_t first, uint64_t total)
{
    *progress = (struct cli_progress){
        .cli = cli, .label = label, .unit = unit, .first = first, .total = total};
    progress->begun_ns = cli->env->clock->now_ns(cli->env->clock);
    progress->shown_ns = progress->begun_ns; /* what is quickly done shows nothing */
}

static size_t line_of(const struct cli_progress *p, uint64_t done, uint64_t elapsed_ns,
                      const char *extra, char *line, size_t size)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    double seconds = (double)elapsed_ns / 1e9;
    double rate = seconds > 0 ? (double)(done - p->first) / seconds : 0;
    int used = snprintf(line, size, "%s  %s", p->label, cli_group(done, a));
    if (p->total > 0) {
        used += snprintf(line + used, size - (size_t)used, "/%s %s  %3u%%", cli_group(p->total, b),
                         p->unit, (unsigned)((double)done * 100.0 / (double)p->total));
    } else {
        used += snprintf(line + used, size - (size_t)used, " %s", p->unit);
    }
    if (rate >= 10) {
        cli_group((uint64_t)(rate + 0.5), a);
    } else {
        snprintf(a, sizeof a, "%.1f", rate);
    }
    used += snprintf(line + used, size - (size_t)used, "  %s %s/s", a, p->unit);
    if (p->total > done && rate > 0) {
        double left = (double)(p->total - done) / rate;
        left = left < 3.6e7 ? left : 3.6e7;
        used += snprintf(line + used, size - (size_t)used, "  ETA %s",
                         cli_duration((uint64_t)(left * 1e9), b));
    }
    if (extra != NULL && (size_t)used < size) {
        used += snprintf(line + used, size - (size_t)used, "  %s", extra);
    }
    return (size_t)used < size ? (size_t)used : size - 1;
}

void cli_progress_update(struct cli_progress *progress, uint64_t done, const char *extra)
{
    struct cli *cli = progress->cli;
    if (cli->quiet) {
        return;
    }
    uint64_t now = cli->env->clock->now_ns(cli->env->clock);
    bool tty = overwrites(cli);
    if (now - progress->shown_ns < (tty ? TTY_EVERY_NS : PLAIN_EVERY_NS)) {
        return;
    }
    char line[512];
    size_t size = line_of(progress, done, now - progress->begun_ns, extra, line, sizeof line);
    size_t columns = cli->env->columns > 10 ? (size_t)cli->env->columns - 1 : 79;
    progress->shown_ns = now;
    progress->any = true;
    if (tty) {
        fprintf(cli->env->err, "\r%.*s\033[K", (int)(size < columns ? size : columns), line);
        cli->line_open = true;
    } else {
        fprintf(cli->env->err, "%s\n", line);
    }
    fflush(cli->env->err);
}

void cli_progress_end(struct cli_progress *progress)
{
    cli_line_clear(progress->cli);
}
