-- Who is in the cluster. Every change locks the one row of `cluster`, so changes have one order, its view.

CREATE TABLE cluster (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    view BIGINT NOT NULL DEFAULT 0,
    last_incarnation BIGINT NOT NULL DEFAULT 0,
    last_number INTEGER NOT NULL DEFAULT 0
);
INSERT INTO cluster DEFAULT VALUES;

CREATE TABLE members (
    name TEXT PRIMARY KEY,
    incarnation BIGINT NOT NULL UNIQUE,
    number INTEGER NOT NULL UNIQUE,
    address TEXT NOT NULL,
    admin_url TEXT NOT NULL,
    wire_oldest INTEGER NOT NULL,
    wire_newest INTEGER NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('joining', 'ready', 'draining')),
    lease_ms BIGINT NOT NULL,
    lease_until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- Who believes whom dead, by incarnation. Votes of and about those who left go with them.
CREATE TABLE suspicions (
    suspect BIGINT NOT NULL REFERENCES members (incarnation) ON DELETE CASCADE,
    voter BIGINT NOT NULL REFERENCES members (incarnation) ON DELETE CASCADE,
    voted_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (suspect, voter)
);
CREATE INDEX suspicions_by_voter ON suspicions (voter);
