-- The number of the last rebuild of the counters. Corrections that an earlier one measured are not written any more.
CREATE TABLE counter_rebuilds (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO counter_rebuilds (only_row, number) VALUES (1, 0);
