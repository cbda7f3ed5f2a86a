package shared

// Names in the Redis. Keys of gollamas stand there by their names, never by their secrets or hashes.
const (
	replicasKey = "gollamas:replicas"  // sorted set: replica → when it was last heard of, ms
	loadsKey    = "gollamas:loads"     // hash: replica → its requests on each server, JSON
	batchKey    = "gollamas:batch:"    // + replica: the last batch of tokens that was counted
	parallelKey = "gollamas:parallel:" // + key, hash: replica → version and number of its requests
	requestsKey = "gollamas:requests:" // + key: when its bucket will be full, µs
	tokensKey   = "gollamas:tokens:"   // + key, hash: day → tokens
)

// takeScript counts one request of a key against all its limits, or says which has been reached: {0}, {1, µs until there
// is room}, {2} (tokens), {3} (parallel). Time is the Redis's own. Of requests it knows only when the bucket will be full
// again (GCRA): a whole minute's may come at once, and then one every sixtieth of the limit.
const takeScript = `
local replicas, requests, tokens, parallel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, silent = ARGV[1], tonumber(ARGV[2])
local per_minute, per_day, at_once = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local version, mine = tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local seconds, micros = tonumber(time[1]), tonumber(time[1]) * 1000000 + tonumber(time[2])

local newer = true
if at_once > 0 then
  local all, running = redis.call('HGETALL', parallel), 0
  for i = 1, #all, 2 do
    local v, n = string.match(all[i + 1], '^(%d+) (%d+)$')
    if all[i] == id then
      newer = not v or tonumber(v) < version
      if not newer then mine = tonumber(n) end
    else
      local heard = redis.call('ZSCORE', replicas, all[i])
      if n and heard and math.abs(micros / 1000 - tonumber(heard)) <= silent then running = running + tonumber(n) end
    end
  end
  if running + mine > at_once then return {3} end
end

if per_day > 0 then
  local spent = redis.call('HGET', tokens, tostring(math.floor(seconds / 86400)))
  if spent and tonumber(spent) >= per_day then return {2} end
end

if per_minute > 0 then
  local apart = 60000000 / per_minute
  local known = math.min(tonumber(redis.call('GET', requests) or '0'), micros + 60000000) -- its clock may have stepped back
  local full = math.max(known, micros) + apart
  local wait = full - micros - 60000000
  if wait > 0.5 then return {1, math.ceil(wait)} end
  redis.call('SET', requests, string.format('%.0f', full), 'PX', math.ceil((full - micros) / 1000) + 1)
end

if at_once > 0 and newer then
  redis.call('HSET', parallel, id, ARGV[6] .. ' ' .. ARGV[7])
  redis.call('EXPIRE', parallel, 3600)
end
return {0}
`

// beatScript notes that a replica lives, what it has on its servers, how many requests of keys run there (as absolute
// numbers, where they are newer than what is known), and the tokens of a batch that was not counted yet. It forgets
// replicas that were silent for too long, and answers how many there are and what the others have on the servers.
const beatScript = `
local replicas, loads, batch = KEYS[1], KEYS[2], KEYS[3]
local id, silent, said, no, numbers = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local seconds = tonumber(time[1])
local millis = seconds * 1000 + math.floor(tonumber(time[2]) / 1000)

redis.call('ZADD', replicas, string.format('%.0f', millis), id)
redis.call('HSET', loads, id, said)
redis.call('EXPIRE', replicas, 3600)
redis.call('EXPIRE', loads, 3600)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', replicas, '-inf', string.format('(%.0f', millis - silent))) do
  redis.call('ZREM', replicas, gone)
  redis.call('HDEL', loads, gone)
end

local arg = 6
for i = 4, 3 + numbers do
  local version, n, known = tonumber(ARGV[arg]), ARGV[arg + 1], redis.call('HGET', KEYS[i], id)
  known = known and tonumber(string.match(known, '^(%d+) ')) or 0
  if known < version then redis.call('HSET', KEYS[i], id, ARGV[arg] .. ' ' .. n) end
  for _, other in ipairs(redis.call('HKEYS', KEYS[i])) do
    if other ~= id and not redis.call('ZSCORE', replicas, other) then redis.call('HDEL', KEYS[i], other) end
  end
  redis.call('EXPIRE', KEYS[i], 3600)
  arg = arg + 2
end

if #KEYS > 3 + numbers and redis.call('GET', batch) ~= no then
  redis.call('SET', batch, no, 'EX', 3600)
  for i = 4 + numbers, #KEYS do
    redis.call('HINCRBY', KEYS[i], ARGV[arg], ARGV[arg + 1])
    redis.call('EXPIRE', KEYS[i], 172800)
    for _, day in ipairs(redis.call('HKEYS', KEYS[i])) do
      if tonumber(day) < math.floor(seconds / 86400) - 1 then redis.call('HDEL', KEYS[i], day) end
    end
    arg = arg + 2
  end
end

local out, all = {redis.call('ZCARD', replicas)}, redis.call('HGETALL', loads)
for i = 1, #all, 2 do
  if all[i] ~= id and redis.call('ZSCORE', replicas, all[i]) then out[#out + 1] = all[i + 1] end
end
return out
`
