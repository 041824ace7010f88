#!/bin/bash
# Goal:   `rmg` keeps its promises to a person and to a script: what it prints, where, which exit
#         code, and that nothing is left half done.
# Method: every verb on small inputs, output compared word by word; damaged files; full disks.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

printf ':ID,name,age:int,:LABEL\na,Ann,7,Person\nb,,,Person\nc,Cy,,Thing\n' >nodes.csv
printf ':START_ID,:TYPE,:END_ID,since:long\na,KNOWS,b,1999\na,KNOWS,b,\nb,OWNS,c,\n' >edges.csv

# ---- import, info, hash: people, then scripts ----
run "$rmg" import nodes.csv edges.csv -o g.rmg
check 'import csv' 0 'g.rmg  3 nodes, 3 edges, 4 values
state_root '"$h" 'types are kept as ids; --schema infer keeps their names as well'
root=${out##* }
run "$rmg" import --from csv edges.csv nodes.csv --out=h.rmg --json
check 'import, other order, json' 0 '{"event":"done","schema":"rmg.import/1","path":"h.rmg",'\
'"bytes":*,"instances":1,"nodes":3,"edges":3,"values":4,"state_root":"'"$root"'"}' 'types are *'
cmp -s g.rmg h.rmg || fail 'one state, one file'
run "$rmg" hash g.rmg
check 'hash' 0 "state_root $root" ''
run "$rmg" hash g.rmg --json
check 'hash json' 0 '{"event":"hash","schema":"rmg.hash/1","path":"g.rmg",'\
'"state_root":"'"$root"'"}' ''
run "$rmg" hash nodes.csv edges.csv
check 'hash of csv' 0 "state_root $root" ''
run "$rmg" info g.rmg
check 'info' 0 "input       g.rmg
size*
state_root  $root
instances              1
nodes                  4
*2  *
edges                  3
*" ''
run "$rmg" info g.rmg --json
check 'info json' 0 '{"event":"info","schema":"rmg.info/1","path":"g.rmg",'\
'"bytes":'"$(stat -c %s g.rmg)"',"state_root":"'"$root"'","instances":1,"nodes":4,"edges":3,'\
'"node_types":\[{"type":"*","name":null,"count":2},*{"type":"*","name":"instance","count":1}*\],'\
'"edge_types":\[{"type":"*","name":null,"count":2},{"type":"*","name":null,"count":1}\]}' ''
run "$rmg" verify g.rmg
check 'verify' 0 "g.rmg: sizes, order, content and state root are right
state_root $root" ''
run "$rmg" verify g.rmg --json
check 'verify json' 0 '{"event":"verify","schema":"rmg.verify/1","path":"g.rmg",'\
'"verified":true,"state_root":"'"$root"'"}' ''

# ---- export and back ----
run "$rmg" export g.rmg
check 'export to stdout' 0 '{"kind":"instance","id":"'"$h"'","root":"'"$h"'","parent":null}
{"kind":"node","instance":"'"$h"'","id":"'"$h"'","type":"'"$h"'"}
*{"kind":"edge","instance":"'"$h"'","id":"'"$h"'","from":"'"$h"'","to":"'"$h"'","type":"'"$h"'"}
*{"kind":"attachment","instance":"'"$h"'","plane":"alpha","owner":"'"$h"'","name":"*",'\
'"type":"'"$h"'","bytes":"*"}
{"kind":"attachment",*"plane":"beta",*' ''
printf '%s\n' "$out" >want.ndjson
run "$rmg" export g.rmg --to ndjson -o g.ndjson
check 'export to a file' 0 'g.ndjson  4 nodes, 3 edges' ''
cmp -s g.ndjson want.ndjson || fail 'stdout and file agree'
run "$rmg" hash g.ndjson
check 'hash of ndjson' 0 "state_root $root" ''
sort -R --random-source=nodes.csv g.ndjson >mixed.jsonl 2>/dev/null || tac g.ndjson >mixed.jsonl
run "$rmg" import mixed.jsonl -o back.rmg -q
check 'import ndjson in any order' 0 "back.rmg*
state_root $root" ''
"$rmg" export back.rmg | sort >a.txt
sort g.ndjson >b.txt
cmp -s a.txt b.txt || fail 'ndjson round trip'
out=$(cat g.ndjson | "$rmg" hash --from ndjson - 2>err.txt); code=$?; err=$(cat err.txt)
check 'hash of a pipe' 0 "state_root $root" ''
run "$rmg" export g.rmg --to csv -o x.csv --json
check 'export csv' 0 '{"event":"done","schema":"rmg.export/1",'\
'"paths":\["x.nodes.csv","x.edges.csv"\],"nodes":4,"edges":3,"lines":9,"portals_left":0,'\
'"instances_left":0}' ''
run "$rmg" hash x.nodes.csv x.edges.csv
check 'csv round trip' 0 "state_root $root" ''

# ---- apt ----
printf 'Package: a\nDepends: b | c\n\nPackage: a\nVersion: 2\n' >status
run "$rmg" import --from apt status -o apt.rmg
check 'import apt' 0 'apt.rmg  3 nodes, 2 edges, 3 values; 2 virtual, 1 later stanzas ignored
state_root *' ''
run "$rmg" info apt.rmg
check 'well-known names' 0 '*2  Virtual*1  Package*2  DEPENDS*' ''

# ---- walk: two instances, a circle, and a part that is not reached ----
z=00000000000000000000000000000000000000000000000000000000000000
node() { printf '{"kind":"node","instance":"%s","id":"%s","type":"%s"}\n' "$z$1" "$z$2" "${z}99"; }
edge()
{
    printf '{"kind":"edge","instance":"%s","id":"%s","from":"%s","to":"%s","type":"%s"}\n' \
        "$z$1" "$z$2" "$z$3" "$z$4" "$z$5"
}
{
    printf '{"kind":"instance","id":"%s","root":"%s","parent":null}\n' "${z}01" "${z}10"
    printf '{"kind":"instance","id":"%s","root":"%s",' "${z}02" "${z}20"
    printf '"parent":{"plane":"alpha","instance":"%s","owner":"%s","name":"in"}}\n' \
        "${z}01" "${z}10"
    printf '{"kind":"attachment","instance":"%s","plane":"alpha","owner":"%s","name":"in",' \
        "${z}01" "${z}10"
    printf '"descend":"%s"}\n' "${z}02"
    for n in 10 11 12 13; do node 01 $n; done
    node 02 20
    node 02 21
    edge 01 31 10 12 07
    edge 01 32 10 11 08
    edge 01 33 12 10 07
    edge 02 34 20 21 07
} >walk.ndjson
ids()
{
    printf '%s\n' "$out" | tr '\n' ' ' |
        sed 's/{[^}]*"depth":\([0-9]*\),"via":"\([a-z]*\)","id":"0*\([0-9]*\)"[^}]*}/\1\2\3/g
            s/{[^}]*} //'
}
run "$rmg" walk walk.ndjson --json
out=$(ids)
check 'walk order' 0 '0root10 1portal20 1edge12 1edge11 2edge21 ' '5 of 6 nodes shown; --all shows*'
run "$rmg" walk walk.ndjson --json --all
out=$(ids)
check 'walk all' 0 '0root10 1portal20 1edge12 1edge11 2edge21 0unreached13 ' ''
run "$rmg" walk walk.ndjson --json --depth 0
out=$(ids)
check 'walk depth' 0 '0root10 ' '1 of 6 *'
run "$rmg" walk walk.ndjson --json --limit 2
check 'walk limit' 0 '*{"event":"done","schema":"rmg.walk/1","shown":2,"nodes":6,"limited":true}' \
    '2 of 6 *--limit 0*'
run "$rmg" walk walk.ndjson -q
check 'walk for people' 0 '0  root           0000000000000000  00000000
1  portal  *' ''
run "$rmg" export walk.ndjson --to csv -o w
check 'csv has no place for portals' 2 '' 'rmg export: cannot export walk.ndjson as csv
  why:  node: rmg-id:*10 has a portal, for which CSV has no place
  next: rmg export walk.ndjson --to csv --partial leaves it out, and counts'
run "$rmg" export walk.ndjson --to csv -o w --partial
check 'csv says what it leaves out' 0 'w.nodes.csv, w.edges.csv  4 nodes, 3 edges' \
    'left out, since csv holds one instance: 1 portals, 1 other instances'

# ---- what is wrong ----
printf ':ID,age:int\na,x\n' >bad.csv
run "$rmg" import bad.csv -o never.rmg
check 'bad csv' 2 '' 'rmg import: cannot import bad.csv
  why:  bad.csv:2:3: "x" is no i64
  next: rmg help import'
run "$rmg" import bad.csv -o never.rmg --json
check 'bad csv, json' 2 '{"event":"error","schema":"rmg.error/1","exit":2,'\
'"what":"cannot import bad.csv","why":"bad.csv:2:3: \\"x\\" is no i64",'\
'"next":"rmg help import"}' 'rmg import: *'
printf '{"kind":"nod"}\n' >bad.ndjson
run "$rmg" hash bad.ndjson
check 'bad ndjson' 2 '' '*why:  bad.ndjson:1:1: an unknown kind of line: nod*'
run "$rmg" import missing.csv -o never.rmg
check 'no such input' 3 '' '*missing.csv: No such file or directory*'
run "$rmg" info missing.rmg
check 'no such file' 3 '' '*there is no such file*'
for name in missing missing.xyz; do
    run "$rmg" info "$name"
    check "no such file, $name" 3 '' "*cannot read $name*No such file or directory*"
    run "$rmg" diff g.rmg "$name"
    check "no such side, $name" 3 '' "*cannot read $name*No such file or directory*"
done
run "$rmg" walk
check 'no input at all' 2 '' '*needs INPUT*'
run "$rmg" info status
check 'no format' 2 '' '*why:  its name ends in none of*next: rmg info --from FORMAT*'
run "$rmg" import nodes.csv edges.csv
check 'no output' 2 '' '*needs -o OUT.rmg*'
run "$rmg" import -o x.rmg --from csv
check 'no input' 2 '' '*needs *'
run "$rmg" verify
check 'no operand' 2 '' '*takes one FILE*'
run "$rmg" verify nodes.csv
check 'nothing to verify' 2 '' '*a csv file has nothing to verify*'
run "$rmg" verify nodes.csv --from rmg
check 'no rmg file' 5 '' '*header 0, byte 0: it does not begin as an .rmg file does*'
run "$rmg" export g.rmg --to xml
check 'unknown choice' 2 '' '*it is one of: rmg, wsc, ndjson, csv*'
run "$rmg" exprot g.rmg
check 'did you mean' 2 '' '*did you mean export?*'
# Every import that fails says what to type next.
printf '' >empty
for words in 'nodes.csv nodes.csv' 'nodes.csv edges.csv --from json' 'none.csv' 'empty' \
    '. -o never.rmg' 'nodes.csv --schema none.jitos' 'nodes.csv --schema empty' \
    'err.txt --from csv' 'nodes.csv --from none' 'nodes.csv -o .' \
    'nodes.csv -o nodes.csv/never.rmg' ''; do
    # shellcheck disable=SC2086 # words
    run "$rmg" import -o never.rmg $words
    check "import that fails: $words" '[1-9]' '' 'rmg import: *
  why: *
  next: *'
done
run "$rmg" import --from wordnet empty -o never.rmg
check 'a WordNet without a word' 2 '' '*empty: no synset in it*'
# Without a standard stream nothing is written where words for people should go.
for stream in 0 1 2; do
    (eval "exec $stream>&-" && "$rmg" import nodes.csv edges.csv -o quiet.rmg -q) >out.txt 2>&1
    run "$rmg" verify quiet.rmg --root "$root"
    check "stream $stream is closed" 0 '*' ''
    rm -f quiet.rmg
done
# What is too large is called by its name.
{
    printf '{"kind":"instance","id":"%064d","root":"%064d","parent":null}\n' 1 2
    printf '{"kind":"node","instance":"%064d","id":"%064d","type":"%064d"}\n' 1 2 3
    printf '{"kind":"attachment","instance":"%064d","plane":"alpha","owner":"%064d",' 1 2
    printf '"name":"%0256d","type":"%064d","bytes":""}\n' 0 3
} >name.ndjson
run "$rmg" hash name.ndjson
check 'a long name' 2 '' '*name.ndjson:3:1: a name of more than 255 bytes*'
{
    head -n 2 name.ndjson
    printf '{"kind":"attachment","instance":"%064d","plane":"alpha","owner":"%064d",' 1 2
    printf '"name":"a","type":"%064d","bytes":"%02097154d"}\n' 3 0
} >atom.ndjson
run "$rmg" hash atom.ndjson
check 'a large atom' 2 '' '*atom.ndjson:3:1: an atom of more than 1 MiB*'
# A folder is no file, whatever it is named for.
mkdir folder
"$rmg" keygen key -q >quiet.txt
for words in 'info folder' 'info folder --from rmg' 'hash folder --from wsc' \
    'hash folder --from ndjson' \
    'hash folder --from json' 'hash folder --from graphml' 'hash folder --from gexf' \
    'hash folder --from apt' 'hash folder --from csv' 'apply g.rmg folder' \
    'merge g.rmg g.rmg g.rmg -c folder' "verify --proof folder --root $root" \
    'verify g.rmg --signer key.pub --signatures folder' \
    'sign g.rmg --key folder' 'sign g.rmg --key key -o folder' 'check g.rmg --schema folder' \
    'run g.rmg --rules folder' 'import nodes.csv -o folder' 'diff g.rmg g.rmg -o folder' \
    'prove g.rmg node:a -o folder'; do
    # shellcheck disable=SC2086 # words
    run "$rmg" $words
    check "a folder: $words" 2 '' '*folder*
  why:  *Is a directory*
  next: *'
done
# What has no end is refused by its beginning.
for format in rmg wsc; do
    run timeout 20 "$rmg" info --from $format /dev/full
    check "endless zeros as $format" 2 '' '*header 0, byte 0: it does not begin as *'
done
run timeout 20 "$rmg" import --from json /dev/full -o never.rmg
check 'endless zeros as json' 2 '' '*here should be a { that begins a graph*'
run timeout 20 "$rmg" import --from graphml /dev/full -o never.rmg
check 'endless zeros as graphml' 2 '' '*no XML*'
run "$rmg" import --from csv - -o never.rmg
check 'csv from stdin' 2 '' '*CSV files are read by name*next: rmg help import'
run "$rmg" import nodes.csv edges.csv -o nowhere/x.rmg
check 'no such folder' 3 '' 'rmg import: cannot write nowhere/x.rmg
  why:  there is no folder nowhere
  next: mkdir -p nowhere'
run "$rmg" export g.rmg -o nodes.csv/x.ndjson
check 'a file for a folder' 3 '' '*nodes.csv is no folder*'
run "$rmg" export g.rmg -o /dev/full
check 'full disk' 8 '' '*cannot write /dev/full*No space left on device*'
"$rmg" export g.rmg 2>err.txt >/dev/full
code=$?; out=; err=$(cat err.txt)
check 'full stdout' 8 '' '*No space left on device*'
# Also where it is noticed on the way, by a verb that then has no more to say.
awk 'BEGIN { print ":ID,name,:LABEL"
    for (i = 0; i < 300; i++) print "n" i ",some name,P" }' >long.csv
"$rmg" import long.csv -o long.rmg -q >out.txt 2>err.txt
for words in 'ls long.rmg' 'ls long.rmg --type P' 'walk --all long.rmg' 'diff g.rmg long.rmg'; do
    # shellcheck disable=SC2086 # words
    run "$rmg" $words
    [ ${#out} -gt 5000 ] || fail "$words: too short to be noticed on the way"
    # shellcheck disable=SC2086 # words
    "$rmg" $words -q 2>err.txt >/dev/full
    code=$?; out=; err=$(cat err.txt)
    check "full stdout on the way: $words" 8 '' 'rmg: cannot write the output: No space left*'
done
(ulimit -f 0; "$rmg" import nodes.csv edges.csv -o big.rmg >/dev/null 2>err.txt)
code=$?; out=$(ls big.rmg* 2>/dev/null); err=$(cat err.txt 2>/dev/null)
check 'nothing half done' 8 '' '*'

# ---- damage: a byte in each part of the file, and each length ----
size=$(stat -c %s g.rmg)
for at in 0 5 9 40 70 100 180 500 700 1000 $((size - 100)) $((size - 1)); do
    cp g.rmg bent.rmg
    byte=$(od -An -tu1 -j "$at" -N 1 g.rmg | tr -d ' ')
    printf "\\x$(printf %x $((byte ^ 129)))" | dd of=bent.rmg bs=1 seek="$at" conv=notrunc 2>dd.txt
    run "$rmg" verify bent.rmg
    check "bent byte $at" 5 '' 'rmg verify: bent.rmg is damaged
  why:  *, byte *: *
  next: *'
done
for keep in 0 3 63 64 200 $((size - 1)); do
    head -c "$keep" g.rmg >cut.rmg
    run "$rmg" verify cut.rmg
    check "cut at $keep" 5 '' '*, byte *: *'
    run "$rmg" info cut.rmg
    check "info of what is cut at $keep" '[25]' '' '*, byte *: *'
done
# Ten billion nodes in 64 bytes.
{ printf 'RMG\0\1\0\0\0\0\344\13\124\2\0\0\0'; head -c 48 /dev/zero; } >claim.rmg
run "$rmg" verify claim.rmg
check 'a claim without substance' 5 '' '*header 0, byte 8: more nodes than the file has room for*'

# ---- .wsc: there and back, whose value does not fit, other roots ----
golden=$top/tests/rmg/golden
run "$rmg" info "$golden/nested.wsc" --json
check 'info of .wsc' 0 '{"event":"info",*"schema_hash":"'"$h"'","tick":72623859790382856,'\
'"instances":3,"nodes":7,"edges":5,*' ''
run "$rmg" info "$golden/one.wsc"
check 'info of .wsc for people' 0 "*
schema_hash 0000*
tick                   0
*" ''
run "$rmg" import "$golden/nested.wsc" -o nested.rmg
check 'import .wsc' 0 'nested.rmg  7 nodes, 5 edges, 6 values
state_root '"$h" ''
nested=${out##* }
run "$rmg" export nested.rmg --to wsc -o nested.wsc --tick 72623859790382856 \
    --schema-hash 20fdd34e632861ac10bc22672eb7d669a6b2e85f3ae40f33b6ff2459bddfd874
check 'export --to wsc' 0 'nested.wsc  7 nodes, 5 edges' ''
cmp -s nested.wsc "$golden/nested.wsc" || fail '.wsc bit for bit'
run "$rmg" export nested.wsc --to wsc -o again.wsc --json
check 'what a .wsc says is kept' 0 \
    '{"event":"done","schema":"rmg.export/1","paths":\["again.wsc"\],*' ''
cmp -s again.wsc nested.wsc || fail '.wsc again'
run "$rmg" hash --from wsc nested.wsc
check 'hash of .wsc' 0 "state_root $nested" ''
run "$rmg" verify nested.wsc
check 'verify .wsc' 0 "nested.wsc: sizes, order, content and references are right; it says no root
state_root $nested" ''
run "$rmg" verify nested.wsc --root "$nested"
check 'verify .wsc --root' 0 "nested.wsc: sizes, order, content and state root are right
state_root $nested" ''
run "$rmg" verify nested.rmg --root "${nested//[0-9]/a}"
check 'verify --root of another' 5 '' "rmg verify: nested.rmg is another state
  why:  its state root is $nested
  next: rmg info nested.rmg"
run "$rmg" verify nested.rmg --root 12
check 'verify --root of nonsense' 2 '' 'rmg verify: --root does not take "12"*'
run "$rmg" export nested.rmg --to wsc -o never.rmg --schema-hash 12
check 'a schema hash of nonsense' 2 '' 'rmg export: --schema-hash does not take "12"*'
run "$rmg" hash --echo --linear nested.wsc
check 'other roots' 0 'echo_root 274c1c91b83d2df2c54ac6f61726d6971d4a98f01763b57ffe550323ff06acb4
linear_root 63c73c49e125c2861abdc2b626501fba035e2bd2584eebd04b946ce5eab43ccd' ''
run "$rmg" hash --echo nested.wsc --json
check 'other roots json' 0 '{"event":"hash","schema":"rmg.hash/1","path":"nested.wsc",'\
'"state_root":"'"$nested"'","echo_root":"274c1c91*"}' ''
run "$rmg" export g.rmg --to wsc -o never.rmg
check 'a value with a name' 2 '' 'rmg export: cannot export g.rmg as wsc
  why:  node '"$h"' "*" in /: it has a value named "*"; Echo has one value an owner, without a name
  next: rmg export g.rmg --to ndjson'
run "$rmg" hash --echo g.rmg
check 'no such root' 2 '' 'rmg hash: Echo has no such graph
  why:  node '"$h"' *: it has a value named "*"*'
run "$rmg" help hash
check 'the warning' 0 '*WARNING: it hashes no counts*Never sign it*' ''
size=$(stat -c %s nested.wsc)
for keep in 3 4 127 128 400 $((size - 1)); do
    head -c "$keep" nested.wsc >cut.wsc
    run "$rmg" verify cut.wsc
    check ".wsc cut at $keep" 5 '' '*, byte *: *'
done
{ printf 'WSC\0\1'; head -c 43 /dev/zero; printf '\377\377\0\0'; head -c 50 /dev/zero; } >claim.wsc
run "$rmg" verify claim.wsc
check 'a .wsc that claims' 5 '' '*header 0, byte *: *'

# ---- help ----
for verb in info import export hash walk verify; do
    run "$rmg" "$verb" -h
    check "$verb -h" 0 "rmg $verb - *Usage: rmg $verb*Examples:*All about it: rmg help $verb" ''
    run "$rmg" help "$verb"
    check "help $verb" 0 '*--json*Exit codes:*' ''
done
run "$rmg" --version
check 'version' 0 'rmg [0-9]*' ''

leftovers=$(ls -- *.tmp never.rmg big.rmg 2>/dev/null)
[[ -z $leftovers ]] || fail "left behind: $leftovers"
finish
