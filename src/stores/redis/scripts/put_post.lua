-- Keeps a post's copy, unless the post was removed a moment ago or a newer copy is there.
-- KEYS: the copy. ARGV: the new copy, its `edited_at`, its life in ms. Gives 1 where it was kept.
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'string' then
  local kind = string.byte(stored, 1)
  if kind == 0 then return 0 end
  -- Every format has its number, which is below 32, in the first byte and `edited_at` behind it. What is neither is damage,
  -- which a put repairs.
  if kind and kind >= 1 and kind < 32 and #stored > 9 and struct.unpack('>i8', stored, 2) > tonumber(ARGV[2]) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
