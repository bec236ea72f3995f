-- Tries commands, and leaves nothing behind: for those who ask whether a leader could work here.
--
-- KEYS  keys that nobody else uses
-- ARGV  each command: how many words it has, then its words
-- Answers for each command 1, or the error that it met.
local answer, place = {}, 1
while place <= #ARGV do
    local last = place + tonumber(ARGV[place])
    local reply = redis.pcall(unpack(ARGV, place + 1, last))
    answer[#answer + 1] = type(reply) == 'table' and reply.err and reply or 1
    place = last + 1
end
for _, key in ipairs(KEYS) do redis.pcall('UNLINK', key) end
return answer
