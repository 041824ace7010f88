/* rmg - graphs in files: no supervisor, no data folder. The table of its verbs. */
#include "tools/rmgtool/rmg.h"

/* Filled from the table of formats before anything is parsed. */
static const char *from_choices[FORMATS_MAX + 1];
static const char *to_choices[FORMATS_MAX + 1];
static char to_help[256];
static char import_about[8192];
static char export_about[8192];

#define FROM                                                                                       \
    {                                                                                              \
        .name = "from", .letter = 'f', .type = CLI_CHOICE, .metavar = "FORMAT",                    \
        .choices = from_choices, .help = "of the input; else its name or its first bytes tell",    \
    }

static const struct cli_option from_options[] = {FROM, {0}};
static const char *const verified[] = {"rmg", "wsc", NULL};
static const struct cli_option verify_options[] = {
    {.name = "from",
     .letter = 'f',
     .type = CLI_CHOICE,
     .metavar = "FORMAT",
     .choices = verified,
     .help = "rmg or wsc; else its name or its first bytes tell"},
    {.name = "root", .type = CLI_TEXT, .metavar = "HEX", .help = "the state root it must have"},
    {0},
};
static const struct cli_option hash_options[] = {
    FROM,
    {.name = "echo",
     .type = CLI_FLAG,
     .help = "the root that Echo computes of the same content, of what its root reaches"},
    {.name = "linear",
     .type = CLI_FLAG,
     .help = "the linear root of the specification; never to be trusted, see below"},
    {0},
};
static const struct cli_option import_options[] = {
    FROM,
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .metavar = "OUT.rmg",
     .help = "the file to write; it appears when it is complete"},
    {0},
};
static const struct cli_option export_options[] = {
    FROM,
    {.name = "to",
     .letter = 't',
     .type = CLI_CHOICE,
     .metavar = "FORMAT",
     .fallback = "ndjson",
     .choices = to_choices,
     .help = to_help},
    {.name = "label",
     .type = CLI_TEXT,
     .metavar = "NAME",
     .help = "call nodes by this value of theirs, where their id is made of it"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .metavar = "OUT",
     .help = "the file to write, or for CSV what both names begin with"},
    {.name = "schema-hash",
     .type = CLI_TEXT,
     .metavar = "HEX",
     .help = "wsc: the schema hash in its header (default: as read, else zeros)"},
    {.name = "tick",
     .type = CLI_NUMBER,
     .metavar = "N",
     .help = "wsc: the tick in its header (default: as read, else 0)"},
    {0},
};
static const struct cli_option walk_options[] = {
    FROM,
    {.name = "depth",
     .letter = 'd',
     .type = CLI_NUMBER,
     .metavar = "N",
     .help = "go no deeper than N from the root (default: no bound)"},
    {.name = "limit",
     .letter = 'n',
     .type = CLI_NUMBER,
     .metavar = "N",
     .fallback = "1000",
     .help = "show N nodes; 0 shows all"},
    {.name = "all",
     .letter = 'a',
     .type = CLI_FLAG,
     .help = "then also the nodes that the root does not reach"},
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
            "else by the first digits of their id.\n\n"
            "--json: one event \"info\" of schema rmg.info/1 with path, bytes, state_root,\n"
            "instances, nodes, edges, node_types and edge_types (each: type, name, count).",
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
                     {"rmg export city.rmg --to csv -o city", "city.nodes.csv, city.edges.csv"},
                     {"rmg export city.rmg -o city.ndjson", "to a file"},
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
        .operands = "FILE",
        .summary = "judge every byte of an .rmg or .wsc file",
        .about = "Sizes, order, the exact layout, references, validity and the state root. Exit "
                 "code 0,\n"
                 "or 5 with the first bad record and its byte. A .wsc says no root: it is "
                 "computed, and\n"
                 "with --root compared.\n\n"
                 "--json: one event \"verify\" of schema rmg.verify/1 with path, verified and\n"
                 "state_root; or \"error\" of schema rmg.error/1.",
        .options = verify_options,
        .examples = {{"rmg verify city.rmg", NULL},
                     {"rmg verify city.rmg --json", "for a script"},
                     {"rmg verify snapshot.wsc --root HEX", "is it the state that HEX names?"},
                     {"rmg verify city.rmg && jitos run city.jitos --ticks 100 --seed 1 --data d",
                      "before it is used"}},
        .operands_min = 1,
        .operands_max = 1,
        .run = rmg_verify,
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
        "--json: one event \"done\" of schema rmg.import/1 with path, bytes, instances, nodes,\n"
        "edges, values, for apt virtual and stanzas_ignored, and state_root.";
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
