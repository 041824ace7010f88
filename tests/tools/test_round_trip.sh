#!/bin/bash
# Goal:   every format gives back what was put into it, one after the other and each to each; and no
#         locale of who calls changes a byte of what is written or a value of what is read.
# Method: three graphs: one with all there is (instances on nodes and edges, every codec, floats at
#         their limits, atoms of unknown types), its part without other instances, and one whose
#         values have no names. Each format of a table carries those that it can, and refuses the
#         others by name. Then all of it again with decimal commas, compared byte by byte.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

z=000000000000000000000000000000000000000000000000000000000000

# ---- the graphs, as NDJSON ----
type_of() { # the ids of the codecs' types, from a schema that names them
    awk -v want="$1" '$1 == want { print $2 }' types.txt
}
printf 'system s\ntype A { a: i64 }\n' >s.jitos
printf ':ID,:LABEL\nx,A\n' >x.csv
"$rmg" import x.csv --schema s.jitos -o s.rmg -q >made.txt
"$rmg" query s.rmg 'match (t:type) return t.name, t' --in /schema --json |
    sed -n 's/.*"t.name":"\([a-z0-9]*\)","t":{"id":"\([0-9a-f]*\)".*/\1 \2/p' >types.txt
value() { # PLANE INSTANCE OWNER NAME TYPE HEX
    printf '{"kind":"attachment","instance":"%s","plane":"%s","owner":"%s","name":"%s",' \
        "$z$2" "$1" "$z$3" "$4"
    printf '"type":"%s","bytes":"%s"}\n' "$5" "$6"
}
portal() { # PLANE INSTANCE OWNER NAME INTO
    printf '{"kind":"attachment","instance":"%s","plane":"%s","owner":"%s","name":"%s",' \
        "$z$2" "$1" "$z$3" "$4"
    printf '"descend":"%s"}\n' "$z$5"
}
top() { # with its root node, as every import makes it
    local root=e090adff3d013570468396ee6037fd258b82d3dc17131c238f79e3e0469b8324
    printf '{"kind":"instance","id":"%s","root":"%s","parent":null}\n' "$1" "$root"
    printf '{"kind":"node","instance":"%s","id":"%s","type":"%s"}\n' "$1" "$root" \
        74510c4773e3eb3d739a12cd0c047be7017aff9be4cf4b5218f952606a3d6778
}
instance() { # ID ROOT [PLANE INSTANCE OWNER NAME]
    local parent=null
    [ $# -eq 2 ] || parent=$(printf '{"plane":"%s","instance":"%s","owner":"%s","name":"%s"}' \
        "$3" "$z$4" "$z$5" "$6")
    printf '{"kind":"instance","id":"%s","root":"%s","parent":%s}\n' "$z$1" "$z$2" "$parent"
}
node() { printf '{"kind":"node","instance":"%s","id":"%s","type":"%s"}\n' "$z$1" "$z$2" "$z$3"; }
edge()
{
    printf '{"kind":"edge","instance":"%s","id":"%s","from":"%s","to":"%s","type":"%s"}\n' \
        "$z$1" "$z$2" "$z$3" "$z$4" "$z$5"
}
part() { # INSTANCE: nodes 10 to 12, edges 31 and 32, values of every kind
    local n name
    for n in 0010 0011 0012; do node "$1" $n 0099; done
    edge "$1" 0031 0010 0011 0098
    edge "$1" 0032 0010 0011 0098
    value alpha "$1" 0010 yes "$(type_of bool)" 01
    value alpha "$1" 0010 least "$(type_of i64)" 0000000000000080
    for name in half:000000000000e03f tenth:9a9999999999b93f many:a2a1e1df3a5bd242 \
        small:0100000000000000 nan:000000000000f87f inf:000000000000f07f; do
        value alpha "$1" 0011 "${name%:*}" "$(type_of f64)" "${name#*:}"
    done
    value alpha "$1" 0011 third "$(type_of f32)" abaaaa3e
    value alpha "$1" 0012 words "$(type_of text)" 3c2622270a2c3be282ac5d5d3e
    value alpha "$1" 0012 nothing "$(type_of text)" ''
    value alpha "$1" 0012 raw "$(type_of bytes)" 00ff
    value beta "$1" 0031 who "$(type_of id)" "${z}1234"
    value beta "$1" 0031 list "$(type_of list)" 02000000000000000000000000000000010000000000000005
    value beta "$1" 0032 strange "${z}7777" 0102
    value beta "$1" 0032 weight "$(type_of f64)" 000000000000f8bf
    # What is not canonical is kept as it is.
    value beta "$1" 0032 wrong "$(type_of bool)" 02
}
slash=f1427c76f8b2aa5fffba387b45505be148def4a8d650a5f3a55333aba59e7d19
{
    top $slash
    part 0001 | sed "s/${z}0001/$slash/"
} >one.ndjson
{
    cat one.ndjson
    {
        instance 0002 0010 alpha 0001 0011 inside
        portal alpha 0001 0011 inside 0002
    } | sed "s/${z}0001/$slash/"
    part 0002
    instance 0003 0020 beta 0002 0031 deeper
    portal beta 0002 0031 deeper 0003
    node 0003 0020 0097
} >all.ndjson
{
    instance 0001 0010
    for n in 0010 0011; do node 0001 $n 0099; done
    edge 0001 0031 0010 0011 0098
    value alpha 0001 0011 '' "$(type_of f64)" 9a9999999999b93f
    value beta 0001 0031 '' "${z}7777" 00
    instance 0002 0010 alpha 0001 0010 ''
    portal alpha 0001 0010 '' 0002
    node 0002 0010 0099
} >nameless.ndjson

# ---- what each format carries: a word for a graph it gives back, -word for one it refuses ----
carries='
rmg     one  all  nameless
ndjson  one  all  nameless
json    one  all  nameless
graphml one  all  nameless
csv     one  -all -nameless
gexf    one  -all -nameless
wsc     -one -all nameless'

# through GRAPH FORMAT: out and in again; the root, or nothing
through() {
    local back=("back.$2")
    "$rmg" export "$1" --to "$2" -o "back.$2" -q >made.txt 2>err.txt || return 1
    [ "$2" != csv ] || back=(back.csv.nodes.csv back.csv.edges.csv)
    [ -e "${back[0]}" ] || back=(back.nodes.csv back.edges.csv)
    "$rmg" import "${back[@]}" --from "$2" -o "$3" -q 2>>err.txt | sed -n 's/^state_root //p'
}
all_formats() {
    local format graphs graph root got
    while read -r format graphs; do
        for graph in $graphs; do
            root=$("$rmg" hash "${graph#-}.ndjson" -q | cut -d' ' -f2)
            got=$(through "${graph#-}.ndjson" "$format" "$format.rmg")
            code=$?
            out=$got err=$(cat err.txt)
            if [ "${graph#-}" = "$graph" ]; then
                code=0
                check "$graph through $format" 0 "$root" ''
            else
                code=$([ -z "$got" ] && echo refused)
                check "${graph#-} is refused by $format" refused '' '*cannot export*why: *node*'
            fi
        done
    done <<<"${carries:1}"
}
all_formats
"$rmg" hash one.ndjson -q >roots.txt
# One after the other, the last is the first.
last=one.ndjson
for format in json graphml csv gexf rmg ndjson; do
    through "$last" "$format" "step.$format.rmg" >root.txt
    last=step.$format.rmg
done
run "$rmg" hash "$last"
check 'six formats in a row' 0 "$(cat roots.txt)" ''
"$rmg" export "$last" --to ndjson -o end.ndjson -q >made.txt
"$rmg" export one.ndjson --to ndjson -o begin.ndjson -q >made.txt
cmp -s begin.ndjson end.ndjson || fail 'the lines differ'
# What is written only: all of it is in there, and the same every time.
for format in dot; do
    "$rmg" export all.ndjson --to $format -o a.$format -q >made.txt
    "$rmg" export all.ndjson --to $format -o b.$format -q >made.txt
    cmp -s a.$format b.$format || fail "$format differs"
done

# ---- decimal commas ----
printf ':ID,share:double,half:float,:LABEL\na,0.125,1e-3,A\nb,-2.5e10,0.1,B\n' >real.csv
printf '{"nodes":[{"id":"a","v":0.1},{"id":"b","v":1e300}],"links":[]}' >real.json
cat >real.jitos <<'END'
system s
type A { share: f64 = 0.5 }
rule grow
  match (a:A)
  where a.share < 1.5
  set a.share = a.share * 2.5
script once {
  all grow
}
END
everything() { # FOLDER: all that is written of numbers, in words and as bytes
    mkdir "$1"
    local format
    for format in ndjson json graphml csv gexf dot rmg; do
        "$rmg" export one.ndjson --to $format -o "$1/one.$format" -q >>"$1/log" 2>&1
    done
    "$rmg" export real.csv --to gexf -o "$1/real.gexf" >>"$1/log" 2>&1
    "$rmg" import real.csv --schema infer -o real.rmg >>"$1/log" 2>&1
    "$rmg" import real.json -o "$1/real.rmg" >>"$1/log" 2>&1
    "$rmg" run real.rmg --rules real.jitos -o run.rmg >>"$1/log" 2>&1
    "$rmg" query run.rmg 'match (a:A) return a.share, a.share * 0.5 as less' >>"$1/log" 2>&1
    "$rmg" query run.rmg 'match (a) where a.share > 0.25 return a.share' --json >>"$1/log" 2>&1
    "$rmg" diff real.rmg run.rmg >>"$1/log" 2>&1
    "$rmg" diff real.rmg run.rmg --graph dot >>"$1/log" 2>&1
    "$rmg" diff real.rmg run.rmg --json >>"$1/log" 2>&1
    "$rmg" cat one.ndjson "${z}0011" >>"$1/log" 2>&1
    "$rmg" ls one.ndjson -l >>"$1/log" 2>&1
    "$rmg" info real.rmg >>"$1/log" 2>&1
    "$rmg" merge real.rmg run.rmg real.rmg -o "$1/merged.rmg" >>"$1/log" 2>&1
    sed -i "s|$1/|X/|g" "$1/log"
}
everything plain
code=$(grep -c '0\.3125' plain/log) out=$(head -n 40 plain/log) err=
[ "$code" -gt 0 ] && ! grep -q 'rmg [a-z]*: ' plain/log && code=numbers
check 'there are numbers to compare' numbers '*' ''
mkdir locales
if ! localedef -i de_DE -f UTF-8 "$PWD/locales/de_DE.UTF-8" 2>err.txt; then
    echo "skip decimal commas: localedef cannot make de_DE.UTF-8; try: apt-get install locales"
else
    # For what is started from here on; the shell itself says that it cannot.
    { export LOCPATH=$PWD/locales LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8; } 2>err.txt
    out=$(/usr/bin/printf '%.1f' 1,5) code=$? err=
    check 'that locale has decimal commas' 0 '1,5' ''
    all_formats
    everything commas
    out=$(diff -r plain commas 2>&1) code=$? err=
    check 'not a byte is another one' 0 '' ''
fi

finish
