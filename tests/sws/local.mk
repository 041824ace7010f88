# Tests of sws.
