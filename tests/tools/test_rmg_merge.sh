#!/bin/bash
# Goal:   `rmg diff`, `apply` and `merge` keep their promises: what they print, exit codes, that a
#         conflict leaves nothing behind, and that choices settle it.
# Method: a graph of three people, two sides of it, output compared word by word.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"
i=$s

nodes=':ID,name,age:int,:LABEL'
edges=':START_ID,:TYPE,:END_ID,:EDGE_ID(rmg-id)'
e1=$(printf '%064d' 1)
e2=$(printf '%064d' 2)
e3=$(printf '%064d' 3)
graph() { # NAME: nodes.csv and edges.csv on the way
    "$rmg" import n.csv e.csv -o "$1.rmg" >>made.txt || exit 99
}
printf '%s\na,Ann,7,Person\nb,Ben,8,Person\nc,Cy,9,Thing\n' "$nodes" >n.csv
printf '%s\na,KNOWS,b,%s\nb,OWNS,c,%s\n' "$edges" "$e1" "$e2" >e.csv
graph base
printf '%s\na,Ann,8,Person\nb,Ben,8,Person\nc,Cy,9,Thing\nd,Di,1,Person\n' "$nodes" >n.csv
printf '%s\na,KNOWS,b,%s\nb,OWNS,c,%s\nd,OWNS,c,%s\n' "$edges" "$e1" "$e2" "$e3" >e.csv
graph ours
printf '%s\na,Ann,9,Person\nb,Ben,8,Person\n' "$nodes" >n.csv
printf '%s\na,KNOWS,b,%s\n' "$edges" "$e1" >e.csv
graph theirs
printf '%s\na,Ann,7,Person\nb,Bo,8,Person\nc,Cy,9,Thing\n' "$nodes" >n.csv
printf '%s\na,KNOWS,b,%s\nb,OWNS,c,%s\n' "$edges" "$e1" "$e2" >e.csv
graph other

# ---- diff ----
run "$rmg" diff base.rmg ours.rmg
check 'diff' 0 "/
  + node $i \"Di\"  *
  + edge 0000000000000000  * $i \"Di\" -> $i \"Cy\"
  ~ value $i \"Ann\" \"age\"  i64 7 => i64 8
  + value $i \"Di\" \"age\"  i64 1
  + value $i \"Di\" \"name\"  text \"Di\"" ''
run "$rmg" diff base.rmg theirs.rmg --names
check 'diff names' 0 "/
  - node $i \"Cy\"
  - edge 0000000000000000
  - value $i \"Cy\" \"age\"
  - value $i \"Cy\" \"name\"
  ~ value $i \"Ann\" \"age\"" ''
run "$rmg" diff base.rmg theirs.rmg --stat --exit-code
check 'diff stat' 1 '/ *- 1 nodes  - 1 edges  - 2 values  ~ 1 values' ''
run "$rmg" diff base.rmg base.rmg --exit-code
check 'diff of one' 0 '' ''
run "$rmg" diff base.rmg base.rmg --json
check 'diff of one, json' 0 '{"event":"done","schema":"rmg.diff/1","from":"'"$h"'","to":"'"$h"'",'\
'"same":true,"instances_touched":0,"counts":{"instances":{"added":0,"removed":0,"changed":0},'* ''
run "$rmg" diff base.rmg other.rmg --json
check 'diff json' 0 '{"event":"change","schema":"rmg.diff/1","change":"changed","in":"/",'\
'"place":{"kind":"attachment","instance":"'"$h"'","plane":"alpha","owner":"'"$h"'","name":"name"},'\
'"label":"Bo","before":{"type":"'"$h"'","bytes":"42656e"},"after":{"type":"'"$h"'","bytes":"426f"}}
{"event":"done",*"same":false,"instances_touched":1,*'\
'"values":{"added":0,"removed":0,"changed":1}}}' ''
run "$rmg" diff base.rmg ours.rmg --graph dot
check 'diff dot' 0 'digraph difference {*label="Di : *color=green4*-> *color=green4*label="Ann : '*\
'color=orange3*}' ''
run "$rmg" diff base.rmg missing.rmg
check 'diff of nothing' 3 '' '*cannot read missing.rmg*there is no such file*'
run "$rmg" diff base.rmg
check 'diff of one operand' 2 '' '*'

# ---- patches ----
run "$rmg" diff base.rmg ours.rmg -o p
check 'patch' 0 'p  5 operations, *' ''
run "$rmg" apply base.rmg p -o again.rmg
check 'apply' 0 "again.rmg  state_root $h" ''
cmp -s again.rmg ours.rmg || fail 'apply gives another file'
run "$rmg" apply theirs.rmg p -o no.rmg
check 'apply elsewhere' 1 '' "*p does not stand on theirs.rmg*was made for state root $h*--rebase*"
run "$rmg" apply other.rmg p --rebase -o moved.rmg --json
check 'rebase' 0 '{"event":"done","schema":"rmg.apply/1","path":"moved.rmg",'\
'"bytes":*,"moved":true,'\
'"conflicts":0,"operations":5,*"state_root":"'"$h"'"}' ''
run "$rmg" merge base.rmg ours.rmg other.rmg -o merged.rmg
check 'merge' 0 "merged.rmg  6 operations; 5 places from ours, 1 from theirs, 0 alike, 0 joined, "\
"0 settled
state_root $h" ''
cmp -s moved.rmg merged.rmg || fail 'rebase and merge differ'
run "$rmg" merge base.rmg other.rmg ours.rmg -o merged2.rmg
cmp -s merged2.rmg merged.rmg || fail 'merge is not symmetric'
run "$rmg" apply theirs.rmg p --rebase -o no.rmg
check 'rebase with conflicts' 1 "conflict 1  end-deleted*conflict 2  value*
  base    only its hash is known: $i
  ours    i64 8
  theirs  i64 9" '2 conflicts, nothing is written*'
head -c 100 p >short
run "$rmg" apply base.rmg short -o no.rmg
check 'a cut patch' 5 '' '*cannot read short*damaged*'
run "$rmg" apply base.rmg e.csv -o no.rmg
check 'no patch' 5 '' '*cannot read e.csv*'

# ---- conflicts and choices ----
run "$rmg" merge base.rmg ours.rmg theirs.rmg -o no.rmg -w todo.json
check 'conflicts' 1 "conflict 1  end-deleted  /  edge 0000000000000000
  the edge has an end that the other side deleted
  about   node $i \"Cy\"
  base    -
  ours    * $i \"Di\" -> $i \"Cy\"
  theirs  -
conflict 2  value  /  value $i \"Ann\" \"age\"
  both sides gave it another value
  base    i64 7
  ours    i64 8
  theirs  i64 9" '2 conflicts, nothing is written; fill in "take" in todo.json'
run "$rmg" merge base.rmg ours.rmg theirs.rmg --json
check 'conflicts json' 1 '{"event":"conflict","schema":"rmg.merge/1","number":1,'\
'"conflict":"end-deleted","why":"*","place":{"kind":"edge",*},"other":{"kind":"node",'\
'*},"base":null,'\
'"ours":{"from":*},"theirs":null}
{"event":"conflict",*"number":2,"conflict":"value",*"other":null,"base":{*},"ours":{*},'\
'"theirs":{*}}
{"event":"done","schema":"rmg.merge/1","conflicts":2}' '2 conflicts*'
[[ -e no.rmg ]] && fail 'something was written'
run "$rmg" merge base.rmg ours.rmg theirs.rmg -c todo.json
check 'nothing filled in' 1 'conflict 1*conflict 2*' '2 conflicts*'
sed '0,/"take": null/s//"take": "ours"/' todo.json >half.json
run "$rmg" merge base.rmg ours.rmg theirs.rmg -c half.json -w rest.json
check 'one filled in' 1 'conflict 1  value *' '1 conflicts*'
sed 's/"take": null/"take": "theirs"/' rest.json >all.json
run "$rmg" merge base.rmg ours.rmg theirs.rmg -c all.json -o settled.rmg
check 'all filled in' 0 "settled.rmg  *0 joined, * settled
state_root $h" ''
run "$rmg" diff theirs.rmg settled.rmg
check 'the node came back for the edge' 0 "/
  + node $i \"Cy\"  *
  + node $i \"Di\"  *
  + edge 0000000000000000  *\"Di\" -> *\"Cy\"
*" ''
run "$rmg" verify settled.rmg
check 'it is valid' 0 '*' ''
for side in ours theirs; do
    run "$rmg" merge base.rmg ours.rmg theirs.rmg --strategy "$side" -o "s-$side.rmg" --json
    check "strategy $side" 0 '{"event":"done","schema":"rmg.merge/1","path":*"conflicts":0,*}' ''
done
run "$rmg" merge base.rmg theirs.rmg ours.rmg --strategy theirs -o mirror.rmg
cmp -s mirror.rmg s-ours.rmg || fail 'strategies do not mirror'

# ---- files of choices that are none ----
refused() { # NAME WHY TEXT
    printf '%s' "$3" >bad.json
    run "$rmg" merge base.rmg ours.rmg theirs.rmg -c bad.json -o no.rmg
    check "$1" 2 '' "*bad.json*$2*"
}
place='"place":{"kind":"node","instance":"'$e1'","id":"'$e2'"}'
refused 'no json' 'line 1, column' '{'
refused 'no schema' 'rmg.choices/1' '{"choices":[]}'
refused 'no list' 'must be a list' '{"schema":"rmg.choices/1"}'
refused 'another key' 'unknown key "more"' '{"schema":"rmg.choices/1","choices":[],"more":1}'
refused 'no place' 'choice 1: "place"' '{"schema":"rmg.choices/1","choices":[{"take":"ours"}]}'
refused 'no side' 'choice 1: "take"' \
    '{"schema":"rmg.choices/1","choices":[{'"$place"',"take":"mine"}]}'
refused 'a place apart' 'choice 1 names a place that neither side changed' \
    '{"schema":"rmg.choices/1","choices":[{'"$place"',"take":"ours"}]}'
place=$(grep -A6 '"kind": "attachment"' todo.json | tr -d '\n')
place='"place":{'${place%%\}*}'}'
refused 'twice' 'names a place that another choice names as well' \
    '{"schema":"rmg.choices/1","choices":[{'"$place"',"take":"ours"},{'"$place"',"take":"base"}]}'
run "$rmg" merge base.rmg ours.rmg theirs.rmg -c missing.json
check 'no file of choices' 3 '' '*missing.json*there is no such file*'

# ---- joins, from the schema that the graphs carry ----
printf 'system s\ntype Person { name: text, hits: i64 sum = 0, best: i64 max = 0 }\n' >s.jitos
typed() { # NAME HITS BEST
    printf ':ID,name,hits:int,best:int,:LABEL\na,Ann,%s,%s,Person\n' "$2" "$3" >t.csv
    "$rmg" import t.csv --schema s.jitos -o "$1.rmg" >>made.txt || exit 99
}
typed t0 10 5
typed t1 13 9
typed t2 11 7
run "$rmg" merge t0.rmg t1.rmg t2.rmg -o tm.rmg
check 'joins' 0 'tm.rmg  2 operations; 0 places from ours, 0 from theirs, 0 alike, 2 joined, *' ''
run "$rmg" diff t1.rmg tm.rmg
check 'sum and max' 0 "*  ~ value $i \"Ann\" \"hits\"  i64 13 => i64 14" ''
typed t1 9223372036854775807 5
run "$rmg" merge t0.rmg t1.rmg t2.rmg -o no.rmg
check 'an overflow' 1 'conflict 1  overflow  *i64 10*i64 9223372036854775807*i64 11' '1 conflicts*'
sed -i 's/sum/max/' s.jitos
typed t2 11 7
run "$rmg" merge t0.rmg t1.rmg t2.rmg -o no.rmg
check 'schemas that differ' 1 '*conflict *' '*the schemas differ: *Person*hits*'

# ---- the page's way to make choices by a script ----
if command -v jq >made.txt; then
    "$rmg" merge base.rmg ours.rmg theirs.rmg --json 2>err.txt | jq -s '{schema: "rmg.choices/1",
        choices: [.[] | select(.event == "conflict") | {place, take: "ours"}] | unique}' >jq.json
    run "$rmg" merge base.rmg ours.rmg theirs.rmg -c jq.json -o jq.rmg
    check 'choices by jq' 0 'jq.rmg *' ''
    cmp -s jq.rmg s-ours.rmg || fail 'jq is not the strategy'
fi

finish
