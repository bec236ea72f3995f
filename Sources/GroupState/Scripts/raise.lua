-- What sync does, at a target that does not hold the lease: epochs are compared, and a lower one never replaces a higher.
--
-- KEYS  fence
-- ARGV  epoch, token, next sequence
-- Answers {'SYNCED', epoch, token, sequence that the fence had before, each '' if missing}, {'LATE', sequence} if it comes
-- after a later one of the same term, {'FENCED', highest epoch, token} if a higher epoch was there or the same one of another
-- term, or {'WRONG-TYPE', key, found, wanted}.
local refusal = wrong_type(KEYS[1], 'hash')
if refusal then return refusal end
local fence = redis.call('HMGET', KEYS[1], 'epoch', 'token', 'sequence', 'highest')
local epoch = tonumber(ARGV[1])
local there = number_in(fence[1]) or 0
local highest = math.max(there, number_in(fence[4]) or 0)
if highest > epoch or (there == epoch and fence[2] ~= ARGV[2]) then return {'FENCED', whole(highest), fence[2] or ''} end
if there == epoch and (number_in(fence[3]) or 0) >= tonumber(ARGV[3]) then return {'LATE', fence[3]} end
open_door(KEYS[1])
set_fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return {'SYNCED', fence[1] or '', fence[2] or '', fence[3] or ''}
