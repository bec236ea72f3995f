-- Notes that a replica is there, and forgets those that have not been seen for an hour, and what is no note.
--
-- KEYS  replicas
-- ARGV  id of the process, what it says of itself: the members of a JSON object, without braces
-- Answers the ids and notes of all replicas in turn, preceded by {'PRESENT', now in ms}, or {'WRONG-TYPE', key, found, wanted}.
local refusal = wrong_type(KEYS[1], 'hash')
if refusal then return refusal end
local now = math.floor(clock() / 1000)
open_door(KEYS[1])
redis.call('HSET', KEYS[1], ARGV[1], '{"format":' .. FORMAT .. ',"seen":"' .. whole(now) .. '",' .. ARGV[2] .. '}')
local answer = {'PRESENT', whole(now)}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    local note = read_note(all[i + 1])
    local seen = note and number_in(note.seen) or 0
    if math.abs(now - seen) > 3600000 then
        redis.call('HDEL', KEYS[1], all[i])
    else
        answer[#answer + 1] = all[i]
        answer[#answer + 1] = all[i + 1]
    end
end
return answer
