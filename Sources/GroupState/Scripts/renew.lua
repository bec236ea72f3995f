-- Prolongs the lease if it still is exactly ours, and tells the operators' requests. Reading the fence also keeps it from being
-- evicted as long unused.
--
-- KEYS  lease, fence, suspect, requests
-- ARGV  lease text, TTL in ms, deployment, epoch, token, '1' if somebody listens to the leader's channel
-- Answers {'RENEWED', epoch, token, sequence of the fence, each '' if missing, pause left in ms or '', who requests that the
-- leader steps down or '', the replica to step down for or '', why}, or {'GONE'}, or {'TAKEN', …} or a refusal as acquire does.
local refusal = not_ours(KEYS[1], ARGV[1], ARGV[3])
if refusal then return refusal end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[6] == '1' then
    redis.pcall('DEL', KEYS[3])
else
    -- The connection that shows that we live is lost, and we live: nobody is to conclude from it that we don't.
    redis.pcall('SET', KEYS[3], ARGV[5] .. ' alive', 'PX', ARGV[2])
end
local fence = redis.pcall('HMGET', KEYS[2], 'epoch', 'token', 'sequence')
local request = read_request(KEYS[4], 'step-down')
if not request or request.epoch ~= ARGV[4] then request = {} end
return {'RENEWED', fence[1] or '', fence[2] or '', fence[3] or '', pause_left(KEYS[4], clock()),
    request.by or '', request.to or '', request.reason or ''}
