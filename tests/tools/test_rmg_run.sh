#!/bin/bash
# Goal:   `rmg run`: which script, what it makes of a graph, bounds, what cannot be run; nothing is
#         written unless all of it ran.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

printf ':ID,seen:int,:LABEL\na,1,Person\nb,0,Person\nc,0,Person\nd,0,Person\n' >nodes.csv
printf ':START_ID,:TYPE,:END_ID\na,KNOWS,b\nb,KNOWS,c\nd,KNOWS,a\n' >edges.csv
"$rmg" import nodes.csv edges.csv --schema infer -o g.rmg -q >/dev/null || exit 99
cat >s.jitos <<'END'
system s
type Person { seen: i64 = 0 }
type Badge
edge KNOWS, HAS
rule mark(to: i64) match (a:Person)-[:KNOWS]->(b:Person)
  where a.seen = 1 and b.seen = 0 set b.seen = to
rule badge match (a:Person)
  where a.seen = 1 and not (a)-[:HAS]->(:Badge) create (a)-[:HAS]->(:Badge)
rule turn match (a:Person)-[k:KNOWS]->(b:Person) delete k create (b)-[:KNOWS]->(a)
rule lucky match (a:Person) where chance(0.5) set a.seen = 2
script spread { until none mark(to = 1) until none badge }
script forever { until none turn }
script short at most 1 { until none mark(to = 1) }
script luck { once lucky }
script all_turn { all turn }
END

run "$rmg" run g.rmg --rules s.jitos --script spread -o after.rmg
check 'run' 0 ' *2  mark
 *3  badge
 *5  rewrites
after.rmg  state_root '"$h" ''
run "$rmg" query after.rmg 'match (a)-[:HAS]->(b) return count(*)'
check 'what it made' 0 '3' ''
run "$rmg" query after.rmg 'match (a:Person) where a.seen = 1 return count(*)'
check 'what it set' 0 '3' ''
run "$rmg" verify after.rmg
check 'the file' 0 '*' ''
run "$rmg" run g.rmg -r s.jitos -s spread -o again.rmg -q
cmp -s after.rmg again.rmg || fail 'two runs differ'
run "$rmg" run g.rmg -r s.jitos -s spread --json
check 'json, only try' 0 '{"event":"done","schema":"rmg.run/1","script":"spread","rewrites":5,'\
'"calls":\[{"rule":"mark","rewrites":2},{"rule":"badge","rewrites":3}\],"nodes":*,"edges":*,'\
'"state_root":"'"$h"'"}' ''
run "$rmg" run after.rmg -r s.jitos -s spread
check 'nothing to do' 0 '*0  rewrites
state_root '"$("$rmg" hash after.rmg | sed 's/.* //')" ''
run "$rmg" run g.rmg -r s.jitos -s all_turn -o turned.rmg
check 'side by side' 0 ' *3  turn*' ''
run "$rmg" query turned.rmg 'match (a)-[:KNOWS]->(b)-[:KNOWS]->(c) return count(*)'
check 'turned' 0 '2' ''

run "$rmg" run g.rmg -r s.jitos -s forever --budget 1000 -o no.rmg
check 'budget' 124 '' '*forever was stopped*1,000 rewrites*--budget*'
run "$rmg" run g.rmg -r s.jitos -s short -o no.rmg
check 'at most' 124 '' '*short was stopped*1 rewrites*at most*'
run "$rmg" run g.rmg -r s.jitos -s luck -o no.rmg
check 'chance' 2 '' '*luck cannot be run*rule lucky has `chance`*'
run "$rmg" run g.rmg -r s.jitos -o no.rmg
check 'which script' 2 '' '*has 5 scripts*spread, forever, short, luck*'
run "$rmg" run g.rmg -r s.jitos -s nothing -o no.rmg
check 'no such script' 3 '' '*no script nothing*spread, forever*'
run "$rmg" run g.rmg -s spread -o no.rmg
check 'no rules' 2 '' '*needs --rules*'
run "$rmg" run g.rmg -r none.jitos -o no.rmg
check 'no such rules' 3 '' '*cannot read none.jitos*no such file*'
printf 'system s\nscript a { until none b }\n' >bad.jitos
run "$rmg" run g.rmg -r bad.jitos -o no.rmg
check 'wrong rules' 2 '' '*bad.jitos has no rules*bad.jitos:2:*b*'
printf 'system s\ntype A\n' >empty.jitos
run "$rmg" run g.rmg -r empty.jitos -o no.rmg
check 'no script at all' 3 '' '*empty.jitos has no script*'
run "$rmg" run none.rmg -r s.jitos -s spread -o no.rmg
check 'no such graph' 3 '' '*none.rmg*no such file*'
run "$rmg" run g.rmg -r s.jitos -s spread --in /nowhere -o no.rmg
check 'no such instance' 3 '' '*'
head -c 200 g.rmg >cut.rmg
run "$rmg" run cut.rmg -r s.jitos -s spread -o no.rmg
check 'damaged' 5 '' '*cannot read cut.rmg*'
run "$rmg" run g.rmg -r s.jitos -s spread -o none/no.rmg
check 'no folder' 3 '' '*no folder none*'
[ ! -e no.rmg ] || fail 'a failed run left a file'

finish
