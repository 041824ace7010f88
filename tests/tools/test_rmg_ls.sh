#!/bin/bash
# Goal:   `rmg ls` and `rmg cat`: paths, nodes, nested instances, bounds, what is not there.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

printf ':ID,name,age:int,w:double,ok:boolean,raw:bytes,:LABEL\n'\
'a,Ann,7,0.5,true,00ff,Person\nb/c,Bob,,,,,Person\nd,"D\x1b[2J",,,,,Thing\n' >nodes.csv
printf ':START_ID,:TYPE,:END_ID,since:long\na,KNOWS,b/c,1999\na,OWNS,d,\n' >edges.csv
"$rmg" import nodes.csv edges.csv --schema infer -o g.rmg -q >/dev/null || exit 99

run "$rmg" ls g.rmg
[ "$(wc -l <<<"$out")" = 5 ] || fail "ls: $out"
check 'no control bytes' 0 '*D?\[2J*' ''
run "$rmg" ls g.rmg --type Person -l
check 'type, long' 0 '*Person * out *in  *' ''
run "$rmg" ls g.rmg /a
check 'of a node' 0 'KNOWS  *Person  *Bob
OWNS  *Thing  *D?\[2J' ''
run "$rmg" ls g.rmg -n 1
check 'limit' 0 '*' '4 more; --limit 0 shows all'
run "$rmg" ls g.rmg a --json
check 'json' 0 '{"event":"node","schema":"rmg.ls/1","id":"'"$h"'","instance":"'"$h"'",'\
'"type":"'"$h"'",'\
'"type_name":"Person","edge":"'"$h"'","edge_type":"'"$h"'",'\
'"edge_type_name":"KNOWS","name":"Bob"}
*"done","schema":"rmg.ls/1","shown":2,"left":0}' ''
run "$rmg" ls g.rmg /nobody
check 'not there' 3 '' '*nobody is neither a portal nor a node there*'
run "$rmg" ls nothing.rmg
check 'no file' 3 '' '*no such file*'

run "$rmg" cat g.rmg /a
check 'cat' 0 '{*"name": "age",*"value": 7*"name": "name",*"value": "Ann"*"name": "ok",*'\
'"value": true*"name": "raw",*"bytes": "00ff"*"name": "w",*"value": 0.5*'\
'"out_degree": 2,*"since",*1999*' ''
run "$rmg" cat g.rmg b/c --json
check 'a label with a slash' 0 '{"event":"node","schema":"rmg.cat/1",*"Bob"*"in_degree":1*' ''
id=$("$rmg" cat g.rmg a --json | sed 's/.*"id":"\([0-9a-f]*\)","instance.*/\1/')
run "$rmg" cat g.rmg "/${id:0:10}" --raw name
check 'digits, raw' 0 'Ann' ''
run bash -c "'$rmg' cat g.rmg $id --raw age | od -An -tu8"
check "raw bytes" 0 "*7" ""
run "$rmg" cat g.rmg a --raw none
check 'no such value' 3 '' '*the node has none of that name*'
run "$rmg" cat g.rmg /
check 'root node' 0 '*"type_name": "instance"*' ''
run "$rmg" cat g.rmg
check 'no path' 2 '' '*'

# ---- nested ----
t=$(printf 'ab%.0s' {1..32})
i=$(printf 'cd%.0s' {1..32})
r=$(printf '01%.0s' {1..32})
n=$(printf '02%.0s' {1..32})
{
    echo '{"kind":"instance","id":"'$t'","root":"'$r'","parent":null}'
    echo '{"kind":"instance","id":"'$i'","root":"'$n'","parent":{"plane":"alpha",'\
'"instance":"'$t'","owner":"'$r'","name":"in"}}'
    echo '{"kind":"node","instance":"'$t'","id":"'$r'","type":"'$t'"}'
    echo '{"kind":"node","instance":"'$i'","id":"'$n'","type":"'$t'"}'
    echo '{"kind":"attachment","instance":"'$t'","plane":"alpha","owner":"'$r'","name":"in",'\
'"type":"'$i'","descend":"'$i'"}'
} | sed 's/"type":"'$i'","descend"/"descend"/' >n.ndjson
run "$rmg" ls n.ndjson
check 'a portal' 0 "${i:0:16}  instance  /in/
${r:0:16}  abababab*" ''
run "$rmg" ls n.ndjson / -R
check 'nested' 0 "/:
*
/in:
${n:0:16}  *" ''
run "$rmg" cat n.ndjson /in
check 'root of a nested one' 0 '*"id": "'$n'"*' ''
run "$rmg" cat n.ndjson /in/0202
check 'by digits in it' 0 '*"id": "'$n'"*' ''

finish
