# rmg: the graph: values, tries, store, patch, rules, engine, formats.
