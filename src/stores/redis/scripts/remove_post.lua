-- Drops a post's copy and its counters' mirror, and leaves a tombstone that refuses copies for a while.
-- KEYS: the copy, the mirror. ARGV: the tombstone's life in ms. Gives how many entries were really there.
local removed = 0
local post = redis.pcall('GET', KEYS[1])
if type(post) == 'string' and string.byte(post, 1) ~= 0 then removed = removed + 1 end
local mirror = redis.pcall('GET', KEYS[2])
if type(mirror) == 'string' and string.byte(mirror, 2) == 1 then removed = removed + 1 end
redis.call('SET', KEYS[1], '\0', 'PX', ARGV[1])
redis.call('UNLINK', KEYS[2])
return removed
