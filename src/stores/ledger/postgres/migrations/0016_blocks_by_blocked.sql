-- Who blocks somebody: read with the blocks of their own when what they may see is loaded.
CREATE INDEX blocks_by_blocked ON blocks (blocked_id, blocker_id);
