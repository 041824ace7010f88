# proc/host: spawn and sandbox; knows no graph.
