/* rmg - graphs in files: no supervisor, no data folder. The table of its verbs. */
#include "tools/rmgtool/rmg.h"
#include "tools/rmgtool/settle.h"

/* Filled from the table of formats before anything is parsed. */
static const char *from_choices[FORMATS_MAX + 1];
static const char *to_choices[FORMATS_MAX + 1];
static char to_help[256];
static char import_about[8192];
static char export_about[8192];

#define FROM                                                                                       \
    CLI_OPTION(CLI_CHOICE, "from", 'f', "FORMAT",                                                  \
               "of the input; else its name or its first bytes tell", .choices = from_choices)

#define IN                                                                                         \
    CLI_OPTION(CLI_TEXT, "in", 'i', "PATH",                                                        \
               "the instance, /world for instance, or its id (default: the top one)")
#define OUT CLI_OPTION(CLI_TEXT, "out", 'o', "OUT.rmg", "the file to write; without it, only try")

static const struct cli_option from_options[] = {FROM, {0}};
static const char *const verified[] = {"rmg", "wsc", NULL};
static const struct cli_option verify_options[] = {
    CLI_OPTION(CLI_CHOICE, "from", 'f', "FORMAT",
               "rmg or wsc; else its name or its first bytes tell", .choices = verified),
    CLI_OPTION(CLI_TEXT, "root", 0, "HEX", "the state root it must have"),
    CLI_OPTION(CLI_LIST, "signer", 0, "KEY.pub", "who must have signed it; once for each"),
    CLI_OPTION(CLI_TEXT, "signatures", 0, "FILE.sig",
               "where the signatures are (default: FILE.sig)"),
    CLI_OPTION(CLI_TEXT, "proof", 0, "PROOF",
               "judge a proof of rmg prove under --root; no FILE is needed"),
    {0},
};
static const struct cli_option ls_options[] = {
    RMG_LS_OPTIONS,
    CLI_OPTION(CLI_NUMBER, "limit", 'n', "N", "show N; 0 shows all", .fallback = "1000"),
    {0},
};
static const struct cli_option cat_options[] = {
    RMG_CAT_OPTIONS,
    CLI_OPTION(CLI_NUMBER, "limit", 'n', "N", "show N edges each way; 0 shows all",
               .fallback = "1000"),
    {0},
};
static const struct cli_option hash_options[] = {
    FROM,
    CLI_OPTION(CLI_FLAG, "echo", 0, NULL,
               "the root that Echo computes of the same content, of what its root reaches"),
    CLI_OPTION(CLI_FLAG, "linear", 0, NULL,
               "the linear root of the specification; never to be trusted, see below"),
    {0},
};
#define SCHEMA(text) CLI_OPTION(CLI_TEXT, "schema", 's', "FILE", text)
static const struct cli_option import_options[] = {
    FROM,
    SCHEMA("types for the values, and for the result's /schema; or `infer`"),
    CLI_OPTION(CLI_TEXT, "out", 'o', "OUT.rmg",
               "the file to write; it appears when it is complete"),
    {0},
};
static const struct cli_option export_options[] = {
    FROM,
    CLI_OPTION(CLI_CHOICE, "to", 't', "FORMAT", to_help, .fallback = "ndjson",
               .choices = to_choices),
    CLI_OPTION(CLI_TEXT, "instance", 'i', "PATH",
               "this one, by path or id, for formats that hold one (default: the top)"),
    CLI_OPTION(CLI_FLAG, "partial", 'p', NULL,
               "leave out and count what the format has no place for"),
    CLI_OPTION(CLI_TEXT, "label", 0, "NAME",
               "call nodes by this value of theirs, where their id is made of it"),
    CLI_OPTION(CLI_TEXT, "out", 'o', "OUT",
               "the file to write, or for CSV what both names begin with"),
    CLI_OPTION(CLI_TEXT, "schema-hash", 0, "HEX",
               "wsc: the schema hash in its header (default: as read, else zeros)"),
    CLI_OPTION(CLI_NUMBER, "tick", 0, "N",
               "wsc: the tick in its header (default: as read, else 0)"),
    {0},
};
static const struct cli_option walk_options[] = {
    FROM,
    CLI_OPTION(CLI_NUMBER, "depth", 'd', "N",
               "go no deeper than N from the root (default: no bound)"),
    CLI_OPTION(CLI_NUMBER, "limit", 'n', "N", "show N nodes; 0 shows all", .fallback = "1000"),
    CLI_OPTION(CLI_FLAG, "all", 'a', NULL, "then also the nodes that the root does not reach"),
    {0},
};

static const struct cli_option query_options[] = {
    FROM,
    IN,
    CLI_OPTION(CLI_NUMBER, "limit", 'n', "N",
               "show N rows where the query has no limit; 0 shows all", .fallback = "1000"),
    RMG_QUERY_OPTIONS,
    {0},
};
static const struct cli_option run_options[] = {
    FROM,
    CLI_OPTION(CLI_TEXT, "rules", 'r', "FILE.jitos", "the rules, and the script that runs them"),
    CLI_OPTION(CLI_TEXT, "script", 's', "NAME", "which script; may be left out when there is one"),
    IN,
    CLI_OPTION(CLI_NUMBER, "budget", 'b', "N", "fail when N rewrites are not enough",
               .fallback = "100000000", .min = 1, .max = UINT32_MAX),
    OUT,
    {0},
};
static const struct cli_option check_options[] = {
    FROM,
    SCHEMA("the types, of a .jitos file or a graph (default: the graph's own)"),
    CLI_OPTION(CLI_NUMBER, "limit", 'n', "N", "show N breaches; 0 shows all", .fallback = "100"),
    {0},
};

static const struct cli_option diff_options[] = {
    FROM,
    RMG_DIFF_OPTIONS,
    {0},
};
static const struct cli_option apply_options[] = {
    FROM,
    OUT,
    CLI_OPTION(CLI_FLAG, "rebase", 'r', NULL,
               "perform it on another state than it was made for, as a merge"),
    SETTLE_OPTIONS("ours or theirs"),
    {0},
};
static const struct cli_option merge_options[] = {
    FROM,
    OUT,
    CLI_OPTION(CLI_TEXT, "patch", 'p', "FILE", "write the merge as a patch on the base as well"),
    SETTLE_OPTIONS("ours or theirs"),
    {0},
};

static const struct cli_verb verbs[] = {
    {
        .name = "info",
        .operands = "[INPUT...]",
        .summary = "nodes, edges, types, instances, root and size",
        .about =
            "Reads and verifies the input, counts what is in it and names its state root.\n"
            "Types are shown by name where the graph has a /schema or the name is well known,\n"
            "else by the first digits of their id. schema_hash is that of /schema.\n\n"
            "--json: one event \"info\" of schema rmg.info/1 with path, bytes, state_root,\n"
            "schema_hash if there is one, instances, nodes, edges, node_types and edge_types\n"
            "(each: type, name, count).",
        .options = from_options,
        .examples = {{"rmg info city.rmg", "what is in this file?"},
                     {"rmg info --from apt", "how large is the package graph of this machine?"},
                     {"rmg info city.rmg --json | jq .nodes", "for a script"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_info,
    },
    {
        .name = "import",
        .operands = "[INPUT...]",
        .summary = "make an .rmg file from a graph in another format",
        .about = import_about,
        .options = import_options,
        .examples = {{"rmg import nodes.csv edges.csv -o city.rmg", "from a spreadsheet"},
                     {"rmg import --from apt -o debian.rmg", "all packages of this machine"},
                     {"rmg import graph.ndjson -o graph.rmg", "from another program"},
                     {"xzcat Packages.xz | rmg import --from apt - -o sid.rmg",
                      "another machine's packages"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_import,
    },
    {
        .name = "export",
        .operands = "[INPUT...]",
        .summary = "write a graph in another format",
        .about = export_about,
        .options = export_options,
        .examples = {{"rmg export city.rmg | head -3", "look at it"},
                     {"rmg export city.rmg --to graphml -o city.graphml", "for igraph or yEd"},
                     {"rmg export 1.rmg 2.rmg 3.rmg --to gexf -o run.gexf", "for Gephi, with time"},
                     {"rmg export echo.rmg --to wsc --tick 7 -o echo.wsc", "for Echo"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_export,
    },
    {
        .name = "hash",
        .operands = "[INPUT...]",
        .summary = "print the state root",
        .about =
            "The state root names the content, whatever the format or the order it came in:\n"
            "two inputs with the same root hold the same graph.\n\n"
            "--echo gives the hash that Echo has for the same content, to compare a state across\n"
            "the two; it covers what the root reaches. A value with a name has no place there:\n"
            "the first one is named.\n\n"
            "--linear gives the one hash over everything in a row of the specification's tour,\n"
            "for audits. WARNING: it hashes no counts of edges and values, so two different\n"
            "graphs with chosen ids can have the same linear root (docs/spec/state-root.md has\n"
            "such a pair). Never sign it, never take it for proof that two graphs are equal.\n\n"
            "--json: one event \"hash\" of schema rmg.hash/1 with path and state_root, and\n"
            "echo_root or linear_root where asked for.",
        .options = hash_options,
        .examples = {{"rmg hash city.rmg", "state_root HEX"},
                     {"rmg hash city.ndjson", "of what another program wrote"},
                     {"rmg hash --from apt", "of the packages this machine knows"},
                     {"rmg hash --echo snapshot.wsc", "echo_root HEX, to compare with Echo"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_hash,
    },
    {
        .name = "ls",
        .operands = "FILE [PATH]",
        .summary = "list an instance, or what a node leads to",
        .about =
            "PATH goes through instances by the names of portals on their root nodes: /world.\n"
            "Its last part may be a node: a label (as importers hash it), 64 hex digits of its\n"
            "id, or at least 4 with which only one id begins. Columns: id, type, with -l edges\n"
            "out and in, name. Of a node: its portals, then its edges with where they lead.\n\n"
            "--json: events \"portal\" (instance, owner, name) and \"node\" (id, instance, type,\n"
            "name; -l: out, in; of a node's edge: edge, edge_type), then \"done\" (shown, left), "
            "all\n"
            "of schema rmg.ls/1. type_name and edge_type_name where the name is known.",
        .options = ls_options,
        .examples = {{"rmg ls city.rmg", "the top instance"},
                     {"rmg ls debian.rmg --type Virtual -n 5", "some nodes of a type"},
                     {"rmg ls debian.rmg /bash", "what bash leads to"},
                     {"rmg ls system.rmg / -R", "everything"}},
        .operands_min = 1,
        .operands_max = 2,
        .run = rmg_ls_verb,
    },
    {
        .name = "cat",
        .operands = "FILE PATH",
        .summary = "one node with its values and edges",
        .about =
            "PATH is one of rmg ls; that of an instance means its root node. Prints JSON; with\n"
            "--json on one line, an event \"node\" of schema rmg.cat/1: id, instance, type,\n"
            "type_name, values (name, type, and value, bytes in hex or descend), out_degree,\n"
            "out, in_degree and in (each edge: edge, type, to or from, name, values).",
        .options = cat_options,
        .examples = {{"rmg cat debian.rmg /bash", "all about a package"},
                     {"rmg cat debian.rmg /bash --raw version", "one value, as it lies"},
                     {"rmg cat debian.rmg /bash --json | jq .out_degree", "for a script"}},
        .operands_min = 2,
        .operands_max = 2,
        .run = rmg_cat_verb,
    },
    {
        .name = "walk",
        .operands = "[INPUT...]",
        .summary = "list nodes from the root, in canonical order",
        .about =
            "Breadth first from the root node of the top instance: of each node first its portals\n"
            "by name, then its edges by (type, target, edge id). Each node appears once, at its\n"
            "least depth. Columns: depth, how it was reached, id, type, name.\n\n"
            "--json: an event \"node\" a line (depth, via, id, instance, type; via an edge: edge,\n"
            "edge_type; name), then \"done\" (shown, nodes, limited), all of schema rmg.walk/1.",
        .options = walk_options,
        .examples = {{"rmg walk city.rmg --depth 2", "the surroundings of the root"},
                     {"rmg walk city.rmg --all --limit 0", "everything"},
                     {"rmg walk city.rmg --json | jq -r .name", "for a script"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_walk,
    },
    {
        .name = "verify",
        .operands = "[FILE]",
        .summary = "judge every byte of a file, its signatures, or a proof",
        .about = "Sizes, order, the exact layout, references, validity and the state root. Exit "
                 "code 0,\n"
                 "or 5 with the first bad record and its byte. A .wsc says no root: it is "
                 "computed, and\n"
                 "with --root compared.\n\n"
                 "With --signer each of those keys must have signed the root in FILE.sig: exit\n"
                 "code 1 when one has not, 5 when a signature is wrong.\n\n"
                 "With --proof and --root and no FILE: does the state of that root have what the\n"
                 "proof says? Exit code 0, or 5 when the proof does not lead to that root.\n\n"
                 "--json: one event \"verify\" of schema rmg.verify/1 with path, verified and\n"
                 "state_root; or \"error\" of schema rmg.error/1.",
        .options = verify_options,
        .examples = {{"rmg verify city.rmg", NULL},
                     {"rmg verify snapshot.wsc --root HEX", "is it the state that HEX names?"},
                     {"rmg verify city.rmg --signer ann.pub --signer bob.pub",
                      "who stands for it?"},
                     {"rmg verify --proof p --root HEX", "without the file"}},
        .operands_min = 0,
        .operands_max = 1,
        .run = rmg_verify,
    },
    {
        .name = "query",
        .operands = "INPUT... QUERY",
        .summary = "find a pattern in a graph",
        .about =
            "A query is one match of the rule language and what to return of it:\n\n"
            "  match (a:Person)-[k:KNOWS]->(b:Person)\n"
            "  where a.age > 40 and not (b)-[:OWNS]->(:Dog)\n"
            "  return a.name, b, k.since as since order by since desc, a.name limit 10\n\n"
            "The match is a path of nodes and edges, or several with commas between them, which\n"
            "may share names; all elements are different. One without a type may be any. `return`\n"
            "takes elements, expressions over their values, or count(*) alone. Types and values\n"
            "are those of /schema, else those that are there. A missing value is shown as -, null\n"
            "in JSON. Rows come by `order by` (missing values last), then by the ids of the\n"
            "matched elements: the same graph gives the same answer.\n\n"
            "Exit code 0 also when nothing matches; 124 when the budget ran out.\n\n"
            "--json: an event \"row\" each (values: by column; an element has id, type and, if\n"
            "known, type_name), then \"done\" (matches, shown, looks), of schema rmg.query/1.",
        .options = query_options,
        .examples = {{"rmg query city.rmg 'match (a:Person) return a.name limit 5'", NULL},
                     {"rmg query city.rmg 'match (a)-[:KNOWS]->(b) return count(*)'", "how many?"},
                     {"rmg query city.rmg 'match (a)-[:KNOWS]->(b), (a)-[:LIKES]->(b) return a, b'",
                      "several paths"},
                     {"rmg query --from apt 'match (a:Package)-[:DEPENDS]->(b) where b.name = "
                      "\"libc6\" return a.name'",
                      "of the packages this machine knows"}},
        .operands_min = 1,
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_query_verb,
    },
    {
        .name = "run",
        .operands = "[INPUT...]",
        .summary = "rewrite a graph with a script of rules",
        .about =
            "A script says in which order rules of a system file run, in one transaction: all of\n"
            "it happens or nothing.\n\n"
            "  rule mark match (a:Person)-[:KNOWS]->(b:Person)\n"
            "    where a.seen = 1 and b.seen = 0 set b.seen = 1\n"
            "  script spread { until none mark }\n\n"
            "`once a | b` applies the first rule that has a match; `until none a | b` does so\n"
            "until none has; `all a` applies all matches that are there, side by side; `until "
            "none\n"
            "{ ... }` repeats a block. The same script on the same graph gives the same result, "
            "ids\n"
            "and all. The result's /schema is the input's. docs/spec/scripts.md says all of it.\n\n"
            "Exit code 2: the rules are wrong, or cannot be run by a script; 3: no such file,\n"
            "script or instance; 124: more rewrites than --budget or the script allow. Then "
            "nothing\n"
            "is written.\n\n"
            "--json: one event \"done\" of schema rmg.run/1 (script, rewrites, calls: rule and\n"
            "rewrites each, nodes and edges of the instance, path and bytes, state_root).",
        .options = run_options,
        .examples = {{"rmg run city.rmg --rules city.jitos --script spread -o after.rmg", NULL},
                     {"rmg run city.rmg --rules city.jitos", "would it end, and after how much?"},
                     {"rmg run s.rmg -r s.jitos --in /world -o t.rmg", "an instance in it"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_run_verb,
    },
    {
        .name = "keygen",
        .operands = "KEY",
        .summary = "make a key pair to sign with",
        .about =
            "Writes KEY, the secret (mode 0600), and KEY.pub, the public key. A file that is\n"
            "there is never written over.\n\n"
            "--json: one event \"keygen\" of schema rmg.keygen/1 with secret_path, public_path\n"
            "and public_key.",
        .examples = {{"rmg keygen ann", "ann and ann.pub"}},
        .operands_min = 1,
        .operands_max = 1,
        .run = rmg_keygen_verb,
    },
    {
        .name = "sign",
        .operands = "FILE",
        .summary = "put a signature on a state",
        .about =
            "Verifies FILE and signs its state root; the signature is added to FILE.sig, which\n"
            "may hold those of others. docs/spec/signature.md has the bytes.\n\n"
            "--json: one event \"sign\" of schema rmg.sign/1 with path, state_root, public_key\n"
            "and signatures (their number).",
        .options = rmg_sign_options,
        .examples = {{"rmg sign city.rmg --key ann", "writes city.rmg.sig"},
                     {"rmg verify city.rmg --signer ann.pub", "and who reads it"}},
        .operands_min = 1,
        .operands_max = 1,
        .run = rmg_sign_verb,
    },
    {
        .name = "prove",
        .operands = "FILE ID",
        .summary = "prove to who knows the root that an element is there, or not",
        .about =
            "Writes a proof, of about a kilobyte in a graph of a million nodes: the record of the\n"
            "element and the hashes beside its way up to the state root; or what stands in its\n"
            "place. ID is 64 hex digits, or node:LABEL or edge:LABEL, which are hashed.\n"
            "docs/spec/proof.md has the bytes.\n\n"
            "--json (with -o): one event \"prove\" of schema rmg.prove/1 with plane, present,\n"
            "id, instance, state_root, path and bytes.",
        .options = rmg_prove_options,
        .examples = {{"rmg prove city.rmg node:alice > p", "alice is there"},
                     {"rmg prove city.rmg node:nobody -o p", "nobody is not"},
                     {"rmg verify --proof p --root HEX", "what others do with it"}},
        .operands_min = 2,
        .operands_max = 2,
        .run = rmg_prove_verb,
    },
    {
        .name = "check",
        .operands = "[INPUT...]",
        .summary = "does a graph keep to its types?",
        .about =
            "Reports each node, edge and value that breaks its type: a field with a default that\n"
            "is missing, a value of another codec, bytes that are not canonical, an edge between\n"
            "nodes it may not join, an element of a type that is declared for something else. And\n"
            "each id in a value that names a node: a hidden edge. What is not declared is counted\n"
            "and left alone. The types are those of the graph's /schema, or of --schema; with\n"
            "neither, values are judged by their own types alone.\n\n"
            "Exit code 0: nothing breaks its type; 1: something does.\n\n"
            "--json: an event \"breach\" a line (kind, what, element, instance, id, type,\n"
            "type_name, name, declared, found or names), then \"done\" with the counts, all of\n"
            "schema rmg.check/1.",
        .options = check_options,
        .examples = {{"rmg check city.rmg", "by the types it carries"},
                     {"rmg check city.rmg --schema city.jitos", "by those of a system file"},
                     {"rmg check city.rmg --json | jq 'select(.event == \"breach\")'",
                      "for a script"}},
        .operands_max = CLI_OPERANDS_ANY,
        .run = rmg_check_verb,
    },
    {
        .name = "diff",
        .operands = "A B",
        .summary = "what differs between two graphs",
        .about =
            "By instance: what came (+), went (-) and changed (~) on the way from A to B; nodes\n"
            "by id and name, values as before => after. A patch (-o) holds the same; rmg apply\n"
            "performs it. docs/spec/merge.md says what is compared.\n\n"
            "--json: an event \"change\" each (change: added, removed, changed; in, place, label,\n"
            "before, after), then \"done\" (from, to, same, counts), of schema rmg.diff/1.",
        .options = diff_options,
        .examples = {{"rmg diff a.rmg b.rmg --stat", "how much?"},
                     {"rmg diff a.rmg b.rmg -o ab.patch", "to apply elsewhere"},
                     {"rmg diff a.rmg b.rmg --graph dot | dot -Tsvg >d.svg", "see it"},
                     {"rmg diff a.rmg b.rmg --stat --exit-code", "for a script"}},
        .operands_min = 2,
        .operands_max = 2,
        .run = rmg_diff_verb,
    },
    {
        .name = "apply",
        .operands = "INPUT PATCH",
        .summary = "perform a patch on a graph",
        .about =
            "A patch is performed on the state it was made for, whole or not at all; on another\n"
            "one the answer is no (exit 1). With --rebase it moves there: what it changes is\n"
            "compared with what is there, and what both changed is a conflict, as in a merge\n"
            "where ours is the patch and theirs the graph. rmg help merge tells how conflicts\n"
            "are settled; the base cannot be chosen, a patch has only hashes of it.\n\n"
            "--json: an event \"conflict\" each (see rmg help merge), then \"done\" of schema\n"
            "rmg.apply/1 (path, bytes, moved, state_root).",
        .options = apply_options,
        .examples = {{"rmg apply a.rmg ab.patch -o b.rmg", "what rmg diff wrote"},
                     {"rmg apply c.rmg ab.patch --rebase -o d.rmg", "the same change elsewhere"},
                     {"rmg apply c.rmg ab.patch --rebase", "would it fit?"}},
        .operands_min = 2,
        .operands_max = 2,
        .run = rmg_apply_verb,
    },
    {
        .name = "merge",
        .operands = "BASE OURS THEIRS",
        .summary = "bring together what two sides made of one graph",
        .about =
            "What one side changed is taken, what both changed alike is taken once; what both\n"
            "changed differently is the join of its field in /schema (sum, max, min, union,\n"
            "last), or a conflict. So is whatever would give no valid graph: an edge to a node\n"
            "that the other side deleted, and so on. With conflicts (exit 1) nothing is written;\n"
            "each is listed with its three values. --write-choices writes them to a file: fill\n"
            "in \"take\" (base, ours, theirs) and give it to --choices. Or --strategy.\n"
            "docs/spec/merge.md has every kind of conflict.\n\n"
            "--json: an event \"conflict\" each (number, conflict, why, place, other, base, ours,\n"
            "theirs), then \"done\" (conflicts, operations, ours, theirs, alike, joined, settled,\n"
            "path, bytes, state_root), of schema rmg.merge/1.",
        .options = merge_options,
        .examples = {{"rmg merge base.rmg a.rmg b.rmg -o m.rmg", "exit 1: conflicts, listed"},
                     {"rmg merge base.rmg a.rmg b.rmg -w todo.json", "conflicts to be filled in"},
                     {"rmg merge base.rmg a.rmg b.rmg -c todo.json -o m.rmg", "settled"},
                     {"rmg merge base.rmg a.rmg b.rmg --strategy ours -o m.rmg", "a wins"}},
        .operands_min = 3,
        .operands_max = 3,
        .run = rmg_merge_verb,
    },
    {0},
};

static const struct cli_program program = {
    .name = "rmg",
    .summary = "graphs in files",
    .version = PACKAGE_VERSION,
    .verbs = verbs,
    .examples = {{"rmg import --from apt -o debian.rmg", "the package graph of this machine"},
                 {"rmg info debian.rmg", "what is in it"},
                 {"rmg export debian.rmg | head -3", "as NDJSON"}},
};

static void fill_from_table(void)
{
    static const char import_end[] =
        "\nWhat is no state of its own goes into the top instance /. A fault of an input names\n"
        "file, line and column, and nothing is written. docs/spec/formats.md says how ids are\n"
        "made.\n\n"
        "Without --schema the result has types only if the input carries them. --schema FILE (a\n"
        ".jitos file, or a graph with a /schema) reads only declared values, each as its field\n"
        "says, writes the defaults of missing ones, and puts the types into /schema. --schema\n"
        "infer takes all values as they are and declares what it found: each type with a known\n"
        "name, each of its values that has one codec throughout.\n\n"
        "--json: one event \"done\" of schema rmg.import/1 with path, bytes, instances, nodes,\n"
        "edges, values, for apt virtual and stanzas_ignored, and state_root; with --schema also\n"
        "types, schema_hash, and values_ignored or types_left.";
    static const char export_end[] =
        "\n--json (with -o): one event \"done\" of schema rmg.export/1 with paths, nodes,\n"
        "edges, lines, portals_left, instances_left.";
    format_names(false, from_choices);
    format_names(true, to_choices);
    format_list(true, to_help, sizeof to_help);
    format_help(false, import_end, import_about, sizeof import_about);
    format_help(true, export_end, export_about, sizeof export_about);
}

int main(int argc, char **argv)
{
    fill_from_table();
    return cli_main(&program, cli_env_system(), argc, argv);
}
