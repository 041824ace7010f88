#!/bin/bash
# Goal:   the bytes of every format stay as they are: files that `rmg` made once, compared with what
#         it makes today. Another result is a new version of the format, or a fault.
# Method: tests/rmg/golden/, made from examples/city/; --write makes them anew (then look why).
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

golden=$top/tests/rmg/golden
cp "$top"/examples/city/* "$dir" && chmod -R u+w "$dir" && cd "$dir" || exit 99

# shape VERB [ARGUMENT...]: of each kind of event that `rmg VERB --json` prints, its names in order.
# What other programs read: a name that is missing or comes elsewhere is another schema.
shape() {
    rmg "$@" --json 2>/dev/null | sed -E 's/"(what|why|next)":"(\\.|[^"\\])*"/"\1":""/g' |
        grep -v '^{"kind"' | while IFS= read -r line; do
        schema=$(sed -E 's/.*"schema":"([^"]*)".*/\1/' <<<"$line")
        event=$(sed -E 's/^\{"event":"([^"]*)".*/\1/' <<<"$line")
        echo "$schema $event: $(grep -oE '"[a-z_]+":' <<<"$line" | tr -d '":' | uniq | tr '\n' ' ')"
    done | sed 's/ $//' | LC_ALL=C sort -u
}
shapes() {
    shape info city.rmg
    shape import places.csv roads.csv --schema types.jitos -o json.rmg
    shape export plain.rmg --to csv -o json
    shape hash city.rmg --echo --linear
    shape hash "$golden/nested.wsc" --echo --linear
    shape ls city.rmg
    shape ls city.rmg /bridge
    shape cat city.rmg /bridge
    shape walk city.rmg
    shape verify city.rmg
    shape verify --proof city.there.proof --root "$(rmg hash city.rmg | cut -d' ' -f2)"
    shape query plain.rmg 'match (a)-[r]->(b) return a.name, r, a.people + 1 as more limit 1'
    shape run city.rmg --rules detours.jitos -o json.rmg
    shape keygen json
    shape sign city.rmg --key key -o json.sig
    shape prove city.rmg node:harbour
    shape check plain.rmg --schema types.jitos
    shape check city.rmg
    shape diff city.rmg other.rmg
    shape apply city.rmg city.patch -o json.rmg
    shape merge base.rmg ours.rmg theirs.rmg
    shape merge city.rmg other.rmg third.rmg -o json.rmg
    shape info nothing.rmg
}
make_all() {
    rmg import places.csv roads.csv --schema types.jitos -o city.rmg
    sed 's/4200/4300/; s/Market/Fish Market/' places.csv >other.csv
    rmg import other.csv roads.csv --schema types.jitos -o other.rmg
    rmg diff city.rmg other.rmg -o city.patch
    rmg prove city.rmg node:harbour -o city.there.proof
    rmg prove city.rmg node:airport -o city.absent.proof
    rmg prove city.rmg node:harbour --plane node-values -o city.values.proof
    printf 'jitos-secret-key-v1 %064d\n' 7 >key
    chmod 600 key
    rmg sign city.rmg --key key
    for format in ndjson json graphml dot; do
        rmg export city.rmg --to $format -o city.$format
    done
    rmg import places.csv roads.csv -o plain.rmg
    rmg export plain.rmg --to csv -o plain
    rmg export plain.rmg --to gexf -o plain.gexf
    sed 's/4200/4250/' places.csv >third.csv
    rmg import third.csv roads.csv --schema types.jitos -o third.rmg
    sed 's/ sum = 0/ = 0/' types.jitos >unjoined.jitos
    rmg import places.csv roads.csv --schema unjoined.jitos -o base.rmg
    rmg import other.csv roads.csv --schema base.rmg -o ours.rmg
    rmg import third.csv roads.csv --schema base.rmg -o theirs.rmg
    rmg merge base.rmg ours.rmg theirs.rmg -w city.choices.json
    [ $? -eq 1 ] || return 1
    rmg diff city.rmg other.rmg --graph dot >city.patch.dot
    rmg import third.csv -o alone.rmg
    rmg export plain.rmg alone.rmg --to gexf -o plain.history.gexf
    shapes >shapes.txt
    rmg import "$golden/nested.wsc" -o nested.rmg
    rmg export nested.rmg --to wsc --tick 7 -o nested.out.wsc
}
make_all >log 2>&1 || { cat log && exit 1; }
made=(city.rmg city.patch city.there.proof city.absent.proof city.values.proof city.rmg.sig
    city.ndjson city.json city.graphml city.dot city.choices.json city.patch.dot shapes.txt
    plain.gexf plain.history.gexf plain.nodes.csv plain.edges.csv nested.rmg)
if [ "${1:-}" = --write ]; then
    cp "${made[@]}" "$golden"
    exit 0
fi
for file in "${made[@]}"; do
    cmp "$file" "$golden/$file" || failed=1
done
# Each format that can carry all of it leads back to the same state.
root=$(rmg hash city.rmg)
for format in ndjson json graphml; do
    [ "$(rmg hash "$golden/city.$format" 2>&1)" = "$root" ] ||
        { echo "city.$format is another state" && failed=1; }
done
[ $failed -ne 0 ] || echo "${#made[@]} files as they were"
exit $failed
