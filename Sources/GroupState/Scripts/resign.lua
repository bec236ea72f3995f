-- Deletes the lease if it still is exactly ours and wakes the followers. Ours or not, no write of the term is accepted after it.
--
-- KEYS  lease, fence, events, requests
-- ARGV  lease text, epoch, token, holder, reason, channel of releases, the replica that is to be elected ('' for any), and
--       for how long in ms nobody else is
-- Answers {'RESIGNED'} or {'NOT-OURS'}.
local is_ours = redis.pcall('GET', KEYS[1]) == ARGV[1]
if is_ours then redis.call('DEL', KEYS[1]) end
if redis.pcall('HGET', KEYS[2], 'token') == ARGV[3] then
    open_door(KEYS[2])
    redis.call('HSET', KEYS[2], 'token', 'sealed')
end
if not is_ours then return {'NOT-OURS'} end
redis.pcall('HDEL', KEYS[4], 'step-down')
if ARGV[7] ~= '' then
    redis.pcall('HSET', KEYS[4], 'reserved', whole(clock() + tonumber(ARGV[8]) * 1000) .. ' ' .. ARGV[7])
end
record(KEYS[3], 'resigned', ARGV[4], ARGV[2], ARGV[3], ARGV[5])
redis.pcall('PUBLISH', ARGV[6], ARGV[3] .. ' ' .. ARGV[7])
return {'RESIGNED'}
