-- Takes keys out of the cache and, in the same step, notes it for the leader, who would else hold them for unchanged. There is no
-- moment in which the keys are gone and nobody is told.
--
-- KEYS  cleared, then the keys to unlink (none: only the notes are left)
-- ARGV  how long notes are kept in ms, the most notes, then the notes: 'dataset:NAME', 'dataset:*' for all, 'key:KEY'
-- Answers {'CLEARED', how many keys were there} or {'WRONG-TYPE', key, found, wanted}, and then changed nothing.
local refusal = wrong_type(KEYS[1], 'hash')
if refusal then return refusal end
local count = #KEYS > 1 and redis.call('UNLINK', unpack(KEYS, 2)) or 0
open_door(KEYS[1]) -- on a full Redis too
for i = 3, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], '1') end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then
    redis.call('UNLINK', KEYS[1])
    redis.call('HSET', KEYS[1], 'dataset:*', '1')
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {'CLEARED', whole(count)}
