-- Leaves an operator's word that the deletions which the brake of a dataset holds are right.
--
-- KEYS  requests
-- ARGV  name of the request
-- Answers {'CONFIRMED', now in ms} or {'WRONG-TYPE', key, found, wanted}.
local refusal = wrong_type(KEYS[1], 'hash')
if refusal then return refusal end
local now = whole(math.floor(clock() / 1000))
open_door(KEYS[1])  -- a full Redis waits for nothing more than for deletions
redis.call('HSET', KEYS[1], ARGV[1], now)
return {'CONFIRMED', now}
