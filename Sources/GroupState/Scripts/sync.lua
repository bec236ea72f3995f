-- Sets the fence to a sequence past everything ever sent, at the Redis that holds the lease.
--
-- KEYS  lease, fence
-- ARGV  lease text, epoch, token, next sequence, deployment
-- Answers {'SYNCED', epoch, token, sequence that the fence had before, each '' if missing}, {'LATE', sequence} if it comes
-- after a later one of the same term, or {'GONE'}, {'TAKEN', …} or a refusal as acquire does.
local refusal = wrong_type(KEYS[2], 'hash') or not_ours(KEYS[1], ARGV[1], ARGV[5])
if refusal then return refusal end
local fence = redis.call('HMGET', KEYS[2], 'epoch', 'token', 'sequence')
if fence[1] == ARGV[2] and fence[2] == ARGV[3] and (number_in(fence[3]) or 0) >= tonumber(ARGV[4]) then
    return {'LATE', fence[3]}
end
open_door(KEYS[2])
set_fence(KEYS[2], ARGV[2], ARGV[3], ARGV[4])
return {'SYNCED', fence[1] or '', fence[2] or '', fence[3] or ''}
