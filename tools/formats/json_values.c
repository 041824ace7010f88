/* JSON node-link: members of an object as values in the graph. */
#include "tools/formats/json_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/formats/export_priv.h"
#include "tools/formats/json.h"
#include "tools/formats/net.h"

static enum jit_err attach_json(struct json *j, const char *key, const json_t *one)
{
    struct jit_id type;
    char *text = json_dumps(one, JSON_TEXT_FLAGS);
    if (text == NULL) {
        return JIT_ENOMEM;
    }
    json_type_id(&type);
    enum jit_err err =
        net_atom(&j->net, &j->owner, key, strlen(key), &type, (const uint8_t *)text, strlen(text));
    free(text);
    return err;
}

/* {"rmg-type": TYPE, "hex": HEX} and {"rmg-portal": ID} stand for what JSON has no words for. */
static enum jit_err attach_object(struct json *j, const char *key, const json_t *one)
{
    const json_t *type = json_object_get(one, JSON_ATOM_TYPE);
    const json_t *hex = json_object_get(one, JSON_ATOM_HEX);
    const json_t *portal = json_object_get(one, JSON_PORTAL);
    if (json_object_size(one) == 2 && json_is_string(type) && json_is_string(hex)) {
        const struct net_text words[] = {{json_string_value(type), json_string_length(type)},
                                         {json_string_value(hex), json_string_length(hex)}};
        return net_hex(&j->net, &j->owner, key, strlen(key), &words[0], &words[1]);
    }
    if (json_object_size(one) == 1 && json_is_string(portal)) {
        struct jit_id instance;
        enum jit_err err = net_id(&j->net, "warp:", json_string_value(portal),
                                  json_string_length(portal), &instance);
        return err == JIT_OK ? net_enter(&j->net, &j->owner, key, strlen(key), &instance) : err;
    }
    return attach_json(j, key, one);
}

enum jit_err json_read_attach(struct json *j, const char *key, const json_t *one)
{
    struct net *net = &j->net;
    struct net_owner *owner = &j->owner;
    size_t size = strlen(key);
    char words[64];
    switch (json_typeof(one)) {
    case JSON_NULL:
        return JIT_OK;
    case JSON_TRUE:
        return net_words(net, owner, key, size, RMG_CODEC_BOOL, "true", 4);
    case JSON_FALSE:
        return net_words(net, owner, key, size, RMG_CODEC_BOOL, "false", 5);
    case JSON_INTEGER:
        snprintf(words, sizeof words, "%lld", (long long)json_integer_value(one));
        return net_words(net, owner, key, size, RMG_CODEC_I64, words, strlen(words));
    case JSON_REAL:
        snprintf(words, sizeof words, "%.17g", json_real_value(one));
        return net_words(net, owner, key, size, RMG_CODEC_F64, words, strlen(words));
    case JSON_STRING:
        return net_words(net, owner, key, size, RMG_CODEC_TEXT, json_string_value(one),
                         json_string_length(one));
    case JSON_OBJECT:
        return attach_object(j, key, one);
    default:
        return attach_json(j, key, one);
    }
}

static bool json_read_one_of(const char *key, const char *const *list)
{
    while (*list != NULL && strcmp(*list, key) != 0) {
        list++;
    }
    return *list != NULL;
}

enum jit_err json_read_attach_all(struct json *j, json_t *object, const char *const *except)
{
    const char *key;
    json_t *one;
    json_object_foreach(object, key, one)
    {
        enum jit_err err = json_read_one_of(key, except) ? JIT_OK : json_read_attach(j, key, one);
        if (err != JIT_OK) {
            return err;
        }
    }
    return JIT_OK;
}
