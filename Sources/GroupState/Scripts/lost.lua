-- Notes in the history that a term was lost, which no other script could do.
--
-- KEYS  events, fence
-- ARGV  holder, epoch, token, reason
-- Answers {'NOTED'}.
redis.pcall('HDEL', KEYS[2], '')  -- a full Redis takes it too; whatever stands in the fence's place
record(KEYS[1], 'lost', ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return {'NOTED'}
