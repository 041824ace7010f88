#include "tools/formats/csv.h"

#include <string.h>

#include "base/check.h"

enum jit_err csv_open(struct csv *csv, struct import *im, const char *path)
{
    *csv = (struct csv){.line = 1, .column = 1};
    jit_buf_init(&csv->text, im->heap, JIT_LINE_BYTES_MAX);
    enum jit_err err = import_input_open(&csv->input, im, path);
    if (err == JIT_OK) {
        csv->fields = jit_heap_zalloc(im->heap, CSV_FIELDS_MAX, sizeof *csv->fields);
        err = csv->fields == NULL ? JIT_ENOMEM : JIT_OK;
    }
    return err;
}

void csv_close(struct csv *csv)
{
    struct jit_heap *heap = csv->input.im->heap;
    import_input_close(&csv->input);
    jit_buf_release(&csv->text);
    heap->free(heap, csv->fields);
    csv->fields = NULL;
}

void csv_place(const struct csv *csv, const struct csv_field *field, char place[IMPORT_PLACE_SIZE])
{
    import_place(place, csv->input.name, field->line, field->column);
}

static enum jit_err fail(struct csv *csv, uint64_t line, uint64_t column, const char *what)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, csv->input.name, line, column);
    return import_fail(csv->input.im, JIT_EFORMAT, place, "%s", what);
}

#define CSV_END (-1)

/* The byte `ahead` of the next one, or CSV_END; *err when it cannot be known. */
static int peek(struct csv *csv, size_t ahead, enum jit_err *err)
{
    struct import_input *input = &csv->input;
    while (input->end - input->at <= ahead && !input->eof) {
        *err = import_input_fill(input);
        if (*err != JIT_OK) {
            return CSV_END;
        }
    }
    return input->end - input->at > ahead ? input->data[input->at + ahead] : CSV_END;
}

static void take(struct csv *csv, int byte)
{
    csv->input.at++;
    if (byte == '\n') {
        csv->line++;
        csv->column = 1;
    } else {
        csv->column++;
    }
}

static enum jit_err skip_mark(struct csv *csv)
{
    enum jit_err err = JIT_OK;
    csv->begun = true;
    int first = peek(csv, 0, &err);
    int second = err == JIT_OK ? peek(csv, 1, &err) : CSV_END;
    int third = err == JIT_OK ? peek(csv, 2, &err) : CSV_END;
    if (err != JIT_OK) {
        return err;
    }
    if ((first == 0xff && second == 0xfe) || (first == 0xfe && second == 0xff)) {
        return fail(csv, 1, 1, "this is UTF-16; save it as UTF-8");
    }
    if (first == 0xef && second == 0xbb && third == 0xbf) {
        csv->input.at += 3;
    }
    return JIT_OK;
}

/* LF, CRLF or the end. *size is how many bytes it takes; 0: it is none. */
static bool at_line_end(struct csv *csv, int byte, int *size, enum jit_err *err)
{
    *size = byte == '\n' ? 1 : 0;
    if (byte == '\r') {
        int next = peek(csv, 1, err);
        *size = next == '\n' ? 2 : 0;
    }
    return byte == CSV_END || *size > 0;
}

/* Inside quotes, behind the first one; ends behind the last one. */
static enum jit_err quoted_field(struct csv *csv, const struct csv_field *field)
{
    enum jit_err err = JIT_OK;
    for (;;) {
        int byte = peek(csv, 0, &err);
        if (err != JIT_OK) {
            return err;
        }
        if (byte == CSV_END) {
            return fail(csv, field->line, field->column, "a quote that is never closed");
        }
        if (byte == '"') {
            take(csv, byte);
            if (peek(csv, 0, &err) != '"') {
                break;
            }
        }
        jit_buf_put_u8(&csv->text, (uint8_t)byte);
        take(csv, byte);
        if (csv->text.err != JIT_OK) {
            return csv->text.err;
        }
    }
    int size;
    int byte = err == JIT_OK ? peek(csv, 0, &err) : CSV_END;
    if (err == JIT_OK && byte != ',' && !at_line_end(csv, byte, &size, &err) && err == JIT_OK) {
        return fail(csv, csv->line, csv->column, "text behind a closing quote");
    }
    return err;
}

static enum jit_err plain_field(struct csv *csv)
{
    enum jit_err err = JIT_OK;
    struct import_input *input = &csv->input;
    for (;;) {
        /* Runs of ordinary bytes are copied at once. */
        size_t run = input->at;
        while (run < input->end && input->data[run] != ',' && input->data[run] != '\n' &&
               input->data[run] != '\r' && input->data[run] != '"') {
            run++;
        }
        jit_buf_put(&csv->text, input->data + input->at, run - input->at);
        csv->column += run - input->at;
        input->at = run;
        if (csv->text.err != JIT_OK) {
            return csv->text.err;
        }
        int size;
        int byte = peek(csv, 0, &err);
        if (err != JIT_OK || byte == ',' || at_line_end(csv, byte, &size, &err) || err != JIT_OK) {
            return err;
        }
        if (byte == '"') {
            return fail(csv, csv->line, csv->column,
                        "a quote within a field that does not begin with one");
        }
        if (byte == '\r') {
            return fail(csv, csv->line, csv->column, "a carriage return without a line feed");
        }
    }
}

static enum jit_err read_field(struct csv *csv)
{
    enum jit_err err = JIT_OK;
    if (csv->count == CSV_FIELDS_MAX) {
        return fail(csv, csv->line, csv->column, "more than 1,024 fields");
    }
    struct csv_field *field = &csv->fields[csv->count];
    *field = (struct csv_field){.line = csv->line, .column = csv->column, .offset = csv->text.size};
    int byte = peek(csv, 0, &err);
    if (err != JIT_OK) {
        return err;
    }
    field->quoted = byte == '"';
    if (field->quoted) {
        take(csv, byte);
        err = quoted_field(csv, field);
    } else {
        err = plain_field(csv);
    }
    if (err == JIT_ELIMIT) {
        char place[IMPORT_PLACE_SIZE];
        csv_place(csv, field, place);
        return import_fail(csv->input.im, err, place, "a record of more than 16 MiB");
    }
    field->size = csv->text.size - field->offset;
    csv->count += err == JIT_OK;
    return err;
}

static enum jit_err settle(struct csv *csv)
{
    for (uint32_t i = 0; i < csv->count; i++) {
        struct csv_field *field = &csv->fields[i];
        field->text = csv->text.data == NULL ? "" : (const char *)csv->text.data + field->offset;
        if (!rmg_utf8_valid((const uint8_t *)field->text, field->size)) {
            return fail(csv, field->line, field->column, "this field is no UTF-8 without NUL");
        }
    }
    return JIT_OK;
}

enum jit_err csv_next(struct csv *csv)
{
    enum jit_err err = csv->begun ? JIT_OK : skip_mark(csv);
    int byte = CSV_END;
    int size = 0;
    jit_buf_reset(&csv->text);
    csv->count = 0;
    if (err != JIT_OK) {
        return err;
    }
    /* Lines with nothing on them. */
    while ((byte = peek(csv, 0, &err)) != CSV_END && err == JIT_OK &&
           at_line_end(csv, byte, &size, &err) && err == JIT_OK) {
        csv->input.at += (size_t)size - 1;
        take(csv, '\n');
    }
    if (err != JIT_OK || byte == CSV_END) {
        return err != JIT_OK ? err : JIT_ENOENT;
    }
    for (;;) {
        err = read_field(csv);
        byte = err == JIT_OK ? peek(csv, 0, &err) : CSV_END;
        if (err != JIT_OK) {
            return err;
        }
        if (byte != ',') {
            break;
        }
        take(csv, byte);
    }
    if (at_line_end(csv, byte, &size, &err) && size > 0) {
        csv->input.at += (size_t)size - 1;
        take(csv, '\n');
    }
    return err == JIT_OK ? settle(csv) : err;
}
