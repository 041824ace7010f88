# Tests of proc.
