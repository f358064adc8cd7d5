-- The strongest counts are found by their magnitude, the number of their binary digits: 0 for none, 16 from 2^15 on.
-- It changes seldom, so that counting on moves the count alone and hardly ever the index.
ALTER TABLE engagement_hours ADD COLUMN magnitude INTEGER GENERATED ALWAYS AS (
    CASE
        WHEN engagements < 1 THEN 0
        WHEN engagements < 2 THEN 1
        WHEN engagements < 4 THEN 2
        WHEN engagements < 8 THEN 3
        WHEN engagements < 16 THEN 4
        WHEN engagements < 32 THEN 5
        WHEN engagements < 64 THEN 6
        WHEN engagements < 128 THEN 7
        WHEN engagements < 256 THEN 8
        WHEN engagements < 512 THEN 9
        WHEN engagements < 1024 THEN 10
        WHEN engagements < 2048 THEN 11
        WHEN engagements < 4096 THEN 12
        WHEN engagements < 8192 THEN 13
        WHEN engagements < 16384 THEN 14
        WHEN engagements < 32768 THEN 15
        ELSE 16 END) VIRTUAL;
CREATE INDEX engagement_hours_by_magnitude ON engagement_hours (magnitude, hour DESC);
