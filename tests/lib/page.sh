# tests/lib/page.sh - a block of a document that shows commands and what they write: each is run
# again. To be sourced after begin.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # of begin.sh

# page_holds PAGE MARK WRITE: of the first block behind the line MARK each line that begins with
# `$ ` is a command, which type_it COMMAND runs, in the folder that it is called in; what it writes
# is what the page shows. WRITE = --write puts it there instead, and the test ends (then look why).
page_holds() {
    awk -v mark="$2" '
        $0 == mark { on = 1; next }
        on && /^```/ { n++; next }
        on && n == 1' "$1" >shown
    [ -s shown ] || { echo "FAIL: $1 has no block behind $2" && exit 1; }
    sed -n 's/^\$ //p' shown | while read -r line; do
        printf '$ %s\n' "$line"
        type_it "$line"
    done | no_progress >got
    if [ "$3" = --write ]; then
        awk -v mark="$2" '
            $0 == mark { on = 1 }
            on && /^```/ {
                n++
                print
                if (n == 1) while ((getline l < "got") > 0) print l
                if (n == 2) on = 0
                next
            }
            on && n == 1 { next }
            { print }' "$1" >new && cp new "$1"
        exit 0
    fi
    diff -u shown got || fail "$1 shows (-) what is not so (+)"
}
