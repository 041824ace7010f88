/* WordNet's data files (wndb(5)): a synset a line with its words, its pointers and its gloss. Nodes
 * are read from all files before the first pointer is. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/import_priv.h"

#define FOLDER "/usr/share/wordnet/data."

/* Pointers by symbol. */
static const struct {
    const char *symbol;
    const char *type;
} pointers[] = {{"!", "ANTONYM"},
                {"@", "HYPERNYM"},
                {"@i", "INSTANCE_HYPERNYM"},
                {"~", "HYPONYM"},
                {"~i", "INSTANCE_HYPONYM"},
                {"#m", "MEMBER_HOLONYM"},
                {"#s", "SUBSTANCE_HOLONYM"},
                {"#p", "PART_HOLONYM"},
                {"%m", "MEMBER_MERONYM"},
                {"%s", "SUBSTANCE_MERONYM"},
                {"%p", "PART_MERONYM"},
                {"=", "ATTRIBUTE"},
                {"+", "DERIVATION"},
                {";c", "TOPIC"},
                {"-c", "TOPIC_MEMBER"},
                {";r", "REGION"},
                {"-r", "REGION_MEMBER"},
                {";u", "USAGE"},
                {"-u", "USAGE_MEMBER"},
                {"*", "ENTAILMENT"},
                {">", "CAUSE"},
                {"^", "ALSO_SEE"},
                {"$", "VERB_GROUP"},
                {"&", "SIMILAR"},
                {"<", "PARTICIPLE"},
                {"\\", "PERTAINYM"}};
#define POINTERS (sizeof pointers / sizeof *pointers)

struct wordnet {
    struct import *im;
    struct import_input input;
    struct jit_id synset_type;
    struct jit_id types[POINTERS];
    struct jit_buf words;
    const char *line;
    size_t size;
    size_t at; /* of the next field */
};

struct field {
    const char *text;
    size_t size;
    uint64_t column;
};

static enum jit_err fail(struct wordnet *w, const struct field *field, const char *what)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, w->input.name, w->input.line, field->column);
    return import_fail(w->im, JIT_EFORMAT, place, "%s: \"%.*s\"", what,
                       (int)(field->size < 60 ? field->size : 60), field->text);
}

/* Fields are separated by one blank; past the last one they are empty. */
static struct field next(struct wordnet *w)
{
    size_t from = w->at;
    while (w->at < w->size && w->line[w->at] != ' ') {
        w->at++;
    }
    struct field field = {w->line + from, w->at - from, from + 1};
    w->at += w->at < w->size;
    return field;
}

static bool number(const struct field *field, unsigned base, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < field->size; i++) {
        char c = field->text[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit >= base) {
            return false;
        }
        *out = *out * base + digit;
    }
    return field->size > 0 && field->size <= 8;
}

/* "n00001740": part of speech, satellites being adjectives, and the offset. */
static enum jit_err label_of(struct wordnet *w, const struct field *offset,
                             const struct field *part, char label[16])
{
    uint64_t unused;
    if (offset->size != 8 || !number(offset, 10, &unused)) {
        return fail(w, offset, "no offset of eight digits");
    }
    if (part->size != 1 || strchr("nvasr", part->text[0]) == NULL) {
        return fail(w, part, "no part of speech");
    }
    char letter = part->text[0] == 's' ? 'a' : part->text[0];
    snprintf(label, 16, "%c%.8s", letter, offset->text);
    return JIT_OK;
}

static enum jit_err text_value(struct wordnet *w, struct import_owner *owner, const char *name,
                               const char *text, size_t size)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, w->input.name, w->input.line, 1);
    return import_owner_text(owner, name, strlen(name), RMG_CODEC_TEXT, text, size, place);
}

/* "a_b lex_id" pairs: "a b, ..." */
static enum jit_err take_words(struct wordnet *w)
{
    struct field count = next(w);
    uint64_t left;
    if (!number(&count, 16, &left) || left == 0 || left > 255) {
        return fail(w, &count, "no number of words");
    }
    jit_buf_reset(&w->words);
    for (uint64_t i = 0; i < left; i++) {
        struct field word = next(w);
        struct field sense = next(w);
        uint64_t unused;
        if (word.size == 0 || !number(&sense, 16, &unused)) {
            return fail(w, word.size == 0 ? &word : &sense, "no word with its number");
        }
        if (i > 0) {
            jit_buf_put(&w->words, ", ", 2);
        }
        for (size_t k = 0; k < word.size; k++) {
            jit_buf_put_u8(&w->words, (uint8_t)(word.text[k] == '_' ? ' ' : word.text[k]));
        }
    }
    return w->words.err;
}

static enum jit_err take_node(struct wordnet *w, const char *label, const struct jit_id *id,
                              const struct field *part)
{
    const struct jit_id *instance = &w->im->source->into->instance;
    struct import_owner owner;
    const char *bar = memmem(w->line, w->size, " | ", 3);
    size_t gloss = bar == NULL ? 0 : (size_t)(w->line + w->size - bar) - 3;
    enum jit_err err = rmg_collect_node(w->im->collect, instance, id, &w->synset_type);
    if (err == JIT_EEXIST) {
        const struct field field = {label, strlen(label), 1};
        return fail(w, &field, "a second synset");
    }
    if (err != JIT_OK) {
        return err;
    }
    import_owner_begin(&owner, w->im, instance, RMG_PLANE_ALPHA, id, &w->synset_type);
    err = text_value(w, &owner, "id", label, strlen(label));
    err = err == JIT_OK ? text_value(w, &owner, "name", (const char *)w->words.data, w->words.size)
                        : err;
    err = err == JIT_OK ? text_value(w, &owner, "part", part->text, part->size) : err;
    while (gloss > 0 && bar[3 + gloss - 1] == ' ') {
        gloss--;
    }
    if (err == JIT_OK && bar != NULL) {
        err = text_value(w, &owner, "gloss", bar + 3, gloss);
    }
    return err == JIT_OK ? import_owner_end(&owner) : err;
}

/* Which words of both synsets a pointer is about; 0000: all. */
static enum jit_err take_about(struct wordnet *w, struct import_owner *owner)
{
    static const char *const names[] = {"from_word", "to_word"};
    struct field about = next(w);
    char place[IMPORT_PLACE_SIZE];
    enum jit_err err = JIT_OK;
    for (int i = 0; err == JIT_OK && i < 2; i++) {
        struct field half = {about.text + 2 * i, 2, about.column};
        char words[8];
        uint64_t value;
        if (about.size != 4 || !number(&half, 16, &value)) {
            return fail(w, &about, "no numbers of words");
        }
        if (value > 0) {
            snprintf(words, sizeof words, "%u", (unsigned)value);
            import_place(place, w->input.name, w->input.line, about.column);
            err = import_owner_text(owner, names[i], strlen(names[i]), RMG_CODEC_I64, words,
                                    strlen(words), place);
        }
    }
    return err == JIT_OK ? import_owner_end(owner) : err;
}

static enum jit_err take_pointer(struct wordnet *w, const struct jit_id *from)
{
    const struct jit_id *instance = &w->im->source->into->instance;
    struct import_owner owner;
    struct field symbol = next(w);
    struct field offset = next(w);
    struct field part = next(w);
    struct jit_id to;
    struct jit_id edge;
    char label[16];
    size_t i = 0;
    while (i < POINTERS && (strlen(pointers[i].symbol) != symbol.size ||
                            memcmp(pointers[i].symbol, symbol.text, symbol.size) != 0)) {
        i++;
    }
    if (i == POINTERS) {
        return fail(w, &symbol, "an unknown pointer");
    }
    enum jit_err err = label_of(w, &offset, &part, label);
    if (err != JIT_OK) {
        return err;
    }
    jit_hash_named("node:", label, strlen(label), &to);
    if (!rmg_collect_has_node(w->im->collect, instance, &to)) {
        return fail(w, &offset, "a pointer to no synset");
    }
    err = rmg_collect_edge_numbered(w->im->collect, instance, from, &to, &w->types[i], &edge);
    if (err != JIT_OK) {
        return err;
    }
    import_owner_begin(&owner, w->im, instance, RMG_PLANE_BETA, &edge, &w->types[i]);
    return take_about(w, &owner);
}

static enum jit_err take_line(struct wordnet *w, bool edges)
{
    struct field offset = next(w);
    struct field file = next(w);
    struct field part = next(w);
    struct jit_id id;
    char label[16];
    uint64_t left;
    if (!number(&file, 10, &left)) {
        return fail(w, &file, "no number of a lexicographer's file");
    }
    enum jit_err err = label_of(w, &offset, &part, label);
    err = err == JIT_OK ? take_words(w) : err;
    if (err != JIT_OK) {
        return err;
    }
    jit_hash_named("node:", label, strlen(label), &id);
    if (!edges) {
        return take_node(w, label, &id, &part);
    }
    struct field count = next(w);
    if (!number(&count, 10, &left)) {
        return fail(w, &count, "no number of pointers");
    }
    for (; err == JIT_OK && left > 0; left--) {
        err = take_pointer(w, &id);
    }
    return err;
}

/* Lines that begin with two blanks are the licence. */
static enum jit_err read_path(struct wordnet *w, const char *path, bool edges)
{
    enum jit_err err = import_input_open(&w->input, w->im, path);
    while (err == JIT_OK && (err = import_input_line(&w->input, &w->line, &w->size)) == JIT_OK) {
        w->at = 0;
        if (w->size < 2 || memcmp(w->line, "  ", 2) != 0) {
            err = take_line(w, edges);
        }
    }
    bool end = err == JIT_ENOENT && w->input.eof;
    import_input_close(&w->input);
    return end ? JIT_OK : err;
}

static enum jit_err import_wordnet(struct import *im)
{
    static const char *const usual[] = {FOLDER "adj", FOLDER "adv", FOLDER "noun", FOLDER "verb"};
    struct wordnet w = {.im = im};
    const struct import_source *source = im->source;
    const char *const *paths = source->path_count > 0 ? source->paths : usual;
    uint32_t count = source->path_count > 0 ? source->path_count : 4;
    jit_hash_named("type:", "Synset", 6, &w.synset_type);
    for (size_t i = 0; i < POINTERS; i++) {
        jit_hash_named("type:", pointers[i].type, strlen(pointers[i].type), &w.types[i]);
    }
    jit_buf_init(&w.words, im->heap, JIT_LINE_BYTES_MAX);
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < 2 * count; i++) {
        const char *path = paths[i % count];
        err = strcmp(path, "-") == 0
                  ? import_fail(im, JIT_ENOTSUP, "standard input",
                                "WordNet's files are read by name: synsets first, then pointers")
                  : read_path(&w, path, i >= count);
    }
    if (err == JIT_ENOENT && source->path_count == 0) {
        err = import_fail(im, JIT_ENOTSUP, "",
                          "there is no WordNet on this machine: apt-get install wordnet-base");
    }
    if (err == JIT_OK && im->report->nodes == 0) {
        err = import_fail(im, JIT_EFORMAT, paths[0], "no synset in it");
    }
    jit_buf_release(&w.words);
    return err;
}

const struct format format_wordnet = {
    .name = "wordnet",
    .needs_target = true,
    .many = true,
    .no_input = true,
    .reads = "WordNet's data files: synsets and the pointers between them. Without INPUT\n"
             "those of the Debian package wordnet-base.",
    .read = import_wordnet,
};
