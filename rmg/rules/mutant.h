/* rmg/rules/mutant.h - ways to get wrong what a change enables, for the tests that must notice: of
 * searches that follow a difference, and of scripts that follow their own rewrites. Layer: rmg;
 * private. In every program that is installed RMG_MUTANT(x) is the constant false; only the
 * programs of tests/rmg/test_mutants.sh compile these sources with JIT_RMG_MUTANTS and choose one.
 */
#ifndef JIT_RMG_MUTANT_H
#define JIT_RMG_MUTANT_H

/* The program that is to notice it stands before the text. */
#define RMG_MUTANT_MAP(X)                                                                          \
    X(RMG_MUTANT_NONE, "all", "everything as it is")                                               \
    X(RMG_MUTANT_MADE, "script", "what a rewrite made is no candidate")                            \
    X(RMG_MUTANT_LINKED, "script_text", "a new edge fulfils no condition at its ends")             \
    X(RMG_MUTANT_LINKED_SIDE, "script_text", "a new edge is looked at from its wrong end")         \
    X(RMG_MUTANT_LINKED_CHAIN, "script_text", "a new edge matters to the rule that made it alone") \
    X(RMG_MUTANT_UNLINKED, "script_text", "an edge that is gone fulfils no negative condition")    \
    X(RMG_MUTANT_UNLINKED_SIDE, "script_text",                                                     \
      "an edge that is gone is looked at from its wrong end")                                      \
    X(RMG_MUTANT_FREED, "script_text", "an edge that is gone leaves no node to be deleted")        \
    X(RMG_MUTANT_WRITTEN, "script_text", "a value that was written fulfils no condition")          \
    X(RMG_MUTANT_LATE, "script_text", "a value that was missing is not waited for")                \
    X(RMG_MUTANT_DETACHED, "script_text", "edges that went with a node fulfil no condition")       \
    X(RMG_MUTANT_DETACHED_FREED, "script_text",                                                    \
      "edges that went with a node leave none to delete")                                          \
    X(RMG_MUTANT_NODE, "search", "a node that came, went or changed its type touches nothing")     \
    X(RMG_MUTANT_EDGE, "search", "an edge that came or went touches no match that has it")         \
    X(RMG_MUTANT_EDGE_BEFORE, "search", "an edge with new ends is not looked at where it was")     \
    X(RMG_MUTANT_DANGLING, "search", "an edge that came or went says nothing of deleted nodes")    \
    X(RMG_MUTANT_NEAR, "search", "an edge that came or went touches no condition at its ends")     \
    X(RMG_MUTANT_NEAR_TYPE, "search", "a node of another type touches no condition beside it")     \
    X(RMG_MUTANT_NEAR_FIELD, "search", "a value touches no condition of the nodes beside it")      \
    X(RMG_MUTANT_NEAR_EDGE_FIELD, "search", "a value of an edge touches no condition at its ends") \
    X(RMG_MUTANT_ALONE_TYPE, "search", "a node that came or went touches no number of all")        \
    X(RMG_MUTANT_ALONE_FIELD, "search", "a value touches no number of all nodes")                  \
    X(RMG_MUTANT_FIELD, "search", "a value touches no match that reads it")                        \
    X(RMG_MUTANT_STAYS, "search", "what was touched stays as it was")

enum rmg_mutant {
#define X(name, by, text) name,
    RMG_MUTANT_MAP(X)
#undef X
        RMG_MUTANT_COUNT
};

#ifdef JIT_RMG_MUTANTS
extern enum rmg_mutant rmg_mutant;
#define RMG_MUTANT(name) (rmg_mutant == (name))
#else
#define RMG_MUTANT(name) false
#endif

#endif
