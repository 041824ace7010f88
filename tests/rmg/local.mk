# Tests of rmg.
