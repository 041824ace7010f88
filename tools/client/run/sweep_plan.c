#include "tools/client/run/sweep_plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DECIMALS_MAX 9

static int refuse(struct cli *cli, const char *text, const char *why)
{
    cli_what(cli, "%s is nothing to vary", text);
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos sweep sim.jitos --vary beta=0.1:0.5:0.1 --vary k=1,2,4 --seeds 1..20 "
                  "--out DIR");
    return CLI_USAGE;
}

static int starved(struct cli *cli)
{
    cli_what(cli, "%s", jit_err_text(JIT_ENOMEM));
    return CLI_HOST;
}

/* why: what is wrong with it, if it is not to be had. */
static int add_value(struct cli *cli, struct sweep_param *param, const char *text, size_t size,
                     const char *whole, const char *why)
{
    if (param->count == SWEEP_VALUES_MAX || size == 0 || size >= SWEEP_VALUE_SIZE) {
        return refuse(cli, whole, why);
    }
    if ((param->count & (param->count - 1)) == 0) { /* at powers of two */
        size_t capacity = param->count == 0 ? 1 : 2 * (size_t)param->count;
        void *values = realloc(param->values, capacity * sizeof *param->values);
        if (values == NULL) {
            return starved(cli);
        }
        param->values = values;
    }
    memcpy(param->values[param->count], text, size);
    param->values[param->count][size] = '\0';
    param->count++;
    return CLI_OK;
}

/* "-0.25" as whole units of 10^-decimals; false: it is no such number. */
static bool parse_decimal(const char *text, size_t size, int decimals, int64_t *out)
{
    bool negative = size > 0 && text[0] == '-';
    int64_t value = 0;
    int behind = -1;
    size_t digits = 0;
    for (size_t i = negative ? 1 : 0; i < size; i++) {
        if (text[i] == '.' && behind < 0) {
            behind = 0;
            continue;
        }
        if (!isdigit((unsigned char)text[i]) || ++digits > 17) {
            return false;
        }
        value = value * 10 + (text[i] - '0');
        behind += behind >= 0 ? 1 : 0;
    }
    for (int i = behind < 0 ? 0 : behind; i < decimals; i++) {
        if (value > INT64_MAX / 20) {
            return false;
        }
        value *= 10;
    }
    *out = negative ? -value : value;
    return digits > 0;
}

static int decimals_of(const char *text, size_t size)
{
    const char *point = memchr(text, '.', size);
    return point == NULL ? 0 : (int)(text + size - point - 1);
}

static int64_t power_of_ten(int decimals)
{
    int64_t scale = 1;
    for (int i = 0; i < decimals; i++) {
        scale *= 10;
    }
    return scale;
}

static void print_decimal(int64_t value, int decimals, char out[SWEEP_VALUE_SIZE])
{
    int64_t scale = power_of_ten(decimals);
    uint64_t size = value < 0 ? (uint64_t)-value : (uint64_t)value;
    if (decimals == 0) {
        snprintf(out, SWEEP_VALUE_SIZE, "%lld", (long long)value);
    } else {
        snprintf(out, SWEEP_VALUE_SIZE, "%s%llu.%0*llu", value < 0 ? "-" : "",
                 (unsigned long long)(size / (uint64_t)scale), decimals,
                 (unsigned long long)(size % (uint64_t)scale));
    }
}

/* from:to:step */
static int add_range(struct cli *cli, const char *whole, const char *text,
                     struct sweep_param *param)
{
    const char *parts[3] = {text, NULL, NULL};
    size_t sizes[3];
    int64_t numbers[3];
    int decimals = 0;
    for (int i = 1; i < 3; i++) {
        const char *colon = strchr(parts[i - 1], ':');
        if (colon == NULL) {
            return refuse(cli, whole, "a range is FROM:TO:STEP");
        }
        sizes[i - 1] = (size_t)(colon - parts[i - 1]);
        parts[i] = colon + 1;
    }
    sizes[2] = strlen(parts[2]);
    for (int i = 0; i < 3; i++) {
        int here = decimals_of(parts[i], sizes[i]);
        decimals = here > decimals ? here : decimals;
    }
    for (int i = 0; i < 3; i++) {
        if (decimals > DECIMALS_MAX || !parse_decimal(parts[i], sizes[i], decimals, &numbers[i])) {
            return refuse(cli, whole, "a range is of decimal numbers with at most 9 decimals");
        }
    }
    if (numbers[2] <= 0 || numbers[1] < numbers[0]) {
        return refuse(cli, whole, "a range goes up: FROM at most TO, STEP above 0");
    }
    int code = CLI_OK;
    for (int64_t at = numbers[0]; code == CLI_OK && at <= numbers[1]; at += numbers[2]) {
        char value[SWEEP_VALUE_SIZE];
        print_decimal(at, decimals, value);
        code =
            add_value(cli, param, value, strlen(value), whole, "a range has at most 10,000 values");
    }
    return code;
}

static int add_list(struct cli *cli, const char *whole, const char *text, struct sweep_param *param)
{
    while (true) {
        size_t size = strcspn(text, ",");
        int code = add_value(cli, param, text, size, whole,
                             "a value has 1 to 63 bytes, a list at most 10,000 values");
        if (code != CLI_OK || text[size] == '\0') {
            return code;
        }
        text += size + 1;
    }
}

static int add_param(struct cli *cli, const char *text, struct sweep_plan *plan)
{
    const char *equals = strchr(text, '=');
    if (plan->param_count == SWEEP_PARAMS_MAX) {
        return refuse(cli, text, "a sweep varies at most 16 parameters");
    }
    if (equals == NULL || equals == text || (size_t)(equals - text) >= SWEEP_VALUE_SIZE) {
        return refuse(cli, text, "it is NAME=FROM:TO:STEP or NAME=VALUE,VALUE,...");
    }
    struct sweep_param *param = &plan->params[plan->param_count++];
    snprintf(param->name, sizeof param->name, "%.*s", (int)(equals - text), text);
    return strchr(equals, ':') != NULL ? add_range(cli, text, equals + 1, param)
                                       : add_list(cli, text, equals + 1, param);
}

static bool parse_seed(const char **text, uint64_t *out)
{
    char *end = NULL;
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    errno = 0;
    *out = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0;
}

static int add_seeds(struct cli *cli, const char *whole, struct sweep_plan *plan)
{
    const char *text = whole;
    uint32_t capacity = 0;
    do {
        uint64_t first = 0;
        bool good = parse_seed(&text, &first);
        uint64_t last = first;
        if (good && strncmp(text, "..", 2) == 0) {
            text += 2;
            good = parse_seed(&text, &last);
        }
        if (!good || last < first || last - first >= SWEEP_VALUES_MAX ||
            (*text != ',' && *text != '\0')) {
            return refuse(cli, whole, "seeds are 1..20 or 1,2,5, at most 10,000");
        }
        for (uint64_t seed = first;; seed++) {
            if (plan->seed_count == capacity) {
                capacity = capacity == 0 ? 64 : 2 * capacity;
                uint64_t *seeds = realloc(plan->seeds, capacity * sizeof *seeds);
                if (seeds == NULL) {
                    return starved(cli);
                }
                plan->seeds = seeds;
            }
            plan->seeds[plan->seed_count++] = seed;
            if (seed == last) {
                break;
            }
        }
    } while (*text++ == ',');
    return CLI_OK;
}

int sweep_plan_make(struct cli *cli, const char *const *vary, uint32_t vary_count,
                    const char *seeds, struct sweep_plan *out)
{
    int code = CLI_OK;
    *out = (struct sweep_plan){.run_count = 0};
    for (uint32_t i = 0; code == CLI_OK && i < vary_count; i++) {
        code = add_param(cli, vary[i], out);
    }
    if (code == CLI_OK) {
        code = add_seeds(cli, seeds, out);
    }
    uint64_t count = out->seed_count;
    for (uint32_t i = 0; code == CLI_OK && i < out->param_count; i++) {
        count *= out->params[i].count;
        if (count > SWEEP_RUNS_MAX) {
            code = refuse(cli, vary[i], "a sweep has at most 1,000,000 runs");
        }
    }
    out->run_count = count;
    return code;
}

void sweep_plan_release(struct sweep_plan *plan)
{
    for (uint32_t i = 0; i < plan->param_count; i++) {
        free(plan->params[i].values);
    }
    free(plan->seeds);
    *plan = (struct sweep_plan){.run_count = 0};
}

const char *sweep_plan_value(const struct sweep_plan *plan, uint64_t run, uint32_t param)
{
    run /= plan->seed_count;
    for (uint32_t i = plan->param_count - 1; i > param; i--) {
        run /= plan->params[i].count;
    }
    return plan->params[param].values[run % plan->params[param].count];
}

uint64_t sweep_plan_seed(const struct sweep_plan *plan, uint64_t run)
{
    return plan->seeds[run % plan->seed_count];
}

void sweep_plan_name(const struct sweep_plan *plan, uint64_t run, char name[SWEEP_NAME_SIZE])
{
    size_t at = 0;
    for (uint32_t i = 0; i < plan->param_count && at < SWEEP_NAME_SIZE; i++) {
        at += (size_t)snprintf(name + at, SWEEP_NAME_SIZE - at, "%s=%s,", plan->params[i].name,
                               sweep_plan_value(plan, run, i));
    }
    if (at < SWEEP_NAME_SIZE) {
        snprintf(name + at, SWEEP_NAME_SIZE - at, "seed=%llu",
                 (unsigned long long)sweep_plan_seed(plan, run));
    }
    for (char *c = name; *c != '\0'; c++) { /* it is a file's name */
        *c = *c == '/' || *c == '"' || iscntrl((unsigned char)*c) ? '_' : *c;
    }
}
