#!/bin/sh
# Goal:   the bench measures: what is changed elsewhere does not leave it behind, unnoticed until
#         somebody wants figures.
# Method: a figure of each of its files at a small size; of those that measure a peer, sizes of
#         their own or whole checkpoints only that they build. Each line is JSON, its smallest time
#         no longer than its median, and each figure that was asked for is there. How long they are
#         is not judged: this machine is busy.
set -eu
. "${top_srcdir:-.}/tests/lib/begin.sh"
need_workers

figures=flood_p99,sts,get,open_rmg,merge10,open_wsc,search_all,tick1,roundtrip_tick,durable_tick
figures=$figures,cap_check,sws_fork
cd "$build" # where it looks for the loader
want 0 tests/bench/bench "$figures" 1000
python3 - "$figures" "$dir/out" <<'EOF' || fail "not a line of numbers for each figure"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[2])]
for row in rows:
    assert row["runs"] >= 1 and 0 < row["min_ns"] <= row["median_ns"] and row["n"] >= 0, row
missing = set(sys.argv[1].split(",")) - {row["name"] for row in rows}
assert not missing, missing
print(len(rows), "figures")
EOF
exit $failed
