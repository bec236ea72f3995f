-- Leaves an operator's request, and tells the leader that there is one.
--
-- KEYS  lease, requests, replicas, events
-- ARGV  'step-down', 'pause' or 'resume', who requests it, why, channel of requests, then for step-down: the replica that is to be
--       elected ('' for any), and for how long in ms a replica that was not seen counts as there; for pause: for how long in ms
-- Answers {'REQUESTED', …} or {'ALREADY', …}, followed for step-down by epoch and holder, for pause by its end in ms and the
-- end of the pause that it replaces ('' if none), for resume by the end of the pause; or {'NOBODY-LEADS'},
-- {'NOBODY-ELSE', holder}, {'UNKNOWN-REPLICA', names…}, {'LEADS-ALREADY', epoch, holder}, or {'WRONG-TYPE', …},
-- {'NOT-A-LEASE', key}, {'NEWER-FORMAT', key, format} as acquire does.
local kind, by, reason, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lease_key, requests_key, replicas_key, events_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local refusal = wrong_type(lease_key, 'string') or wrong_type(requests_key, 'hash') or wrong_type(replicas_key, 'hash')
if refusal then return refusal end
local now = clock()

local function members(rest)
    return '{"format":' .. FORMAT .. ',"at":"' .. whole(now) .. '","by":' .. cjson.encode(by) .. ',"reason":'
        .. cjson.encode(reason) .. rest .. '}'
end

-- Anybody may look at it, so the deployment is not compared.
local function leader()
    local text = redis.call('GET', lease_key)
    if not text then return nil, {'NOBODY-LEADS'} end
    local lease = read_note(text)
    if not lease then return nil, {'NOT-A-LEASE', lease_key} end
    return read_lease(lease_key, text, lease.deployment)
end

local function announce(event, epoch, token)
    record(events_key, event, by, epoch, token, reason)
    redis.pcall('PUBLISH', channel, kind)
end

if kind == 'step-down' then
    local lease
    lease, refusal = leader()
    if refusal then return refusal end
    local to, freshness, others, is_known = ARGV[5], tonumber(ARGV[6]), {}, false
    if to == lease.holder then return {'LEADS-ALREADY', lease.epoch, lease.holder} end
    for _, text in ipairs(redis.call('HVALS', replicas_key)) do
        local note = read_note(text)
        if note and type(note.name) == 'string' and note.name ~= lease.holder
            and now / 1000 - (number_in(note.seen) or 0) <= freshness then
            others[#others + 1] = note.name
            is_known = is_known or note.name == to
        end
    end
    if #others == 0 then return {'NOBODY-ELSE', lease.holder} end
    if to ~= '' and not is_known then return {'UNKNOWN-REPLICA', unpack(others)} end
    local request = read_request(requests_key, kind)
    if request and request.epoch == lease.epoch and request.to == to then return {'ALREADY', lease.epoch, lease.holder} end
    open_door(requests_key)
    redis.call('HSET', requests_key, kind, members(',"epoch":"' .. lease.epoch .. '","to":' .. cjson.encode(to)))
    announce('step-down-requested', lease.epoch, lease.token)
    return {'REQUESTED', lease.epoch, lease.holder}
end

local deadline = pause_end(requests_key)
local was = deadline > now and whole(math.floor(deadline / 1000)) or ''
if kind == 'pause' then
    local wanted = now + tonumber(ARGV[5]) * 1000
    open_door(requests_key)
    redis.call('HSET', requests_key, kind, members(',"until":"' .. whole(wanted) .. '"'))
    announce('paused', '', '')
    return {'REQUESTED', whole(math.floor(wanted / 1000)), was}
end
redis.call('HDEL', requests_key, 'pause') -- also one that is over, or can't be read
if was == '' then return {'ALREADY', ''} end
announce('resumed', '', '')
return {'REQUESTED', was}
