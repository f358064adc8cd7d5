-- Merges counter rows into a post's mirror: per shard the row with the highest version stays.
-- KEYS: the mirror. ARGV: 1 for a fill or 0 for an update, packed rows, a filled mirror's life in ms.
-- Where nobody asked for the mirror nothing is kept. Gives 1 where something changed.
local HEADER_BYTES, ROW_BYTES = 2, 26
local stored = redis.pcall('GET', KEYS[1])
if type(stored) ~= 'string' or string.byte(stored, 1) ~= 1 or (#stored - HEADER_BYTES) % ROW_BYTES ~= 0 then
  return 0
end
local places, versions, rows, changed = {}, {}, {}, false
local function merge(packed, first)
  for at = first, #packed, ROW_BYTES do
    local shard, version = struct.unpack('>I2I8', packed, at)
    local place = places[shard]
    if not place then
      place = #rows + 1
      places[shard] = place
    end
    if not versions[place] or version > versions[place] then
      versions[place], rows[place], changed = version, string.sub(packed, at, at + ROW_BYTES - 1), true
    end
  end
end
merge(stored, HEADER_BYTES + 1)
changed = false
merge(ARGV[2], 1)
if ARGV[1] == '1' then
  redis.call('SET', KEYS[1], '\1\1' .. table.concat(rows), 'PX', ARGV[3])
  return 1
end
if not changed then return 0 end
redis.call('SET', KEYS[1], string.sub(stored, 1, HEADER_BYTES) .. table.concat(rows), 'KEEPTTL')
return 1
