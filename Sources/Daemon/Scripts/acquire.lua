-- Takes the lease if it is free, and raises the fence.
--
-- KEYS  lease, fence, events
-- ARGV  holder, token, TTL in ms, floor (the highest epoch that the candidate ever saw), deployment, channel of elections
-- Answers {'ACQUIRED', lease text, epoch, since in ms}, or {'TAKEN', text, ms left, epoch, token, holder, since}, or a
-- refusal: {'WRONG-TYPE', key, found, wanted}, {'NOT-A-LEASE', key}, {'NEWER-FORMAT', key, format},
-- {'OTHER-DEPLOYMENT', key, deployment, holder}, {'NO-TTL', key, holder}, {'NO-EPOCH-LEFT', epoch}.
local lease_key, fence_key, events_key = KEYS[1], KEYS[2], KEYS[3]
local holder, token, ttl, floor, deployment, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local refusal = wrong_type(lease_key, 'string') or wrong_type(fence_key, 'hash') or wrong_type(events_key, 'stream')
if refusal then return refusal end

local text = redis.call('GET', lease_key)
if text then
    local lease
    lease, refusal = read_lease(lease_key, text, deployment)
    if refusal then return refusal end
    if lease.token ~= token then return taken(lease_key, text, lease) end
    -- Our own: the answer to an earlier attempt was lost.
    redis.call('PEXPIRE', lease_key, ttl)
    local fence = redis.call('HMGET', fence_key, 'epoch', 'token')
    if fence[1] ~= lease.epoch or fence[2] ~= token then set_fence(fence_key, lease.epoch, token, '0') end
    return {'ACQUIRED', text, lease.epoch, lease.since}
end

-- An emptied Redis must not issue an epoch again: hence the clock, and what the candidate has seen.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local highest = tonumber(redis.call('HGET', fence_key, 'highest') or '') or 0
local number = math.max(highest + 1, now, tonumber(floor) + 1)
if number > HIGHEST_EPOCH then return {'NO-EPOCH-LEFT', whole(number)} end
local epoch, since = whole(number), whole(math.floor(now / 1000))

-- The fence before the lease: whoever sees the lease finds the writes of the term before refused. The lease is never left
-- to an error further on, for then nobody would hold it.
open_door(fence_key)
set_fence(fence_key, epoch, token, '0')
text = '{"format":' .. FORMAT .. ',"epoch":"' .. epoch .. '","token":' .. cjson.encode(token)
    .. ',"holder":' .. cjson.encode(holder) .. ',"since":"' .. since
    .. '","deployment":' .. cjson.encode(deployment) .. '}'
redis.call('SET', lease_key, text, 'NX', 'PX', ttl)
record(events_key, 'elected', holder, epoch, token, 'lease-free')
redis.pcall('PUBLISH', channel, text)
return {'ACQUIRED', text, epoch, since}
