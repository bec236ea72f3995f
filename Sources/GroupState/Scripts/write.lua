-- Does what one batch asks, if and only if it continues the fence exactly.
--
-- KEYS  fence, then one key for each operation
-- ARGV  epoch, token, previous sequence, next sequence, operations (one letter each), then their arguments
-- Answers {'OK', failures, kept, missing}: failures are pairs of operation and message, kept are pairs of operation and
-- TTL in ms, missing are operations, all counted from 0. Or {'FENCED', epoch, token} when another term holds the
-- fence, {'GAP', sequence} when a batch before this one is missing, came twice or was lost with Redis' data.
local redis, string, KEYS, ARGV = redis, string, KEYS, ARGV  -- locals are found sooner than globals

local fence = redis.call('HMGET', KEYS[1], 'epoch', 'token', 'sequence')
if not fence[2] then return {'GAP', ''} end
if fence[1] ~= ARGV[1] or fence[2] ~= ARGV[2] then return {'FENCED', fence[1] or '', fence[2]} end
if fence[3] ~= ARGV[3] then return {'GAP', fence[3] or ''} end

local operations = ARGV[5]
if not string.find(operations, '[^DTtM]') then
    -- Frees memory, or takes next to none: it must work on a full Redis too. A write that is not deny-oom opens the door.
    redis.call('HDEL', KEYS[1], '')
end
redis.call('HSET', KEYS[1], 'sequence', ARGV[4])

local failures, kept, missing = {}, {}, {}
local argument = 6

local function note(operation, reply)
    if type(reply) == 'table' and reply.err then
        failures[#failures + 1] = operation
        failures[#failures + 1] = reply.err
        return false
    end
    return true
end

-- A key that holds the right value is kept; without a TTL it gets one.
local function keep(operation, key, ttl)
    local left = redis.call('PTTL', key)
    if left < 0 then
        redis.call('PEXPIRE', key, ttl)
        left = tonumber(ttl)
    end
    kept[#kept + 1] = operation
    kept[#kept + 1] = left
end

local function holds_hash(key, first, count)
    local reply = redis.pcall('HGETALL', key)
    if reply.err or #reply ~= count * 2 then return false end
    local there = {}
    for i = 1, #reply, 2 do there[reply[i]] = reply[i + 1] end
    for i = first, first + count * 2 - 1, 2 do
        if there[ARGV[i]] ~= ARGV[i + 1] then return false end
    end
    return true
end

local function set_hash(operation, key, first, count, ttl)
    redis.call('UNLINK', key)
    if note(operation, redis.pcall('HSET', key, unpack(ARGV, first, first + count * 2 - 1))) then
        redis.call('PEXPIRE', key, ttl)
    end
end

-- Fields may have got a TTL of their own (HEXPIRE, since Redis 7.4 and Valkey 9): those that it took are missing, and
-- storing the others once more ends theirs.
local function renew_hash(operation, key, ttl, count)
    local there = redis.pcall('HGETALL', key)
    if there.err or #there == 0 or #there > 2 * 1600 or count > 0 and #there ~= count * 2 then
        missing[#missing + 1] = operation
        return
    end
    if note(operation, redis.pcall('HSET', key, unpack(there))) then redis.call('PEXPIRE', key, ttl) end
end

-- Most batches only set strings: the loop for all operations takes a fortieth more of Redis' time.
if not string.find(operations, '[^S]') then
    local pcall = redis.pcall
    for i = 1, #operations do
        local reply = pcall('SET', KEYS[i + 1], ARGV[2 * i + 4], 'PX', ARGV[2 * i + 5])
        if reply.err then note(i - 1, reply) end
    end
    return {'OK', failures, kept, missing}
end

for i = 1, #operations do
    local key = KEYS[i + 1]
    local operation = string.sub(operations, i, i)
    if operation == 'S' then
        local reply = redis.pcall('SET', key, ARGV[argument], 'PX', ARGV[argument + 1])
        if reply.err then note(i - 1, reply) end
        argument = argument + 2
    elseif operation == 'C' then
        if redis.pcall('GET', key) == ARGV[argument] then
            keep(i - 1, key, ARGV[argument + 1])
        else
            note(i - 1, redis.pcall('SET', key, ARGV[argument], 'PX', ARGV[argument + 1]))
        end
        argument = argument + 2
    elseif operation == 'D' then
        note(i - 1, redis.pcall('UNLINK', key))
    elseif operation == 'T' then
        if redis.call('PEXPIRE', key, ARGV[argument]) == 0 then missing[#missing + 1] = i - 1 end
        argument = argument + 1
    elseif operation == 't' then
        renew_hash(i - 1, key, ARGV[argument], tonumber(ARGV[argument + 1]))
        argument = argument + 2
    elseif operation == 'X' then
        local there = redis.pcall('GET', key)
        if there and there ~= ARGV[argument] then
            note(i - 1, redis.pcall('SET', key, ARGV[argument], 'XX', 'KEEPTTL'))
        end
        argument = argument + 1
    elseif operation == 'H' or operation == 'h' or operation == 'J' then
        local ttl, count, first = ARGV[argument], tonumber(ARGV[argument + 1]), argument + 2
        argument = first + count * 2
        if operation == 'H' then
            set_hash(i - 1, key, first, count, ttl)
        elseif operation == 'h' then
            if holds_hash(key, first, count) then
                keep(i - 1, key, ttl)
            else
                set_hash(i - 1, key, first, count, ttl)
            end
        else
            local left = redis.call('PTTL', key)
            if left ~= -2 and not holds_hash(key, first, count) then
                redis.call('UNLINK', key)
                if note(i - 1, redis.pcall('HSET', key, unpack(ARGV, first, first + count * 2 - 1))) and left > 0 then
                    redis.call('PEXPIRE', key, left)
                end
            end
        end
    elseif operation == 'M' then
        note(i - 1, redis.pcall('HSET', key, ARGV[argument], ARGV[argument + 1]))
        argument = argument + 2
    else
        error('unknown operation ' .. operation)
    end
end
return {'OK', failures, kept, missing}
