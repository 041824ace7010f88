#!/bin/sh
# Goal:   each check of build-aux/ refuses what it is there to refuse, names file, line and reason, and
#         says nothing against what is right.
# Method: a small tree that passes all of them; then one thing made wrong at a time, and the exact
#         complaint expected. The copied scripts run, so their tables are the real ones.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
tree=$dir/tree
mkdir "$tree" && cd "$tree" || exit 99
top_srcdir=.
CC=${CC:-cc}
check_headers_flags='-include config.h -std=c11 -Wall -Wextra'
export top_srcdir CC check_headers_flags
cases=0

# A tree that every check accepts.
make_tree()
{
    rm -rf "${tree:?}"/* .clang-format
    mkdir -p build-aux base rmg/store rmg/rules sws kernel/core proc/host tests/rmg/store tools
    for name in layers headers words files format lib.sh; do
        cp "$top/build-aux/check-$name" build-aux/
    done
    cp "$top"/build-aux/*.txt build-aux/
    cp "$top"/.clang-format .
    : >config.h
    printf '/* base/id.h - an id. */\n#ifndef ID_H\n#define ID_H\nint id_get(void);\n#endif\n' \
        >base/id.h
    printf '#include "base/id.h"\n\nint id_get(void)\n{\n    return 1; /* strcpy(a, b) */\n}\n' \
        >base/id.c
    printf '#include "base/id.h"\n#include <stdint.h>\n' >rmg/store/edges.c
    printf '#include "rmg/store/edges_priv.h"\n' >tests/rmg/store/test_edges.c
    printf '/* rmg/store/edges_priv.h - for edges.c. */\n' >rmg/store/edges_priv.h
    printf '/* sws/overlay.h - a branch. */\n' >sws/overlay.h
    # shellcheck disable=SC2016 # make expands it
    printf 'include $(srcdir)/base/local.mk\ninclude $(srcdir)/rmg/store/local.mk\n' >Makefile.am
    printf 'x_SOURCES = %%D%%/id.c %%D%%/id.h\n' >base/local.mk
    printf 'y = %%D%%/edges.c %%D%%/edges_priv.h sws/overlay.h \\\n\ttests/rmg/store/test_edges\n' \
        >rmg/store/local.mk
}

# expect CHECK STATUS LINE...: CHECK ends so, and prints these lines and no others.
expect()
{
    check=$1
    status=$2
    shift 2
    cases=$((cases + 1))
    wanted=$(printf '%s\n' "$@")
    got=$("build-aux/$check" 2>stderr)
    got_status=$?
    if [ "$got_status" -ne "$status" ] || [ "$got" != "$wanted" ]; then
        failed=$((failed + 1))
        printf '%s: wanted status %s and:\n%s\ngot status %s and:\n%s\n' "$check" "$status" \
            "$wanted" "$got_status" "$got"
        cat stderr
        [ $failed -lt 3 ] || { echo 'three are enough' && exit 1; }
    fi
}

# refuse CHECK FILE TEXT LINE...: with TEXT (in the way of printf) as FILE, CHECK complains so.
refuse()
{
    file=$2
    make_tree
    # shellcheck disable=SC2059 # it is a format
    printf "$3" >"$file"
    check=$1
    shift 3
    expect "$check" 1 "$@"
}

# accept CHECK FILE TEXT LINE
accept()
{
    make_tree
    # shellcheck disable=SC2059 # it is a format
    printf "$3" >"$2"
    expect "$1" 0 "$4"
}

# --- check-layers ---
make_tree
expect check-layers 0 '6 files keep to build-aux/layers.txt'
refuse check-layers rmg/store/edges.c '\n\n#include "sws/overlay.h"\n' \
    'rmg/store/edges.c:3: layer rmg/store may not include sws/overlay.h'
accept check-layers rmg/rules/rule.c '#include "rmg/store/edges_priv.h"\n' \
    '7 files keep to build-aux/layers.txt'
refuse check-layers rmg/store/edges.c '#include "rmg/rules/rule.h"\n' \
    'rmg/store/edges.c:1: layer rmg/store may not include rmg/rules/rule.h'
refuse check-layers rmg/store/edges.c '#include "rmg/rules/rule_priv.h"\n' \
    'rmg/store/edges.c:1: layer rmg/store may not include rmg/rules/rule_priv.h'
refuse check-layers base/id.c '#  include <rmg/store/edges.h>\n' \
    'base/id.c:1: layer base may not include rmg/store/edges.h'
refuse check-layers proc/host/spawn.c '#include "rmg/store/edges.h"\n#include <seccomp.h>\n' \
    'proc/host/spawn.c:1: layer proc/host may not include rmg/store/edges.h'
refuse check-layers kernel/core/step.c '#include "kernel/log/log.h"\n#include "kernel/core/step.h"\n' \
    'kernel/core/step.c:1: layer kernel/core may not include kernel/log/log.h'
accept check-layers kernel/loop.c \
    '#include "kernel/core/step.h"\n#include <time.h>\n' \
    '7 files keep to build-aux/layers.txt'
refuse check-layers kernel/core/step.c '#include <liburing.h>\n' \
    'kernel/core/step.c:1: <liburing.h> belongs to kernel/event kernel/log tests'
refuse check-layers kernel/core/step.c '#include <time.h>\n#include <sys/mman.h>\n' \
    'kernel/core/step.c:1: layer kernel/core may not include <time.h>' \
    'kernel/core/step.c:2: layer kernel/core may not include <sys/mman.h>'
refuse check-layers rmg/store/edges.c '#include <pthread.h>\n' \
    'rmg/store/edges.c:1: layer rmg/store may not include <pthread.h>'
refuse check-layers sws/a.c '#include <seccomp.h>\n' \
    'sws/a.c:1: <seccomp.h> belongs to proc/host tests'
refuse check-layers tools/a.c '#include <sodium.h>\n' \
    'tools/a.c:1: <sodium.h> belongs to base tests'
refuse check-layers sws/a.c '#include "rmg/store/edges_priv.h"\n' \
    'sws/a.c:1: rmg/store/edges_priv.h is private to rmg/store'
refuse check-layers tests/sws_a.c '#include "rmg/store/edges_priv.h"\n' \
    'tests/sws_a.c:1: rmg/store/edges_priv.h is private to rmg/store'
refuse check-layers rmg/store/edges.c '#include "edges.h"\n' \
    'rmg/store/edges.c:1: "edges.h" is no path from the top of the tree to a folder of layers.txt'
refuse check-layers proc/a.c 'int x;\n' 'proc/a.c:1: no folder of layers.txt holds this file'
for file in syscall/ring.c syscall/ring.h; do
    make_tree
    mkdir syscall
    printf '#include "syscall/abi.h"\n#include "syscall/decode.h"\n' >$file
    expect check-layers 1 "$file:2: file $file may not include syscall/decode.h"
done

# --- check-headers ---
make_tree
expect check-headers 0 '3 headers compile by themselves'
refuse check-headers sws/overlay.h 'int overlay(uint32_t x);\n' \
    'sws/overlay.h: does not compile by itself'
refuse check-headers sws/overlay.h 'struct overlay { int x; };\n' \
    'sws/overlay.h: does not compile by itself' # no guard: twice is once too often

# --- check-words ---
make_tree
# 6 sources, 2 local.mk, Makefile.am, and the scripts and tables of build-aux.
aux=$(find build-aux -type f | wc -l)
expect check-words 0 "$((9 + aux)) files keep to build-aux/words.txt"
while read -r call reason; do
    refuse check-words base/id.c "\n    $call(x);\n" "base/id.c:2: $call(): $reason"
done <<'END'
strcpy has no bound: use snprintf or a jit_buf
strcat has no bound: use snprintf or a jit_buf
sprintf has no bound: use snprintf or a jit_buf
gets has no bound: use snprintf or a jit_buf
strtok keeps state in the library
atoi cannot report an error
rand is no seeded generator of ours: base/random.h
srand is no seeded generator of ours: base/random.h
alloca has no bound
system runs a shell
sleep waiting is for an event, not for a time
usleep waiting is for an event, not for a time
setjmp jumps over every out: label
END
for file in rmg/store/edges.c sws/a.c kernel/core/a.c; do
    refuse check-words $file 'x = malloc (1);\ny = getenv("X");\n' \
        "$file:1: malloc(): the heap is a parameter here" \
        "$file:2: getenv(): there is no environment here"
done
accept check-words tests/rmg/store/test_edges.c 'a = setjmp(b);\nb = malloc(1);\n' \
    "$((9 + aux)) files keep to build-aux/words.txt"
accept check-words base/id.c \
    'x = my_system(1);\nio->rename(io);\ny = "gets(x)";\n// atoi(x)\nint strtok_free(void);\n' \
    "$((9 + aux)) files keep to build-aux/words.txt"
refuse check-words base/id.c 'y = "a /* \\" b"; gets(x);\n' \
    'base/id.c:1: gets(): has no bound: use snprintf or a jit_buf'
for word in TODO FIXME XXX; do
    refuse check-words base/local.mk "# a\n# $word: b\nx = 1$word ${word}S mkdtemp.${word}XXX\n" \
        "base/local.mk:2: $word: finish it, or mark open design by NEEDSWORK:"
done
refuse check-words base/id.c 'int  a; \n\tint b;\r\n' \
    'base/id.c:1: blank at the end of the line' \
    'base/id.c:2: blank at the end of the line' 'base/id.c:2: tab'
refuse check-words base/id.c "$(printf '%0101d' 0)\n$(printf '%0100d' 0)\n" \
    'base/id.c:1: 101 bytes in a line; 100 is the limit'
refuse check-words base/id.c "$(printf '%0801d' 0 | sed 's/0/\\n/g')" \
    'base/id.c:801: more than 800 lines: split it, or say why in words.txt'
refuse check-words base/id.h '/* an id */\n' \
    'base/id.h:1: a header starts with "/* base/id.h - what it is"'

# --- check-files ---
make_tree
expect check-files 0 '6 source files, all of them in the build or the release'
refuse check-files rmg/store/old.c 'int x;\n' 'rmg/store/old.c: no Makefile.am or local.mk names it'
make_tree # a local.mk that nobody includes names nothing
printf 'z = %%D%%/a.c\n' >sws/local.mk
: >sws/a.c
expect check-files 1 'sws/a.c: no Makefile.am or local.mk names it'
mkdir sws/data # data may be named by its folder, code may not
# shellcheck disable=SC2016 # make expands it
printf 'include $(srcdir)/sws/local.mk\n' >>Makefile.am
printf 'EXTRA_DIST = %%D%%/data\n' >sws/local.mk
rm sws/a.c
: >sws/data/a.jitos
expect check-files 0 '7 source files, all of them in the build or the release'
: >sws/data/a.c
expect check-files 1 'sws/data/a.c: no Makefile.am or local.mk names it'
refuse check-files 'rmg/store/a b.c' '' 'rmg/store/a b.c: a blank in its name'

# --- check-format ---
if command -v clang-format-14 >/dev/null; then
    make_tree
    expect check-format 0 '6 files are as clang-format-14 writes them'
    refuse check-format base/id.c '\nint id_get( void )\n{\n  return 1;\n}\n' \
        'base/id.c:2: not as clang-format writes it'
    build-aux/check-format --write
    expect check-format 0 '6 files are as clang-format-14 writes them'
fi
# Where it is missing, the test is skipped, and fails where everything must work.
make_tree
mkdir bin
for name in sh dirname awk find sed sort grep cat; do ln -s "$(command -v $name)" bin/$name; done
skipped='skipped: no clang-format 14 here; on Debian 12: apt-get install clang-format-14'
full_path=$PATH
PATH=$tree/bin
JIT_MUST_WORK='' expect check-format 77 "$skipped"
JIT_MUST_WORK=1 expect check-format 1 "$skipped"
PATH=$full_path

# --- all of them, where there is nothing to look at ---
rm -rf "${tree:?}"/base rmg sws kernel proc tests tools
: >Makefile.am
for check in layers files; do
    expect check-$check 1 "check-$check: no source file here; run it at the top of the tree"
done

echo "$((cases - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
