#!/bin/bash
# Goal:   `jitos rules` says what the rules of a file are: canonical texts.
# Method: small files; every output whole, with its exit code; a file that is written back is
#         whole and its own canonical text.
set -u
jitos=$PWD/tools/jitos
examples=$(cd "${top_srcdir:-.}/examples" && pwd)
JITOS_SCHEMAS=$(cd "${top_srcdir:-.}/schemas" && pwd)
export JITOS_SCHEMAS
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

# ---- fmt ----
cat >loose.jitos <<'END'
system   s # a name
type A { x:i64=0 }

# what it is for
rule r match (a:A) where a.x != 1 # not yet
set a.x=(1)
END
cat >tidy.jitos <<'END'
system s  # a name
type A { x: i64 = 0 }

# what it is for
rule r
  match (a:A)
  where a.x <> 1  # not yet
  set a.x = 1
END
run "$jitos" rules fmt loose.jitos
check 'to stdout' 0 "$(cat tidy.jitos)" ''
out=$("$jitos" rules fmt <loose.jitos)
check 'from stdin' 0 "$(cat tidy.jitos)" ''
run "$jitos" rules fmt --check tidy.jitos
check 'canonical' 0 '' ''
run "$jitos" rules fmt --check tidy.jitos loose.jitos
check 'not canonical' 1 'loose.jitos' ''
run "$jitos" rules fmt --check loose.jitos --json
check 'not canonical, json' 1 \
    '{"event":"file","schema":"jitos.rules.fmt/1","file":"loose.jitos","canonical":false,'\
'"written":false}' ''
run "$jitos" rules fmt --write tidy.jitos loose.jitos
check 'written back' 0 'loose.jitos' ''
run cmp loose.jitos tidy.jitos
check 'is canonical' 0 '' ''
printf 'system s\nrule r match (a:A) set a.x == 1\n' >wrong.jitos
run "$jitos" rules fmt --write wrong.jitos
check 'wrong text' 2 '' 'jitos rules: wrong.jitos cannot be formatted
*wrong.jitos:2:28: error: equality is written with one =*'
run cat wrong.jitos
check 'is left alone' 0 $'system s\nrule r match (a:A) set a.x == 1' ''
run "$jitos" rules fmt --write
check 'nothing to write to' 2 '' 'jitos rules: there is nothing to write back to*'
run "$jitos" rules fmt missing.jitos
check 'no such file' 3 '' '*missing.jitos cannot be read*No such file*'
run "$jitos" rules fnt loose.jitos
check 'no such action' 2 '' '*does not know `fnt`*jitos rules fmt FILE'
for file in "$examples"/*/*.jitos "$JITOS_SCHEMAS"/*.jitos; do
    "$jitos" rules fmt "$file" >once.jitos
    run "$jitos" rules fmt --check once.jitos
    check "its own canonical text: ${file##*/}" 0 '' ''
done

finish
