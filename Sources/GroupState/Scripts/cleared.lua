-- Takes the notes of what people took out of the cache. Only whoever holds the fence gets them: a deposed leader would take them
-- away from its successor.
--
-- KEYS  cleared, fence
-- ARGV  token
-- Answers the notes, or nothing.
if wrong_type(KEYS[1], 'hash') or redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return {} end
local notes = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do notes[#notes + 1] = all[i] end
if #notes > 0 then redis.call('UNLINK', KEYS[1]) end
return notes
