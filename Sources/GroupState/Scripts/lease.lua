-- What the scripts of the election have in common; it stands before each of them.
--
-- Numbers that matter travel as decimal strings: tostring() and cjson would write large ones as 1.79e+15.
local FORMAT = 1
local HIGHEST_EPOCH = 4503599627370496 -- 2^52: up to here doubles are exact, with room to add

local function whole(number) return string.format('%.0f', number) end

-- The number that a text stands for, from 0 to 2^52 and in plain digits; nil for everything else. Anybody may have written into
-- the group's keys, and a nan, an infinity or 9e300 would go through every comparison.
local function number_in(text)
    if type(text) ~= 'string' or not (text == '0' or string.find(text, '^[1-9]%d*$')) then return nil end
    local number = tonumber(text)
    return number <= HIGHEST_EPOCH and number or nil
end

-- What is longer than this is no note of ours: it is not read, and not passed on.
local LONGEST_NOTE = 16384

-- The table that a note's text stands for; nil for everything else.
local function read_note(text)
    if type(text) ~= 'string' or #text > LONGEST_NOTE then return nil end
    local is_json, note = pcall(cjson.decode, text)
    return is_json and type(note) == 'table' and note or nil
end

-- A refusal, if the key holds something of another type.
local function wrong_type(key, wanted)
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= wanted then return {'WRONG-TYPE', key, found, wanted} end
end

-- The fields of a lease; or nil and a refusal, if it is none, of another deployment or of a newer format.
local function read_lease(key, text, deployment)
    local lease = read_note(text)
    if not lease or type(lease.format) ~= 'number' then return nil, {'NOT-A-LEASE', key} end
    if lease.format >= FORMAT + 1 then return nil, {'NEWER-FORMAT', key, whole(math.floor(lease.format))} end
    for _, field in ipairs({'epoch', 'token', 'holder', 'since', 'deployment'}) do
        if type(lease[field]) ~= 'string' then return nil, {'NOT-A-LEASE', key} end
    end
    if not number_in(lease.epoch) or not number_in(lease.since) then return nil, {'NOT-A-LEASE', key} end
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
    local highest = number_in(redis.call('HGET', key, 'highest')) or 0
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

-- A request, if there is one of this name in a format that is understood; else nil.
local function read_request(key, name)
    local request = read_note(redis.pcall('HGET', key, name))
    return request and type(request.format) == 'number' and request.format < FORMAT + 1 and request or nil
end

-- When the group's pause ends, in µs since 1970; 0 without one.
local function pause_end(key)
    local pause = read_request(key, 'pause')
    return pause and number_in(pause['until']) or 0
end

-- How long the group is to pause, in ms; '' if it is not.
local function pause_left(key, now)
    local left = pause_end(key) - now
    return left > 0 and whole(math.ceil(left / 1000)) or ''
end
