-- Tells how a leader's datasets fare.
--
-- KEYS  statistics
-- ARGV  the text, how long it is kept in ms
-- Answers {'TOLD'}.
redis.call('PEXPIRE', KEYS[1], ARGV[2])  -- takes no memory, so that a full Redis takes what follows
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'TOLD'}
