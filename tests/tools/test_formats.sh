#!/bin/sh
# Goal:   real graphs of others come in and go out unchanged: WordNet, the package graph, what
#         networkx and igraph write and read; a run of jitos becomes a history for others; and what
#         the command line says of formats.
# Method: import, export, import again: the same state root in every format that holds it; what
#         Python's libraries read from our files is the graph that they wrote. Without a library
#         or a data set its part is skipped, and says why; JIT_MUST_WORK=1 makes that a failure.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
cd "$dir" || exit 99
passed=0

good()
{
    echo "ok $1"
    passed=$((passed + 1))
}
bad()
{
    echo "FAIL $1"
    failed=$((failed + 1))
}
left_out()
{
    if [ "${JIT_MUST_WORK:-0}" = 1 ]; then
        bad "$1 cannot run: $2"
    else
        echo "skip $1: $2"
    fi
}
# same WHAT FILE FORMAT...: out in each format and in again, the same root.
same()
{
    what=$1
    file=$2
    shift 2
    root=$("$rmg" hash -q "$file") || bad "$what: $file"
    for through; do
        if "$rmg" export -q "$file" --to "$through" -o "back.$through" >/dev/null 2>err.txt &&
            [ "$("$rmg" hash -q --from "$through" "back.$through" 2>>err.txt)" = "$root" ]; then
            good "$what through $through"
        else
            bad "$what through $through: $(cat err.txt)"
        fi
        rm -f "back.$through"
    done
}

# take COMMAND...: its lines begin with ok or FAIL.
take()
{
    "$@" >took.txt 2>err.txt || bad "$1: $(tail -n 1 err.txt)"
    while read -r verdict what; do
        case $verdict in
        ok) good "$what" ;;
        *) bad "$what" ;;
        esac
    done <took.txt
}

# ---- what others wrote ----
python=
for name in /usr/bin/python3 python3; do
    "$name" -c 'import networkx' 2>/dev/null && python=$name && break
done
if [ -z "$python" ]; then
    left_out networkx 'no Python has networkx: apt-get install python3-networkx'
else
    cat >write.py <<'END'
import json
import networkx as nx
from networkx.readwrite import json_graph
multi = nx.MultiDiGraph([(1, 2, {"w": 1.5}), (1, 2, {"w": 2}), ("a", 1, {})])
multi.graph["name"] = "multi"
multi.nodes[1]["pos"] = [1, 2.5]
multi.nodes["a"]["text"] = "<&>\"' \u20ac"
graphs = {
    "karate": nx.karate_club_graph(),
    "lesmis": nx.les_miserables_graph(),
    "florentine": nx.florentine_families_graph(),
    "atlas": nx.graph_atlas(1000),
    "tree": nx.balanced_tree(3, 4, nx.DiGraph()),
    "empty": nx.DiGraph(),
    "multi": multi,
}
for name, graph in graphs.items():
    with open(name + ".json", "w") as file:
        json.dump(json_graph.node_link_data(graph), file)
    if name != "multi":
        nx.write_graphml(graph, name + ".graphml")
        nx.write_gexf(graph, name + ".gexf")
END
    # What came out is, for networkx, what went in. It knows GEXF 1.3 under that name since 3.5.
    cat >compare.py <<'END'
import json
import sys
import networkx as nx
from networkx.readwrite import gexf, json_graph
def load(path):
    if path.endswith(".json"):
        with open(path) as file:
            data = json.load(file)
        try:
            return json_graph.node_link_graph(data, edges="edges" if "edges" in data else "links")
        except TypeError:
            return json_graph.node_link_graph(data)
    if path.endswith(".graphml"):
        return nx.read_graphml(path)
    if "1.3" not in gexf.GEXF.versions:
        with open(path) as file:
            text = file.read().replace("http://gexf.net/1.3", "http://www.gexf.net/1.2draft", 1)
        with open(path, "w") as file:
            file.write(text)
    return nx.read_gexf(path)
def plain(graph):
    ours = {"id", "label", ":LABEL", ":TYPE", "key"}
    clean = lambda values: sorted((k, str(v)) for k, v in values.items() if k not in ours)
    ends = (lambda a, b: (str(a), str(b))) if graph.is_directed() else \
        (lambda a, b: tuple(sorted((str(a), str(b)))))
    return (graph.is_directed(), sorted((str(n), clean(d)) for n, d in graph.nodes(data=True)),
            sorted((ends(a, b), clean(d)) for a, b, d in graph.edges(data=True)))
for path in sys.argv[1:]:
    try:
        same = plain(load(path)) == plain(load("out/" + path))
        print("ok" if same else "FAIL", "networkx reads", path, "as it wrote it")
    except Exception as error:
        print("FAIL networkx reads", path, "as it wrote it:", error)
END
    mkdir out
    "$python" write.py || bad 'networkx writes'
    for file in *.json *.graphml *.gexf; do
        same "networkx $file" "$file" json graphml gexf ndjson
        "$rmg" export -q "$file" --to "${file##*.}" -o "out/$file" >/dev/null 2>err.txt ||
            bad "$file out again: $(cat err.txt)"
    done
    take "$python" compare.py ./*.json ./*.graphml ./*.gexf
fi
if /usr/bin/python3 -c 'import igraph' 2>/dev/null; then
    cat >with_igraph.py <<'END'
import sys
import igraph
def plain(graph):
    title = graph.vs["title"]
    return (graph.is_directed(), sorted(zip(title, graph.vs["flag"])),
            sorted((sorted((title[e.source], title[e.target])), e["weight"]) for e in graph.es))
if sys.argv[1] == "write":
    for name in ("Zachary", "Krackhardt_Kite", "Petersen"):
        graph = igraph.Graph.Famous(name)
        graph.vs["title"] = ["v%d" % v.index for v in graph.vs]
        graph.es["weight"] = [e.index / 4 for e in graph.es]
        graph.vs["flag"] = [v.index % 2 == 0 for v in graph.vs]
        graph.write_graphml(name + ".igraph.graphml")
for path in sys.argv[2:]:
    a, b = (igraph.Graph.Read_GraphML(name) for name in (path, "out/" + path))
    print("ok" if plain(a) == plain(b) else "FAIL", "igraph reads", path, "as it wrote it")
END
    mkdir -p out
    /usr/bin/python3 with_igraph.py write || bad 'igraph writes'
    for file in *.igraph.graphml; do
        same "igraph $file" "$file" json graphml gexf ndjson
        "$rmg" export -q "$file" --to graphml -o "out/$file" >/dev/null
    done
    take /usr/bin/python3 -W ignore with_igraph.py compare *.igraph.graphml
else
    left_out igraph 'Debian has it: apt-get install python3-igraph'
fi

# ---- real data ----
if [ -r /usr/share/wordnet/data.adv ]; then
    "$rmg" import -q --from wordnet /usr/share/wordnet/data.adv -o words.rmg >out.txt 2>err.txt
    [ $? -eq 2 ] && grep -q 'data.adv:[0-9]*:[0-9]*: a pointer to no synset' err.txt &&
        good 'a pointer to no synset' || bad "a pointer to no synset: $(cat err.txt)"
    if "$rmg" import -q --from wordnet -o words.rmg --json >out.txt 2>err.txt &&
        grep -q '"nodes":117659,"edges":377592,' out.txt; then
        good 'WordNet has 117,659 synsets and 377,592 pointers'
        # All of it through other formats takes longer than a test should, but for the CI.
        [ "${JIT_MUST_WORK:-0}" = 1 ] && same WordNet words.rmg json graphml
    else
        bad "WordNet: $(cat out.txt err.txt)"
    fi
else
    left_out WordNet 'no /usr/share/wordnet: apt-get install wordnet-base'
fi
if [ -r /var/lib/dpkg/status ] &&
    "$rmg" import -q --from apt /var/lib/dpkg/status -o apt.rmg >/dev/null 2>err.txt; then
    same 'installed packages' apt.rmg json graphml gexf ndjson
    "$rmg" export -q apt.rmg --to json --label name -o named.json >/dev/null
    if grep -q '"id": "libc6", ' named.json &&
        [ "$("$rmg" hash -q named.json)" = "$("$rmg" hash -q apt.rmg)" ]; then
        good 'packages by name'
    else
        bad 'packages by name'
    fi
else
    left_out 'installed packages' "no packages in /var/lib/dpkg/status: $(cat err.txt 2>/dev/null)"
fi

# ---- the command line ----
printf '{"nodes": [{"id": "a"}, {"id": "b"}], "links": [{"source": "a", "target": "b"}]}' >h0.json
printf '{"nodes": [{"id": "a"}, {"id": "c"}], "links": []}' >h1.json
cp h0.json unnamed
"$rmg" export h0.json --to graphml -o h.graphml >/dev/null
cp h.graphml unnamed.xml
if [ "$("$rmg" hash unnamed)" = "$("$rmg" hash h0.json)" ] &&
    [ "$("$rmg" hash unnamed.xml)" = "$("$rmg" hash h0.json)" ]; then
    good 'a format by its first bytes'
else
    bad 'a format by its first bytes'
fi
if "$rmg" export h0.json h1.json --to gexf >h.gexf 2>err.txt &&
    grep -q '<node id="b" label="b" start="0" end="0">' h.gexf &&
    grep -q '<node id="c" label="c" start="1" end="1">' h.gexf; then
    good 'a history of files'
else
    bad "a history of files: $(cat err.txt)"
fi
"$rmg" export h0.json h1.json --to json >out.txt 2>err.txt
[ $? -eq 2 ] && grep -q 'one json file is one graph' err.txt && good 'no history in JSON' ||
    bad "no history in JSON: $(cat err.txt)"
"$rmg" import h0.dot -o x.rmg >out.txt 2>err.txt
[ $? -eq 2 ] && grep -q 'dot is written, never read' err.txt && good 'DOT is never read' ||
    bad "DOT is never read: $(cat err.txt)"
"$rmg" export h0.json --to rmg >out.txt 2>err.txt
[ $? -eq 2 ] && grep -q 'needs -o OUT' err.txt && good 'bytes need a file' ||
    bad "bytes need a file: $(cat err.txt)"
"$rmg" export h0.json --to gexf --instance /x >out.txt 2>err.txt
[ $? -eq 3 ] && grep -q 'it has no instance /x' err.txt && good 'no such instance' ||
    bad "no such instance: $(cat err.txt)"
"$rmg" help import | grep -q '^graphml GraphML, as networkx' &&
    "$rmg" help export | grep -q '^dot ' &&
    good 'help says which there are' || bad 'help says which there are'

# ---- a run of jitos ----
if "$build/tools/jitosd" --check >check.txt 2>&1; then
    printf '{"nodes": [{"id": "a", "state": 1}, {"id": "b"}, {"id": "c"}],
"links": [{"source": "a", "target": "b"}, {"source": "b", "target": "c"}]}' >start.json
    cat >spread.jitos <<'END'
system spread
type Node { id: text, state: i64 = 0 }
edge EDGE {}
import "start.json" into /world
rule step
  match (a:Node)-[:EDGE]->(b:Node)
  where a.state = 1 and b.state = 0
  set b.state = 1
process w run step apply all over shard(/world)
grant w: map /world; invoke step on /world; limit 10 per tick
END
    if "$build/tools/jitos" run spread.jitos --ticks 4 --seed 1 --data run -q >out.txt 2>&1 &&
        "$build/tools/jitos" export --data run -o run.gexf >out.txt 2>err.txt; then
        good 'a run becomes a history'
    else
        bad "a run becomes a history: $(cat out.txt err.txt)"
    fi
    times='start="\([0-9]*\)" end="\([0-9]*\)"'
    was="value=\"0\" $times\\/><attvalue for=\"[0-9]*\" value=\"1\" $times"
    spans=$(sed -n "s/.*<node id=\"\\([bc]\\)\".*$was.*/\\1 \\2 \\3 \\4 \\5/p" run.gexf | sort)
    [ "$spans" = 'b 0 0 1 4
c 0 1 2 4' ] && good 'values and their times' || bad "values and their times: $spans"
    "$build/tools/jitos" export --data run --to json --until 1 -i /world >out.txt 2>err.txt
    [ $? -eq 0 ] && grep -q '"id": "b", "state": 1' out.txt &&
        grep -q '"id": "c", "state": 0' out.txt &&
        good 'the state at a tick' || bad "the state at a tick: $(cat err.txt)"
    "$build/tools/jitos" export --data run --to json --until 9 >out.txt 2>err.txt
    [ $? -eq 3 ] && grep -q 'it has no such tick' err.txt && good 'no such tick' ||
        bad "no such tick: $(cat err.txt)"
    "$build/tools/jitos" export --data run --instance / >out.txt 2>err.txt
    [ $? -eq 2 ] && grep -q 'has a portal, for which GEXF has no place' err.txt &&
        good 'a portal is refused by name' || bad "a portal is refused by name: $(cat err.txt)"
else
    left_out 'a run of jitos' 'this machine cannot lock workers in'
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
