# sws: arenas, publication, branches.
