#!/bin/sh
# Goal:   the documents point at what is there: files, tests, one another.
# Method: every link between documents leads to a file; every document is in an index; every test
#         that docs/ARCHITECTURE.md names beside an invariant exists under that name, and so does
#         what else it calls by name; every chapter of DESIGN and SANDBOX that a source cites is a
#         heading there.
set -eu
LC_ALL=C
export LC_ALL
cd "${top_srcdir:-.}"

bad=0
complain()
{
    echo "$*"
    bad=1
}

# Documents and folders that a document links to.
links()
{
    grep -oE '\]\([A-Za-z0-9_./-]*(\.md|/)\)' "$1" | sed 's/^](//; s/)$//' || true
}

count=0
for document in README.md docs/*.md docs/*/*.md; do
    count=$((count + 1))
    for link in $(links "$document"); do
        [ -e "$(dirname "$document")/$link" ] || complain "$document: no file at $link"
    done
    case $document in
    README.md | docs/README.md | docs/decisions/README.md) continue ;;
    docs/decisions/*) index=docs/decisions/README.md ;;
    *) index=docs/README.md ;;
    esac
    links "$index" | grep -qxF "${document#"$(dirname "$index")"/}" ||
        complain "$document: $index does not list it"
done
[ "$count" -gt 10 ] || complain "only $count documents here; run this at the top of the tree"

# "tests/kernel/core/test_core: `one`, `two`; ..." as lines "tests/kernel/core/test_core one".
named=$(grep '^| I[0-9]* |' docs/ARCHITECTURE.md | awk '{
    n = split($0, words, /[ ,;]+/)
    file = ""
    for (i = 1; i <= n; i++) {
        if (words[i] ~ /^tests\/.*:$/) file = substr(words[i], 1, length(words[i]) - 1)
        else if (file != "" && words[i] ~ /^`[a-z0-9_]+`$/)
            print file, substr(words[i], 2, length(words[i]) - 2)
        else file = words[i] ~ /^tests\// ? "" : file
    }
}')
tests=0
names=0
while read -r file name; do
    tests=$((tests + 1))
    tr -d '\n ' <"$file.c" | grep -qF "START_TEST($name)" ||
        complain "docs/ARCHITECTURE.md: $file has no test $name"
done <<END
$named
END
[ "$tests" -gt 20 ] || complain "docs/ARCHITECTURE.md: only $tests tests are named"

# What it calls by a name in two or more words is a word of the sources.
sources=$(find base kernel librmg proc rmg sws syscall tests tools \
    -name '*.[ch]' -o -name '*.def')
wanted=$(grep -oE '`[a-z]+(_[a-z0-9]+)+`' docs/ARCHITECTURE.md | tr -d '`' | sort -u)
# shellcheck disable=SC2086 # names of files
there=$(echo "$wanted" | grep -ohwF -f - $sources | sort -u)
for name in $wanted; do
    names=$((names + 1))
    echo "$there" | grep -qx "$name" || [ -n "$(find . -name "$name.[ch]" -print -quit)" ] ||
        complain "docs/ARCHITECTURE.md: no source has $name"
done
[ "$names" -gt 50 ] || complain "docs/ARCHITECTURE.md: only $names names"

# cited WORD DOCUMENT: "WORD 9.2, 14.1" in sources means "## 9.2", "### 9.2" or "**14.1" there.
cited()
{
    number='[0-9]+(\.[0-9]+)?'
    chapters=$(grep -rhoE --include='*.[ch]' --include='*.md' "$1 $number(, $number)*" \
        base docs kernel proc rmg sws syscall tests tools | grep -oE "$number" | sort -u)
    for chapter in $chapters; do
        grep -qE "^(#+ |\*\*)$(echo "$chapter" | sed 's/\./\\./')[. *]" "$2" ||
            complain "$1 $chapter is cited, and $2 has no such chapter"
        chapters_count=$((chapters_count + 1))
    done
}
chapters_count=0
cited DESIGN docs/DESIGN.md
cited SANDBOX docs/spec/sandbox.md
[ "$chapters_count" -gt 30 ] || complain "only $chapters_count chapters are cited"
[ "$bad" -ne 0 ] ||
    echo "$count documents, $tests tests and $names names in them, $chapters_count chapters cited"
exit "$bad"
