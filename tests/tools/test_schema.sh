#!/bin/bash
# Goal:   `rmg` with types: what `import --schema` puts into a file, what `check` says about one, in
#         words and as JSON, and with which exit code.
# Method: small inputs with one fault of each kind; an input without --schema keeps its root; a type
#         given, inferred and carried along is one and the same.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

JITOS_SCHEMAS=$top/schemas
export JITOS_SCHEMAS

same() {
    if cmp -s "$2" "$3"; then passed=$((passed + 1)); else
        fail "$1: $2 and $3 differ"
    fi
}

printf ':ID,name,age:int,:LABEL\na,Ann,7,Person\nb,,,Person\nc,Cy,,Thing\n' >nodes.csv
printf ':START_ID,:TYPE,:END_ID,since:long\na,KNOWS,b,1999\na,KNOWS,b,\nb,OWNS,c,\n' >edges.csv
cat >types.jitos <<'END'
system types
type Person { name: text, age: i64 = 3 }
edge KNOWS { since: i64 = 0 }
END

# ---- import ----
run "$rmg" import nodes.csv edges.csv -o plain.rmg
check 'without --schema no types' 0 "plain.rmg  3 nodes, 3 edges, 4 values
state_root $h" 'types are kept as ids; --schema infer keeps their names as well'
run "$rmg" import nodes.csv edges.csv -o typed.rmg --schema types.jitos
check 'with types' 0 "typed.rmg  3 nodes, 3 edges, 5 values
state_root $h
schema_hash $h" '1 values left out: no field declares them'
hash=${out##* }
run "$rmg" import nodes.csv edges.csv -o typed.rmg --schema types.jitos --json -q
check 'with types, json' 0 '{"event":"done",*"types":17,"schema_hash":"'"$hash"'",'\
'"values_ignored":1}' ''
run "$rmg" check typed.rmg
check 'a typed import keeps to its types' 0 '22 nodes, 3 edges, 5? values
not declared: 1 nodes, 1 edges, 0 values
all is as its type says' ''
run "$rmg" import typed.rmg -o again.rmg --schema types.jitos
check 'the same types again' 0 "*schema_hash $hash" '*'
same 'types twice' typed.rmg again.rmg
run "$rmg" import nodes.csv edges.csv -o inferred.rmg --schema infer
check 'inferred' 0 "inferred.rmg  3 nodes, 3 edges, 4 values*schema_hash $h" ''
run "$rmg" import inferred.rmg -o again.rmg --schema infer
check 'inferred again' 0 '*' ''
same 'inferred twice' inferred.rmg again.rmg
run "$rmg" import nodes.csv edges.csv -o from_graph.rmg --schema inferred.rmg
check 'types of another graph' 0 '*' ''
same 'inferred and taken from there' inferred.rmg from_graph.rmg
"$rmg" export inferred.rmg -o i.ndjson >out.txt
run "$rmg" import i.ndjson -o again.rmg
check 'types in NDJSON' 0 '*' ''
same 'NDJSON and back' inferred.rmg again.rmg

run "$rmg" info typed.rmg --json
check 'info says the schema hash' 0 '*"schema_hash":"'"$hash"'","instances":2,*' ''

# ---- types that cannot be joined ----
sed 's/age: i64 = 3/age: text/' types.jitos >other.jitos
run "$rmg" import typed.rmg -o never.rmg --schema other.jitos
check 'a value that is none' 2 '' '*why:  typed.rmg*age is no text*'
sed 's/name: text, age: i64 = 3/age: i64 = 3, name: text/' types.jitos >other.jitos
run "$rmg" import typed.rmg -o never.rmg --schema other.jitos
check 'conflict' 1 '' 'rmg import: the types of the input conflict with those of --schema
  why:  type Person: field 1 is `name` in the input and `age` in --schema
  next: *'
printf 'system x\ntype Person { name: txet }\n' >wrong.jitos
run "$rmg" import nodes.csv -o never.rmg --schema wrong.jitos
check 'a text that is wrong' 2 '' 'rmg import: wrong.jitos declares no types that can be used
  why:  wrong.jitos:2:21: error: there is no codec `txet`*'
run "$rmg" import nodes.csv -o never.rmg --schema missing.jitos
check 'no such schema' 3 '' '*cannot read the schema missing.jitos*there is no such file*'
run "$rmg" import nodes.csv -o never.rmg --schema plain.rmg
check 'a graph without types' 3 '' '*plain.rmg has no schema*'

# ---- check: one of each ----
z=00000000000000000000000000000000000000000000000000000000000000
run "$rmg" check plain.rmg
check 'no schema' 0 '4 nodes, 3 edges, 4 values; no schema, so only values are judged
all is as its type says' ''
run "$rmg" check plain.rmg --schema types.jitos
check 'missing' 1 "node $s Person: age is missing
edge $s KNOWS: since is missing
4 nodes, 3 edges, 4 values
not declared: 1 nodes, 1 edges, 1 values
2 breaches" ''
run "$rmg" check plain.rmg --schema types.jitos --limit 1
check 'limit' 1 "node $s Person: age is missing
4 nodes*2 breaches" '1 of 2 shown; --limit 0 shows all'
run "$rmg" check plain.rmg --schema types.jitos --json
check 'missing, json' 1 '{"event":"breach","schema":"rmg.check/1","kind":"missing",'\
'"what":"a field with a default is missing","element":"node","instance":"'"$h"'","id":"'"$h"'",'\
'"type":"'"$h"'","type_name":"Person","name":"age","declared":"i64"}
{"event":"breach",*"element":"edge",*
{"event":"done","schema":"rmg.check/1","schema_found":true,"nodes":4,"edges":3,"values":4,'\
'"nodes_undeclared":1,"edges_undeclared":1,"values_undeclared":1,"values_opaque":0,"breaches":2,'\
'"shown":2,"of_kind":{"kind":0,"missing":2,"codec":0,"portal":0,"canonical":0,"from":0,"to":0,'\
'"hidden_edge":0}}' ''
sed 's/age: i64 = 3/age: text/; s/edge KNOWS .*/type KNOWS/' types.jitos >other.jitos
run "$rmg" check plain.rmg --schema other.jitos
check 'codec and kind' 1 "*node $s Person: age is i64, declared is text
*edge $s KNOWS: its type is declared as one of nodes
*3 breaches" ''
{
    printf '{"kind":"instance","id":"%s","root":"%s","parent":null}\n' "${z}01" "${z}10"
    for n in 10 11; do
        printf '{"kind":"node","instance":"%s","id":"%s","type":"%s"}\n' "${z}01" "$z$n" "${z}99"
    done
    attach() {
        printf '{"kind":"attachment","instance":"%s","plane":"alpha","owner":"%s","name":"%s",' \
            "${z}01" "${z}11" "$1"
        printf '"type":"%s","bytes":"%s"}\n' "$2" "$3"
    }
    attach points c10f4e24dd1bf1eaf0776d36de6ecf85e93f045a98d0a338fed1297a48192095 "${z}10"
    attach -no- fa61da711694d8064063e0ec14bdcbb0fe4ccd2d09453b450a1d7109397bff69 02
} >hidden.ndjson
run "$rmg" check hidden.ndjson
check 'a hidden edge and a bool that is none' 1 "node 0000000000000000 0000000000000000: -no- \
its bytes are no canonical bool
node 0000000000000000 0000000000000000: points names node 0000000000000000: an edge in hiding
2 nodes, 0 edges, 2 values; no schema, so only values are judged
2 breaches" ''
run "$rmg" check missing.rmg
check 'no such file' 3 '' '*there is no such file*'
head -c 100 plain.rmg >cut.rmg
run "$rmg" check cut.rmg
check 'a damaged file' '[25]' '' '*rmg check: cannot read cut.rmg*'
run "$rmg" check -h
check 'help' 0 'rmg check - *Usage: rmg check*Examples:*' ''

# ---- the pack, by its name; ends of edges ----
printf ':ID,name,:LABEL\nw,town,World\na,Ann,Entity\nc,place,Component\n' >pack_nodes.csv
printf ':START_ID,:TYPE,:END_ID\nw,Holds,a\na,Has,c\n' >pack_edges.csv
run "$rmg" import pack_nodes.csv pack_edges.csv -o town.rmg --schema pack.jitos
check 'the pack' 0 "*schema_hash 7bf0dca057b9f96a*b70b7280f148249c627bdb5f60e0884c88a7" ''
run "$rmg" check town.rmg
check 'a town of the pack' 0 '*all is as its type says' ''
printf 'c,Has,a\n' >>pack_edges.csv
mkdir -p moved/bin moved/share/jitos/schemas
cp "$rmg" moved/bin/rmg
sed 's/^schema .*/schema moved_and_wrong/; s/^type /typo /' "$JITOS_SCHEMAS/pack.jitos" \
    >moved/share/jitos/schemas/beside.jitos
run env -u JITOS_SCHEMAS moved/bin/rmg check pack_nodes.csv pack_edges.csv --schema beside.jitos
check 'schemas beside a moved program' 2 '' '*share/jitos/schemas/beside.jitos:*'
run "$rmg" check pack_nodes.csv pack_edges.csv --schema pack.jitos
check 'edges that join the wrong nodes' 1 "edge $s Has: it leaves a node of type Component
edge $s Has: it enters a node of type Entity
*2 breaches" ''
printf 'schema more\nimport "pack.jitos"\ntype House { rooms: list<text> }\n' >more.jitos
run "$rmg" import pack_nodes.csv -o house.rmg --schema more.jitos --json
check 'types that import the pack' 0 '*"types":34,*' ''
printf 'schema more\nimport "pakc.jitos"\n' >more.jitos
run "$rmg" check town.rmg --schema more.jitos
check 'no such pack' 2 '' '*more.jitos:2:8: error: cannot read `pakc.jitos`: there is no such*'
run "$jitos" run "$JITOS_SCHEMAS/pack.jitos" --ticks 1 --seed 1 --data d
check 'a schema does not run' 2 '' '*is not a system that can run
  why:  it begins with `schema`: it has types and nothing else*'

# ---- query ----
run "$rmg" query plain.rmg 'match (a:Person) return a, a.name, a.age + 1 as next'
check 'a table' 0 "a                        a.name  next
Person $s  *  *
Person $s  *  *" ''
[[ $out == *"Ann     8"* && $out == *"-       -"* ]] || fail "values: $out"
run "$rmg" query plain.rmg --json \
    'match (a)-[k:KNOWS]->(b:Person) where k.since > 0 return a.name, k.since as since, b'
check 'json' 0 '{"event":"row","schema":"rmg.query/1","values":{"a.name":"Ann","since":1999,'\
'"b":{"id":"'"$h"'","type":"'"$h"'","type_name":"Person"}}}
{"event":"done","schema":"rmg.query/1","matches":1,"shown":1,"looks":*}' ''
run "$rmg" query inferred.rmg 'match (a)-[k:KNOWS]->(b:Person) return b limit 1' --json
check 'json with names' 0 '*"type_name":"Person"*"matches":2,"shown":1*' '1 of 2 rows shown'
run "$rmg" query nodes.csv edges.csv 'match (a) return count(*)'
check 'count, of CSV' 0 '4' ''
run "$rmg" query plain.rmg 'match (a) return count(*)' --json
check 'count, json' 0 '{"event":"row","schema":"rmg.query/1","values":{"count(\*)":4}}
{"event":"done",*' ''
run "$rmg" query plain.rmg 'match (a:Person) return a' --limit 1
check 'limit' 0 "a
Person $s" '1 of 2 rows shown; --limit 0 shows all'
run "$rmg" query plain.rmg 'match (a)-->(b) return a' --budget 3
check 'budget' 124 '' 'rmg query: the search was stopped
  why:  it has looked at 3 nodes and edges and found 0 matches so far
  next: *--budget N'
run "$rmg" query inferred.rmg 'match (t:type) return count(*)' --in /schema
check 'another instance' 0 '19' ''
run "$rmg" query plain.rmg 'match (a) return a' --in /nowhere
check 'no such instance' 3 '' '*there is no instance /nowhere*'
run "$rmg" query plain.rmg 'match (a:Person) where a.agee = 1 return a'
check 'a wrong query' 2 '' 'rmg query: the query is wrong
  why:  query:1:26: error: `Person` has no value `agee` to compare
          match (a:Person) where a.agee = 1 return a
                                   ^~~~
          help: did you mean `age`?
  next: rmg help query'
run "$rmg" query plain.rmg
check 'no query' 2 '' '*needs INPUT and QUERY*'
run "$rmg" query -h
check 'help of query' 0 'rmg query - *Usage: rmg query*Examples:*' ''

leftovers=$(ls -- *.tmp never.rmg 2>/dev/null)
[[ -z $leftovers ]] || fail "left behind: $leftovers"
finish
