"""The pure core: no clock, no randomness, no I/O. `now`, ids and random bytes are arguments."""
