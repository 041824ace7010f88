#!/bin/bash
# Goal:   the pages in docs/spec say enough for a second implementation: one that was made from them
#         alone reads what rmg writes, computes the same roots, and refuses what is damaged.
# Method: second_reader.py over the golden files and over files made here; what it says of each is
#         compared with what rmg says.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

python3 -c 'import hashlib, struct' 2>/dev/null || skip 'no python3'
second() { python3 "$top/tests/tools/second_reader.py" "$@"; }
golden=$top/tests/rmg/golden

# said FILE: what rmg says of it, in the second reader's words
said() {
    "$rmg" hash --linear --json "$1" >hash.txt 2>err.txt
    "$rmg" hash --echo --json "$1" >echo.txt 2>err.txt
    "$rmg" info --json "$1" >info.txt 2>err.txt
    local out
    out="${1##*/} state_root $(sed 's/.*"state_root":"\([0-9a-f]*\)".*/\1/' hash.txt)"
    out+=" linear $(sed 's/.*"linear_root":"\([0-9a-f]*\)".*/\1/' hash.txt)"
    ! grep -q echo_root echo.txt ||
        out+=" echo $(sed 's/.*"echo_root":"\([0-9a-f]*\)".*/\1/' echo.txt)"
    [[ $1 == *.wsc ]] || ! grep -q schema_hash info.txt ||
        out+=" schema $(sed 's/.*"schema_hash":"\([0-9a-f]*\)".*/\1/' info.txt)"
    echo "$out"
}

# ---- the golden files ----
run second "$golden"/{one.wsc,nested.wsc,nested.rmg,city.rmg,city.there.proof,city.absent.proof} \
    "$golden"/{city.values.proof,city.rmg.sig,city.patch}
want=$(for file in one.wsc nested.wsc nested.rmg city.rmg; do said "$golden/$file"; done)
"$rmg" apply "$golden/city.rmg" "$golden/city.patch" -o patched.rmg -q >made.txt
check 'golden files' 0 "$want
city.there.proof there nodes $h
city.absent.proof absent nodes $h
city.values.proof there alpha $h
city.rmg.sig state $h
city.patch leads_to $("$rmg" hash patched.rmg -q | cut -d' ' -f2)" ''

# ---- files made here: packages, words, types, instances on nodes and on edges ----
cp "$top"/examples/city/* .
corpus=$top/fuzz/corpus
"$rmg" import --from apt "$corpus/apt/traits" -o apt.rmg -q >made.txt
"$rmg" import --from wordnet "$corpus/wordnet/nouns" -o words.rmg --schema infer -q >made.txt
"$rmg" import "$corpus/ndjson/every.ndjson" -o every.rmg -q >made.txt
"$rmg" import "$corpus/graphml/nested.graphml" -o nested.rmg -q >made.txt
sed 's/4200/4300/' places.csv >other.csv
"$rmg" import places.csv roads.csv --schema types.jitos -o city.rmg -q >made.txt
"$rmg" import other.csv -o other.rmg -q >made.txt
run second apt.rmg words.rmg every.rmg nested.rmg city.rmg other.rmg
check 'files made here' 0 "$(for f in apt words every nested city other; do said $f.rmg; done)" ''
# A patch that takes away an instance, nodes, edges and values, and one that makes them.
for pair in 'city other' 'every nested' 'nested apt'; do
    read -r a b <<<"$pair"
    "$rmg" diff "$a.rmg" "$b.rmg" -o p.patch -q >made.txt
    run second "$a.rmg" p.patch
    check "patch from $a to $b" 0 "*
p.patch leads_to $("$rmg" hash "$b.rmg" -q | cut -d' ' -f2)" ''
done
# Two signers, and each plane's proofs.
"$rmg" keygen ann -q >made.txt
"$rmg" keygen bob -q >made.txt
"$rmg" sign every.rmg --key ann -q >made.txt
"$rmg" sign every.rmg --key bob -q >made.txt
inside=$("$rmg" export every.rmg | grep -m1 '"plane":"beta"' |
    sed 's/.*"instance":"\([0-9a-f]*\)".*"owner":"\([0-9a-f]*\)".*/\1 \2/')
for plane in edges edge-values node-values nodes; do
    "$rmg" prove every.rmg "${inside#* }" --in "${inside% *}" --plane $plane -o $plane.proof -q \
        >made.txt
done
"$rmg" prove every.rmg "${inside% *}" --plane instances -o instances.proof -q >made.txt
run second every.rmg every.rmg.sig {edges,edge-values,node-values,nodes,instances}.proof
check 'signers and planes' 0 "every.rmg *
every.rmg.sig state $h $h
edges.proof there edges ${inside#* }
edge-values.proof there beta ${inside#* }
node-values.proof absent alpha ${inside#* }
nodes.proof absent nodes ${inside#* }
instances.proof there instances ${inside% *}" ''

# ---- and what is damaged it refuses as well, so that to agree means something ----
for file in apt.rmg every.rmg.sig edges.proof; do
    size=$(stat -c %s "$file")
    for at in 33 $((size - 9)); do
        cp "$file" bent
        byte=$(od -An -tu1 -j "$at" -N 1 "$file" | tr -d ' ')
        printf "\\x$(printf %x $((byte ^ 1)))" | dd of=bent bs=1 seek="$at" conv=notrunc status=none
        run second every.rmg bent
        check "$file, byte $at" 1 '*' '*Error*'
    done
done

finish
