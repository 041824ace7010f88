/* The two results of a sweep, in the order of its plan. */
#include "tools/client/run/sweep_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/whole.h"
#include "tools/client/run/sweep_plan.h"

static void put_cell(FILE *stream, const json_t *value)
{
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                 : value == NULL || json_is_null(value)
                     ? strdup("")
                     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (text != NULL && strpbrk(text, ",\"\n\r") != NULL) {
        fputc('"', stream);
        for (const char *c = text; *c != '\0'; c++) {
            fputs(*c == '"' ? "\"\"" : (char[2]){*c, '\0'}, stream);
        }
        fputc('"', stream);
    } else if (text != NULL) {
        fputs(text, stream);
    }
    free(text);
}

void sweep_put_csv(const struct sweep *s, FILE *stream)
{
    static const char *const fixed[] = {"seed",    "status",        "exit", "ticks",
                                        "applied", "denied",        "root", "world",
                                        "head",    "deterministic", "error"};
    fputs("run", stream);
    for (uint32_t i = 0; i < s->plan.param_count; i++) {
        fprintf(stream, ",%s", s->plan.params[i].name);
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        fprintf(stream, ",%s", fixed[i]);
    }
    for (uint32_t i = 0; i < s->measure_count; i++) {
        fprintf(stream, ",%.*s", (int)strcspn(s->measures[i], "="), s->measures[i]);
    }
    for (uint64_t run = 0; run < s->plan.run_count; run++) {
        const json_t *row = s->rows[run];
        if (row == NULL) {
            continue;
        }
        fputs("\r\n", stream);
        put_cell(stream, json_object_get(row, "run"));
        for (uint32_t i = 0; i < s->plan.param_count; i++) {
            fputc(',', stream);
            put_cell(stream, json_object_get(row, s->plan.params[i].name));
        }
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
            fputc(',', stream);
            put_cell(stream, json_object_get(row, fixed[i]));
        }
        for (uint32_t i = 0; i < s->measure_count; i++) {
            char column[SWEEP_VALUE_SIZE];
            snprintf(column, sizeof column, "%.*s", (int)strcspn(s->measures[i], "="),
                     s->measures[i]);
            fputc(',', stream);
            put_cell(stream, json_object_get(row, column));
        }
    }
    fputs("\r\n", stream);
}

void sweep_put_ndjson(const struct sweep *s, FILE *stream)
{
    for (uint64_t run = 0; run < s->plan.run_count; run++) {
        char *line = s->rows[run] != NULL ? json_dumps(s->rows[run], JSON_COMPACT) : NULL;
        if (line != NULL) {
            fprintf(stream, "%s\n", line);
        }
        free(line);
    }
}

int sweep_result_write(struct sweep *s, const char *name,
                       void (*put)(const struct sweep *s, FILE *stream))
{
    char path[PATH_SIZE];
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    snprintf(path, sizeof path, "%.4000s/%s", s->out, name);
    if (stream != NULL) {
        put(s, stream);
    }
    bool good = stream != NULL && fclose(stream) == 0;
    struct jit_whole whole;
    if (good) {
        enum jit_err err = jit_whole_open(&whole, path);
        err = err == JIT_OK ? jit_whole_write(&whole, (const uint8_t *)bytes, size) : err;
        good = jit_whole_close(&whole, err == JIT_OK) == JIT_OK && err == JIT_OK;
    }
    free(bytes);
    return good ? CLI_OK : sweep_host_failed(s, path);
}
