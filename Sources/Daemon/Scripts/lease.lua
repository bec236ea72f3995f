-- What the scripts of the election have in common; it stands before each of them.
--
-- Numbers that matter travel as decimal strings: tostring() and cjson would write large ones as 1.79e+15.
local FORMAT = 1
local HIGHEST_EPOCH = 4503599627370496 -- 2^52: up to here doubles are exact, with room to add

local function whole(number) return string.format('%.0f', number) end

-- A refusal, if the key holds something of another type.
local function wrong_type(key, wanted)
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= wanted then return {'WRONG-TYPE', key, found, wanted} end
end

-- The fields of a lease; or nil and a refusal, if it is none, of another deployment or of a newer format.
local function read_lease(key, text, deployment)
    local is_json, lease = pcall(cjson.decode, text)
    if not is_json or type(lease) ~= 'table' or type(lease.format) ~= 'number' then return nil, {'NOT-A-LEASE', key} end
    if lease.format >= FORMAT + 1 then return nil, {'NEWER-FORMAT', key, whole(math.floor(lease.format))} end
    for _, field in ipairs({'epoch', 'token', 'holder', 'since', 'deployment'}) do
        if type(lease[field]) ~= 'string' then return nil, {'NOT-A-LEASE', key} end
    end
    if lease.deployment ~= deployment then
        return nil, {'OTHER-DEPLOYMENT', key, lease.deployment, lease.holder}
    end
    return lease
end

-- The answer about a lease that is somebody else's.
local function taken(key, text, lease)
    local left = redis.call('PTTL', key)
    if left < 0 then return {'NO-TTL', key, lease.holder} end
    return {'TAKEN', text, whole(left), lease.epoch, lease.token, lease.holder, lease.since}
end

-- The answer to whoever believes to hold the lease, and does not; nil if it does.
local function not_ours(key, text, deployment)
    local refusal = wrong_type(key, 'string')
    if refusal then return refusal end
    local found = redis.call('GET', key)
    if not found then return {'GONE'} end
    if found == text then return nil end
    local lease
    lease, refusal = read_lease(key, found, deployment)
    return refusal or taken(key, found, lease)
end

-- Writes the fence, so that only batches of this term are accepted, the first of which continues this sequence.
local function set_fence(key, epoch, token, sequence)
    local highest = tonumber(redis.call('HGET', key, 'highest') or '') or 0
    highest = math.max(highest, tonumber(epoch))
    redis.call('HSET', key, 'epoch', epoch, 'token', token, 'sequence', sequence, 'highest', whole(highest))
end

-- A write that takes no memory. Redis refuses the first write of a script when it is full, unless it is one like this;
-- those after it pass.
local function open_door(key) redis.call('HDEL', key, '') end

-- Appends to the history. It must never undo what was done before it, so its errors are ignored.
local function record(key, event, holder, epoch, token, reason)
    redis.pcall('XADD', key, 'MAXLEN', '~', '10000', '*',
        'event', event, 'holder', holder, 'epoch', epoch, 'token', token, 'reason', reason)
end

-- The server's clock, in µs since 1970.
local function clock()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A wish, if there is one of this name in a format that is understood; else nil.
local function read_wish(key, name)
    local is_json, wish = pcall(cjson.decode, redis.pcall('HGET', key, name) or '')
    if is_json and type(wish) == 'table' and type(wish.format) == 'number' and wish.format < FORMAT + 1 then return wish end
end

-- How long the group is to pause, in ms; '' if it is not.
local function pause_left(key, now)
    local pause = read_wish(key, 'pause')
    local left = pause and (tonumber(pause['until']) or 0) - now or 0
    return left > 0 and whole(math.ceil(left / 1000)) or ''
end
