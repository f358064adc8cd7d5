-- The number of the last rebuild of the counters. Corrections that an earlier one measured are not written any more.
CREATE TABLE counter_rebuilds (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    number BIGINT NOT NULL
);
INSERT INTO counter_rebuilds (number) VALUES (0);
