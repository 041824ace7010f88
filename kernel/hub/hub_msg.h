/* kernel/hub/hub_msg.h - messages of the hub: canonical CBOR in length-prefixed frames.
 * Spec:  DESIGN 9.4; RFC 8949 section 4.2.1; docs/spec/hub.md lists the messages.
 * Layer: kernel (shell); used by the server and, through kernel/hub/hub_client.h, by the tools.
 *
 * A frame is a u32 little-endian length and one CBOR item: a map whose keys are text. Written
 * through libcbor's encoders, in ascending order of the encoded keys (an assertion). Read through
 * libcbor only after our own check that the bytes are canonical: shortest heads, definite lengths,
 * keys ascending without duplicates, valid UTF-8, no tags, no floats, depth at most 8. */
#ifndef JIT_KERNEL_HUB_MSG_H
#define JIT_KERNEL_HUB_MSG_H

#include <cbor.h>

#include "base/buf.h"
#include "base/id.h"

#define HUB_MAJOR           1u
#define HUB_MINOR           5u
#define HUB_FRAME_BYTES_MAX (8u << 20)
#define HUB_PIECE_BYTES     (1u << 20) /* of something long that is sent in pieces */
#define HUB_ITEMS_MAX       65536u     /* in a frame, nested ones counted: each costs memory */

/* ---- writing: begin, fields, end; check buf->err at the end ---- */
struct hub_writer {
    struct jit_buf *buf;
    size_t frame_at; /* of the length */
    size_t key_at;   /* of the last key of the open map, and its size: keys must ascend */
    size_t key_size;
};

/* A frame whose map has `fields` fields. */
void hub_begin(struct hub_writer *w, struct jit_buf *buf, size_t fields);
void hub_end(struct hub_writer *w);
void hub_key(struct hub_writer *w, const char *key);
void hub_uint(struct hub_writer *w, const char *key, uint64_t value);
void hub_bool(struct hub_writer *w, const char *key, bool value);
void hub_text(struct hub_writer *w, const char *key, const char *text);
void hub_bytes(struct hub_writer *w, const char *key, const void *bytes, size_t size);
void hub_id(struct hub_writer *w, const char *key, const struct jit_id *id);
/* Values without a key, inside arrays. */
void hub_array(struct hub_writer *w, const char *key,
               size_t count); /* key, then count values follow */
void hub_put_uint(struct hub_writer *w, uint64_t value);
void hub_put_text(struct hub_writer *w, const char *text);
/* A map inside an array: its own keys ascend anew; close gives back the outer order. */
struct hub_writer hub_map(struct hub_writer *w, size_t fields);

/* ---- reading ---- */
/* Is this one canonical item within our limits? Errors: JIT_EFORMAT, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err hub_check(const uint8_t *bytes, size_t size);
/* Checked and parsed; *out is released with cbor_decref. Errors: JIT_EFORMAT, JIT_ELIMIT,
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err hub_parse(const uint8_t *bytes, size_t size, cbor_item_t **out);
/* The same with a bound of its own on the number of items. */
JIT_MUST_CHECK enum jit_err hub_parse_within(const uint8_t *bytes, size_t size, uint32_t items,
                                             cbor_item_t **out);

/* Fields of a map; false when it is missing or of another kind. What they lend belongs to the item.
 */
const cbor_item_t *hub_field(const cbor_item_t *map, const char *key);
bool hub_get_uint(const cbor_item_t *map, const char *key, uint64_t *out);
bool hub_get_bool(const cbor_item_t *map, const char *key, bool *out);
bool hub_get_text(const cbor_item_t *map, const char *key, char *out,
                  size_t size); /* cut to size */
bool hub_get_bytes(const cbor_item_t *map, const char *key, const uint8_t **bytes, size_t *size);
bool hub_get_id(const cbor_item_t *map, const char *key, struct jit_id *out);
bool hub_is(const cbor_item_t *map, const char *key, const char *text);

#endif
