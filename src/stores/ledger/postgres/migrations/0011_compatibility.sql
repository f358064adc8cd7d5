-- The oldest schema version whose program can work on this schema. A migration that an older program could not live with
-- raises it to its own version; others leave it, so that a program of the version before can still be started.
CREATE TABLE ledger_compatibility (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    oldest_version BIGINT NOT NULL
);
INSERT INTO ledger_compatibility (oldest_version) VALUES (11);
