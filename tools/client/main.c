/* tools/client/main.c - the client's program: its table of verbs. */
#include "tools/client/jitos.h"

#include "tools/client/history/branches.h"
#include "tools/formats/format.h"

static const struct cli_option ps_options[] = {JITOS_DATA, {.name = NULL}};

static const struct cli_option verify_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_FLAG, "deep", 0, NULL,
               "build the state of every checkpoint as well, and ask whether it would be run"),
    CLI_OPTION(CLI_FLAG, "salvage", 0, NULL,
               "cut a damaged log behind its last whole record, and set aside what is cut off"),
    {.name = NULL},
};

static const struct cli_option log_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_NUMBER, "number", 'n', "N", "the last N ticks, or changes, only",
               .max = 10000000),
    CLI_OPTION(CLI_NUMBER, "since", 0, "TICK", "from this tick on"),
    CLI_OPTION(CLI_FLAG, "denied", 0, NULL, "ticks with a denied request only"),
    CLI_OPTION(CLI_FLAG, "follow", 'f', NULL, "go on with new ticks as they become durable"),
    {.name = NULL},
};

static const struct cli_option show_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_NUMBER, "limit", 'l', "N", "requests listed", .fallback = "20"),
    CLI_OPTION(CLI_FLAG, "entries", 'e', NULL, "list the commit entries in place of the requests"),
    {.name = NULL},
};

/* Filled from the table of formats before anything is parsed. */
static const char *to_choices[FORMATS_MAX + 1];
static char to_help[256];

static const struct cli_option export_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_CHOICE, "to", 't', "FORMAT", to_help, .fallback = "gexf", .choices = to_choices),
    CLI_OPTION(CLI_TEXT, "out", 'o', "OUT",
               "the file to write, or for CSV what both names begin with"),
    CLI_OPTION(CLI_TEXT, "instance", 'i', "PATH",
               "this one, by path or id, for formats that hold one", .fallback = "/world"),
    CLI_OPTION(CLI_NUMBER, "since", 0, "TICK", "a history from this tick on"),
    CLI_OPTION(CLI_NUMBER, "until", 0, "TICK",
               "a history up to this tick, or the state at it (default: the newest)"),
    CLI_OPTION(CLI_FLAG, "partial", 'p', NULL,
               "leave out and count what the format has no place for"),
    CLI_OPTION(CLI_TEXT, "label", 0, "NAME",
               "call nodes by this value of theirs, where their id is made of it"),
    {.name = NULL},
};

static const struct cli_option rules_options[] = {
    CLI_OPTION(CLI_FLAG, "check", 0, NULL,
               "fmt: change nothing, name the files that are not canonical, exit 1"),
    CLI_OPTION(CLI_FLAG, "write", 'w', NULL,
               "fmt: write the files back, and name those that changed"),
    CLI_OPTION(CLI_FLAG, "strict", 0, NULL,
               "check: exit 1 also when matches of rules may conflict"),
    CLI_OPTION(CLI_TEXT, "out", 'o', "OUT.rmg",
               "graph: write the graphs as a state, for rmg export and all others"),
    {.name = NULL},
};

static const struct cli_verb verbs[] = {
    {.name = "demo",
     .operands = "",
     .summary = "the main job on real input, killed and recovered",
     .about =
         "Imports the package graph this machine knows, lets a compromise spread along its\n"
         "dependencies while patching runs against it, in sandboxed workers; then kills the\n"
         "supervisor in the middle of a log write, recovers, finishes, and compares the roots\n"
         "with those of an uninterrupted run and of a run with one worker.",
     .options = jitos_demo_options,
     .examples = {{"jitos demo", "all of it, in under a minute"},
                  {"jitos demo --seed 3 --workers 8", "another history"},
                  {"jitos demo --json --keep /var/tmp/d", "events to read by a program"}},
     .run = jitos_demo},
    {.name = "run",
     .operands = "[FILE]",
     .summary = "run a system to a tick",
     .about =
         "Starts a private supervisor on a data folder, makes the system of FILE its first state\n"
         "(or goes on where the folder stands) and runs to the tick of --ticks. Run again, it "
         "goes\n"
         "on, or ends at once if it is there. Another FILE, input or seed on an existing folder "
         "is\n"
         "refused; they may be left out.",
     .options = jitos_run_options,
     .operands_max = 1,
     .examples = {{"jitos run sim.jitos --ticks 500 --seed 7 --data run7", "a run that is kept"},
                  {"jitos run --data run7 --ticks 1000", "the same, further"},
                  {"jitos run sim.jitos --ticks 50 --json", "an event a tick, nothing kept"}},
     .run = jitos_run},
    {.name = "sweep",
     .operands = "FILE",
     .summary = "run a system with many parameters and seeds",
     .about =
         "Every combination of the values of --vary runs with every seed of --seeds. Each run "
         "gives "
         "a\n"
         "row, also one that failed: its parameters, root, counts, and what --measure asks of its "
         "last\n"
         "state. DIR/results.csv and DIR/results.ndjson have all of them, in the order of the "
         "plan. The\n"
         "same command goes on where it was cut off, and with more values or seeds it adds "
         "theirs.\n"
         "Exit 1: a run failed.\n\n"
         "--json: an event \"row\" a run and one \"done\", of schema jitos.sweep/1.",
     .options = jitos_sweep_options,
     .operands_min = 1,
     .operands_max = 1,
     .examples = {{"jitos sweep sim.jitos --vary beta=0.1:0.5:0.1 --seeds 1..20 --out s1",
                   "100 runs"},
                  {"jitos sweep sim.jitos --vary beta=0.1:0.5:0.1 --seeds 1..40 --jobs 2 --out s1",
                   "100 more, two at a time"},
                  {"jitos sweep sim.jitos --out s2 -m 'ill=match (a:P) where a.ill = 1 return "
                   "count(*)'",
                   "with a column of its own"}},
     .run = jitos_sweep},
    {.name = "ps",
     .operands = "",
     .summary = "list processes",
     .about =
         "STATE: what it does now; \"at rest\" when no supervisor runs. REQUESTS: how often it "
         "asked\n"
         "for a rewrite, APPLIED and DENIED how many of those were carried out and not allowed; "
         "at\n"
         "rest these count what is in the log of the folder, else what the supervisor has seen.",
     .options = ps_options,
     .examples = {{"jitos ps --data run7", "its processes, their requests and deaths"}},
     .run = jitos_ps},
    {.name = "log",
     .operands = "[PATH[@REV]]",
     .summary = "list ticks, or what happened to one thing",
     .about =
         "A tick a line: its number, the first digits of its commit and of the state root, what "
         "was\n"
         "asked for, carried out, not allowed, and lost to another request of the same tick (what\n"
         "became of others is in `jitos show`). @0, the genesis, is the state it all began "
         "with.\n\n"
         "With PATH: every change of an instance, of a node with its edges, or of one value, with "
         "the\n"
         "requests, rules and processes that made it, oldest first; names are those of @REV, up to "
         "which\n"
         "it tells. What the history began with is its first line.\n\n"
         "--json: events \"tick\", with PATH \"change\", of schema jitos.log/1.",
     .options = log_options,
     .operands_max = 1,
     .examples = {{"jitos log --data run7 -n 5", "the last five"},
                  {"jitos log --data run7 --denied", "where something was not allowed"},
                  {"jitos log /world/bash/state --data run7", "what it was, and who set it"},
                  {"jitos log --data run7 -f --json", "as they happen, for a program"}},
     .run = jitos_log},
    {.name = "show",
     .operands = "[REV]",
     .summary = "show one tick: its requests and changes",
     .about =
         "REV is @TICK, HEAD, HEAD~N or at least 8 hex digits of a commit; HEAD by default.\n"
         "After its line as in `jitos log`: what was written and deleted (attachments are "
         "values),\n"
         "then a request a line: qN, which `jitos why qN@TICK` takes, its key, its process, its\n"
         "rule, and what became of it.\n"
         "With --entries only what was applied, as commit entries: the request, its rule, its "
         "target\n"
         "(the first element of the match), the state roots before and after, the tick.\n"
         "Rules and processes have the names they had when the system began.",
     .options = show_options,
     .operands_max = 1,
     .examples = {{"jitos show --data run7", "the newest tick"},
                  {"jitos show @12 --data run7 --limit 100", "tick 12, 100 requests"},
                  {"jitos show @12 --data run7 --entries --json", "what tick 12 applied"}},
     .run = jitos_show},
    {.name = "inspect",
     .operands = "[PATH][@REV]",
     .summary = "read a state like files, at any tick",
     .about =
         "An instance is listed, a node is shown with its values and edges, and of a value only\n"
         "itself: /world, /world/bash, /world/bash/state. @REV is the state at that tick: @40,\n"
         "@HEAD~3, a checkpoint's name, digits of a commit. Without it, the newest. Parts of PATH "
         "are\n"
         "portals, labels, 64 hex digits, or at least 4 with which only one id begins.\n\n"
         "/time is the history as a graph: ticks with their parents, branches, checkpoints;\n"
         "/time/@40 the requests of tick 40 and what they did.\n\n"
         "--json: events of schemas rmg.ls/1 and rmg.cat/1.",
     .options = jitos_inspect_options,
     .operands_max = 1,
     .examples = {{"jitos inspect /world@40 --data run7", "the world at tick 40"},
                  {"jitos inspect /world/bash/state@HEAD~3 --data run7", "one value"},
                  {"jitos inspect /time/@40 --data run7", "who did what in tick 40"}},
     .run = jitos_inspect},
    {.name = "query",
     .operands = "QUERY",
     .summary = "ask a pattern of a state, or of the history",
     .about = "QUERY is what `rmg query` takes: match, where, return, order by, limit.\n\n"
              "--json: events of schema rmg.query/1.",
     .options = jitos_query_options,
     .operands_min = 1,
     .operands_max = 1,
     .examples = {{"jitos query 'match (a:Package) where a.state = 1 return count(*)' --at 40",
                   "how many at tick 40"},
                  {"jitos query --in /time 'match (t:tick) where t.denied > 0 return t.tick'",
                   "when was something denied"}},
     .run = jitos_query},
    {.name = "diff",
     .operands = "A [B]",
     .summary = "what differs between two ticks",
     .about = "A and B are revisions: @TICK, HEAD, HEAD~N, a checkpoint's name, digits of a "
              "commit.\n"
              "B is HEAD by default. Exit 0; with --exit-code 1 if something differs.\n\n"
              "--json: events of schema rmg.diff/1.",
     .options = jitos_diff_options,
     .operands_min = 1,
     .operands_max = 2,
     .examples = {{"jitos diff @40 @50 --data run7 --stat", "in numbers"},
                  {"jitos diff HEAD~1 --data run7", "what the newest tick did"},
                  {"jitos diff @40 @40 --data run7 --with run7/branches/faster",
                   "two futures of one past"}},
     .run = jitos_diff},
    {.name = "why",
     .operands = "PATH[@REV]|ID|qN@TICK",
     .summary = "what brought a value or a request about",
     .about =
         "From a node or a value to the request that wrote it last, with its rule, process and\n"
         "capability; from there to what the request read, and who wrote that; and so on. ID is "
         "at\n"
         "least 8 digits of a request's key, or a node of /world. Of a request that did not apply "
         "it\n"
         "says to which one it lost. Of a value that many add to: the newest tick's requests.\n\n"
         "--json: events \"cause\" and \"because\" of schema jitos.why/1.",
     .options = jitos_why_options,
     .operands_min = 1,
     .operands_max = 1,
     .examples = {{"jitos why /world/bash/state --data run7", "why is it as it is?"},
                  {"jitos why q3@12 --data run7", "what did request 3 of tick 12 rest on?"},
                  {"jitos why /world/bash/state@40 --dot | dot -Tsvg >why.svg", "as a picture"}},
     .run = jitos_why},
    {.name = "export",
     .operands = "",
     .summary = "write a state or the history in another format",
     .about =
         "As GEXF the whole history of one instance, a spell for each node, edge and value, for\n"
         "the timeline of Gephi. In every other format the state at one tick: one instance, or\n"
         "the whole root graph if the format holds instances (`rmg help export` says which).\n\n"
         "--json (with -o): one event \"done\" of schema rmg.export/1.",
     .options = export_options,
     .examples = {{"jitos export --data run7 -o run7.gexf", "a run for Gephi's timeline"},
                  {"jitos export --data run7 --to csv --until 40 -o t40", "the world at tick 40"},
                  {"jitos export --data run7 --to rmg -o run7.rmg", "the whole root graph"}},
     .run = jitos_export},
    {.name = "replay",
     .operands = "",
     .summary = "repeat a history and compare every root",
     .about =
         "patches applies what the log has of each tick, rules judges and carries out again every\n"
         "request that it has, workers starts the processes again, in a temporary folder, and "
         "lets\n"
         "them work. Each begins with nothing but the first state, and compares every root and\n"
         "commit. What no worker can repeat (another seed, a merge, what an operator did, a "
         "process\n"
         "that hung) is taken from the log by workers, and counted.\n"
         "Exit 0: the same; 6: something differs, and it says what and where.\n\n"
         "--json: one event \"done\" of schema jitos.replay/1.",
     .options = jitos_replay_options,
     .examples = {{"jitos replay --data run7", "is it what it was?"},
                  {"jitos replay --by rules --data run7", "do its rules say what its log says?"},
                  {"jitos replay --by workers --data run7", "does it come out again?"}},
     .run = jitos_replay},
    {.name = "rules",
     .operands = "check|fmt|graph [FILE]...",
     .summary = "check the rules of a system file, tidy its text, show them as graphs",
     .about =
         "check compiles FILE and tells of each rule what its matches keep, read and write (the\n"
         "footprint), then warns of rules that never apply, and of pairs of rules whose matches "
         "may\n"
         "conflict: no other two ever do. Exit 0; 1 if a rule never applies or creates what its\n"
         "types refuse, with --strict also for conflicts; 2 if the text is wrong.\n\n"
         "fmt writes the canonical text of each FILE, or of standard input, to standard output:\n"
         "one way to write each thing, comments kept beside what they are about. It judges the\n"
         "grammar alone and reads no other file. Exit 0; with --check 1 if a file is not "
         "canonical.\n\n"
         "graph makes of each rule what it is, a graph: L, what it matches, K, what stays of "
         "that,\n"
         "and R, what there is afterwards; it tells the hash of the graph and of the program. The\n"
         "same rule has the same hash everywhere.\n\n"
         "--json: events of schemas jitos.rules.check/1, jitos.rules.fmt/1 and\n"
         "jitos.rules.graph/1.",
     .options = rules_options,
     .operands_min = 1,
     .operands_max = CLI_OPERANDS_ANY,
     .examples = {{"jitos rules check sim.jitos", "what do its rules do to one another?"},
                  {"jitos rules fmt --write *.jitos", "make them canonical"},
                  {"jitos rules fmt --check *.jitos", "is all canonical? For a test"},
                  {"jitos rules graph sim.jitos -o rules.rmg", "rules as graphs; rmg draws them"}},
     .run = jitos_rules},
    {.name = "checkpoint",
     .operands = "",
     .summary = "keep the state of a system, running or not",
     .about =
         "A run does not stop for it: the state between two ticks is kept while it goes on. What\n"
         "was kept before is not written again. A supervisor makes checkpoints by itself, too; it\n"
         "starts from the newest.",
     .options = jitos_checkpoint_options,
     .examples = {{"jitos checkpoint -m before-cure --data run7", "keep what is there now"},
                  {"jitos checkpoint --export run7.jck --data run7", "and take it elsewhere"},
                  {"jitos checkpoint --list --data run7", "what is kept"}},
     .run = jitos_checkpoint},
    {.name = "restore",
     .operands = "[NAME]",
     .summary = "bring a checkpoint to life in a new folder",
     .about =
         "NAME is a checkpoint's name, its tick as @N, or at least 8 digits of its id. The new\n"
         "folder goes on with the same hashes as the run that was never stopped. What does not\n"
         "verify is refused, and says what. Exit 1: --signer has not signed it, or a --revoked "
         "key\n"
         "has.",
     .options = jitos_restore_options,
     .operands_max = 1,
     .examples = {{"jitos restore before-cure --data run7 --into run8", "a second life"},
                  {"jitos restore --import run7.jck --into run7", "on another machine"},
                  {"jitos restore @100 --data run7 --into run8 --run-to 200", "and run it"}},
     .run = jitos_restore},
    {.name = "fork",
     .operands = "REV",
     .summary = "another future from any tick, as a branch",
     .about =
         "A branch is a data folder of its own, DIR/branches/NAME, that goes on from REV with the\n"
         "same hashes; other parameters or another seed are its first tick. REV is @TICK, HEAD,\n"
         "HEAD~N, a checkpoint's name, or at least 8 digits of a commit.",
     .options = jitos_fork_options,
     .operands_min = 1,
     .operands_max = 1,
     .examples = {{"jitos fork @40 -m faster --set cure.q=0.5 --data run7", "what if"},
                  {"jitos fork HEAD~10 --seed 9 --data run7", "other draws from there on"},
                  {"jitos run --data run7/branches/faster --ticks 100", "and run it"}},
     .run = jitos_fork},
    {.name = "branch",
     .operands = "[NAME [REV]]",
     .summary = "list branches, make one, or switch to one",
     .about =
         "With NAME: a branch from REV, or from the newest tick. --switch makes NAME the head:\n"
         "what --data DIR means from then on. main is the folder itself.",
     .options = jitos_branch_options,
     .operands_max = 2,
     .examples = {{"jitos branch --data run7", "all of them, the head with a star"},
                  {"jitos branch trial @40 --data run7", "a new one"},
                  {"jitos branch --switch main --data run7", "back to the first"}},
     .run = jitos_branch},
    {.name = "rollback",
     .operands = "REV",
     .summary = "move the head back and keep the history",
     .about = "A branch from REV becomes the head; what came after REV stays where it is.",
     .options = jitos_rollback_options,
     .operands_min = 1,
     .operands_max = 1,
     .examples = {{"jitos rollback @40 --data run7", "go on from tick 40"},
                  {"jitos branch --switch main --data run7", "think again"}},
     .run = jitos_rollback},
    {.name = "merge",
     .operands = "REV",
     .summary = "put what happened on one branch into another",
     .about =
         "What only one side changed since their newest common commit is taken, what both changed\n"
         "is joined by its field or is a conflict: nothing is settled silently. The result is a "
         "tick\n"
         "of BRANCH with two parents. Two data folders that were restored from one checkpoint can\n"
         "be merged as well. Exit 1: conflicts, and nothing was changed.",
     .options = jitos_merge_options,
     .operands_min = 1,
     .operands_max = 1,
     .examples = {{"jitos merge HEAD --into main --data run7/branches/faster", "bring it home"},
                  {"jitos merge @90 --into ../other/run --data run7 --dry-run", "what would come"},
                  {"jitos merge HEAD --into main -s ours --data b", "ours wins"}},
     .run = jitos_merge},
    {.name = "bisect",
     .operands = "start GOOD BAD | good|bad|skip [REV] | run CMD... | reset",
     .summary = "find the tick at which something went wrong",
     .about =
         "start says between which two ticks to look, and which one to look at first. good, bad\n"
         "and skip say what REV is (that one, if left out), and which one to look at next.\n"
         "run tries CMD in the middle, again and again: JITOS_TICK is the tick, JITOS_STATE a\n"
         "file with its state for rmg, JITOS_DATA the folder. Its exit code says: 0 good, 1 to "
         "127\n"
         "bad, 125 cannot say. Its output goes to standard error. Put -- before a CMD with "
         "options.\n"
         "What is known so far is kept, so a search goes on where it was cut off. Exit 1: the "
         "ticks\n"
         "that were skipped leave it open.\n\n"
         "--json: events \"tick\" and \"done\" of schema jitos.bisect/1.",
     .options = jitos_bisect_options,
     .operands_min = 1,
     .operands_max = CLI_OPERANDS_ANY,
     .examples = {{"jitos bisect start @0 HEAD --data run7", "between the first and the newest"},
                  {"jitos bisect good --data run7", "the tick that it named is as it should be"},
                  {"jitos bisect run --data run7 ./no-negative-cash.sh", "with a script"},
                  {"jitos bisect reset --data run7", "forget it"}},
     .run = jitos_bisect},
    {.name = "gc",
     .operands = "",
     .summary = "remove checkpoints, and what only they needed",
     .about =
         "Checkpoints with a name stay, and the one that a restored folder begins with; of the "
         "others\n"
         "the newest N of --keep. Without --keep only what no checkpoint needs goes: files of a "
         "try\n"
         "that was cut off. Manifests go first: whatever is cut off, those that are left can be "
         "restored.\n"
         "--log also gives up the log before the oldest checkpoint that stays, segment by segment, "
         "and\n"
         "the blobs that only it needed; ticks before it can no longer be looked at. It says the "
         "memory\n"
         "that it took, and what it takes at most.\n\n"
         "--json: an event \"done\" of schema jitos.gc/1.",
     .options = jitos_gc_options,
     .examples = {{"jitos gc --keep 10 --dry-run --data run7", "what would go?"},
                  {"jitos gc --keep 10 --data run7", "the newest ten stay"},
                  {"jitos gc --keep 10 --log --data run7", "and the log since the oldest of them"}},
     .run = jitos_gc},
    {.name = "cap",
     .operands = "VERB [...]",
     .summary = "who may do what: list, ask, explain, grant, revoke, audit",
     .about =
         "ls [PROCESS], tree [CAP]: what is held. CAP is called PROCESS/SLOT: 'w[1]/3'.\n"
         "who-can RIGHT [RULE]: who holds it. RULE as in a system file: 'retire(n = 1)'.\n"
         "explain PROCESS RIGHT [RULE], explain @TICK:N (request N of a tick): may it, and the\n"
         "chain of capabilities with the first check that fails. Exit 0 allowed, 1 denied.\n"
         "grant PROCESS RIGHT [RULE]: from the operator's authority, or --from CAP.\n"
         "derive CAP [RIGHT [RULE]]: a narrower one beside it; more is refused: exit 1.\n"
         "move CAP PROCESS: to another holder; what was derived from it stays derived.\n"
         "revoke CAP: it, and all that was derived from it, at once.\n"
         "owner [RULE|PATH]: whose rules and instances are: what an owner may write, his rules "
         "may.\n"
         "own CAP RULE|PATH: they are CAP's, which has the right to write; own operator "
         "RULE|PATH.\n"
         "log [PROCESS]: what was asked about capabilities and what was denied, tick by tick, and\n"
         "when supervisors ran and what their sandbox was made of.\n"
         "audit: the smallest set of grants under which the run would have passed, shown by\n"
         "running it again under exactly these.\n"
         "export CAP [RIGHT [RULE]] --out FILE: a signed token of a capability derived for it.\n"
         "attenuate FILE [RIGHT [RULE]] --out FILE: a narrower token; needs no system.\n"
         "show FILE: what a token allows; with --data also whether that folder signed it.\n"
         "import FILE PROCESS: what a token allows, for a process.\n"
         "submit FILE RULE --match ID --hub PATH: ask for what a token allows, as a guest of a\n"
         "supervisor (jitosd --guests PATH). Exit 0 applied, 1 refused or not applied.\n"
         "look FILE [NODE] --hub PATH: read what a token of a map or read right lets one read.\n\n"
         "Rights: map, read, write, invoke. A supervisor that runs is asked; at rest one tick is\n"
         "made for a change.",
     .options = jitos_cap_options,
     .operands_min = 1,
     .operands_max = 4,
     .examples = {{"jitos cap tree --data run7", "who holds what, and from whom"},
                  {"jitos cap explain @12:0 --data run7", "why was this denied?"},
                  {"jitos cap export 'w[0]/1' --until 50 --out w.token --data run7", "to hand out"},
                  {"jitos cap submit w.token 'retire' --match zlib1g --hub /run/jitos/guests",
                   "and to use"}},
     .run = jitos_cap},
    {.name = "verify",
     .operands = "",
     .summary = "check chain, checkpoints, hashes and indexes of a folder",
     .about =
         "Exit 0: whole; 1: whole, but its newest state is not one that a supervisor would run,\n"
         "and it says why; 5: damaged, and it names the record and the byte, or the checkpoint.\n\n"
         "--salvage: where a checkpoint lies behind the damage, nothing has to be cut. Else ticks "
         "that\n"
         "were acknowledged are given up; their bytes stay as log/*.broken and ckpt/*.broken.",
     .options = verify_options,
     .examples = {{"jitos verify --data run7", "is the folder whole?"},
                  {"jitos verify --salvage --data run7", "no copy is left: what can be kept?"}},
     .run = jitos_verify},
    {.run = NULL},
};

static const struct cli_program program = {
    .name = "jitos",
    .summary = "run isolated simulations over one versioned, content-addressed graph",
    .version = PACKAGE_VERSION,
    .verbs = verbs,
    .examples = {{"jitos demo", "see it work"},
                 {"jitos run sim.jitos --ticks 100 --data run1", "run a system"},
                 {"jitos log --data run1", "what happened"}},
    .prepare = branches_prepare,
};

int main(int argc, char **argv)
{
    format_names(true, to_choices);
    format_list(true, to_help, sizeof to_help);
    return cli_main(&program, cli_env_system(), argc, argv);
}
