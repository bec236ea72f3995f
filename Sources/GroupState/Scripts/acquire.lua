-- Takes the lease if it is free, or if its leader's process is gone, and raises the fence.
--
-- KEYS  lease, fence, events, suspect, requests
-- ARGV  holder, token, TTL in ms, floor (the highest epoch that the candidate ever saw), deployment, channel of elections,
--       '1' if somebody listens to the candidate's own channel, the term whose leader seems to be gone ('' for none), that
--       leader's channel, grace in ms
-- Answers {'ACQUIRED', lease text, epoch, since in ms, pause left in ms or ''}, or {'TAKEN', text, ms left, epoch, token,
-- holder, since}, or {'SUSPECTED', text, ms to wait, …} likewise, or {'RESERVED', holder, ms left}, or a refusal:
-- {'WRONG-TYPE', key, found, wanted}, {'NOT-A-LEASE', key}, {'NEWER-FORMAT', key, format},
-- {'OTHER-DEPLOYMENT', key, deployment, holder}, {'NO-TTL', key, holder}, {'NO-EPOCH-LEFT', epoch}.
local lease_key, fence_key, events_key, suspect_key, requests_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local holder, token, ttl, floor, deployment, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local is_heard, suspect, suspect_channel, grace = ARGV[7] == '1', ARGV[8], ARGV[9], tonumber(ARGV[10])

local refusal = wrong_type(lease_key, 'string') or wrong_type(fence_key, 'hash') or wrong_type(events_key, 'stream')
    or wrong_type(suspect_key, 'string') or wrong_type(requests_key, 'hash')
if refusal then return refusal end
local now = clock()

-- How long to wait, in µs, before this lease may be taken over from a leader whose channel nobody listens to; nil if somebody
-- does, or the leader has said that it is alive. A young term is left alone, so that a connection that fails again and
-- again costs no more than one election a TTL.
local function patience(lease)
    if lease.token ~= suspect or redis.call('PUBSUB', 'NUMSUB', suspect_channel)[2] > 0 then return nil end
    local marked, at = string.match(redis.call('GET', suspect_key) or '', '^(%S+) (%S+)$')
    if marked == suspect and at == 'alive' then return nil end
    if marked ~= suspect or not number_in(at) then
        at = whole(now)
        open_door(fence_key)
        redis.call('SET', suspect_key, suspect .. ' ' .. at, 'PX', ttl)
    end
    return math.max(0, tonumber(at) + grace * 1000 - now, tonumber(lease.since) * 1000 + ttl * 1000 - now)
end

local text, reason = redis.call('GET', lease_key), 'lease-free'
if text then
    local lease
    lease, refusal = read_lease(lease_key, text, deployment)
    if refusal then return refusal end
    if lease.token == token then
        -- Our own: the answer to an earlier attempt was lost.
        redis.call('PEXPIRE', lease_key, ttl)
        local fence = redis.call('HMGET', fence_key, 'epoch', 'token')
        if fence[1] ~= lease.epoch or fence[2] ~= token then set_fence(fence_key, lease.epoch, token, '0') end
        return {'ACQUIRED', text, lease.epoch, lease.since, pause_left(requests_key, now)}
    end
    local answer = taken(lease_key, text, lease)
    local wait = answer[1] == 'TAKEN' and patience(lease)
    if not wait then return answer end
    if wait > 0 then
        answer[1], answer[3] = 'SUSPECTED', whole(math.ceil(wait / 1000))
        return answer
    end
    floor, reason = whole(math.max(tonumber(floor), tonumber(lease.epoch))), 'leader-silent'
else
    local deadline, name = string.match(redis.call('HGET', requests_key, 'reserved') or '', '^(%d+) (.+)$')
    local left = (number_in(deadline) or 0) - now
    if left > 0 and name ~= holder then return {'RESERVED', name, whole(math.ceil(left / 1000))} end
end

-- An emptied Redis must not issue an epoch again: hence the clock, and what the candidate has seen.
local highest = number_in(redis.call('HGET', fence_key, 'highest')) or 0
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
if reason ~= 'lease-free' then redis.call('DEL', lease_key) end
redis.call('SET', lease_key, text, 'NX', 'PX', ttl)
redis.pcall('HDEL', requests_key, 'reserved', 'step-down')
if is_heard then
    redis.pcall('DEL', suspect_key)
else
    redis.pcall('SET', suspect_key, token .. ' alive', 'PX', ttl)
end
record(events_key, 'elected', holder, epoch, token, reason)
redis.pcall('PUBLISH', channel, text)
return {'ACQUIRED', text, epoch, since, pause_left(requests_key, now)}
