# tools: the programs; argument parsing and printing only.
