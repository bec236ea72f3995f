-- Prolongs the lease if it still is exactly ours. Reading the fence also keeps it from being evicted as long unused.
--
-- KEYS  lease, fence
-- ARGV  lease text, TTL in ms, deployment
-- Answers {'RENEWED', epoch, token, sequence of the fence, each '' if missing}, or {'GONE'}, or {'TAKEN', …} or a refusal as
-- acquire does.
local refusal = not_ours(KEYS[1], ARGV[1], ARGV[3])
if refusal then return refusal end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local fence = redis.pcall('HMGET', KEYS[2], 'epoch', 'token', 'sequence')
return {'RENEWED', fence[1] or '', fence[2] or '', fence[3] or ''}
