#!/bin/bash
# Goal:   the bytes of every format stay as they are: files that `rmg` made once, compared with what
#         it makes today. Another result is a new version of the format, or a fault.
# Method: tests/rmg/golden/, made from examples/city/; --write makes them anew (then look why).
set -u
top=$(cd "${top_srcdir:-.}" && pwd)
golden=$top/tests/rmg/golden
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PATH=$PWD/tools:$PATH LC_ALL=C
cp "$top"/examples/city/* "$folder" && chmod -R u+w "$folder" && cd "$folder" || exit 99

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
    rmg import "$golden/nested.wsc" -o nested.rmg
    rmg export nested.rmg --to wsc --tick 7 -o nested.out.wsc
}
make_all >log 2>&1 || { cat log && exit 1; }
made=(city.rmg city.patch city.there.proof city.absent.proof city.values.proof city.rmg.sig
    city.ndjson city.json city.graphml city.dot
    plain.gexf plain.nodes.csv plain.edges.csv nested.rmg)
if [ "${1:-}" = --write ]; then
    cp "${made[@]}" "$golden"
    exit 0
fi
failed=0
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
