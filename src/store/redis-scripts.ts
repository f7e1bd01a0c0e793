/**
 * What Redis does in one step: the scripts, in Lua.
 *
 * Rule: a script looks before it writes, and nothing that it does after its first write can fail, because Redis undoes nothing.
 * Each is told the epoch that its caller knows, and does nothing in another: so nobody acts on a log that was replaced.
 *
 * Keys, all in one slot of a cluster, `base` being `{prefix}:`
 *
 * | key | type | what |
 * |---|---|---|
 * | `meta` | hash | `v` schema version, `e` epoch, `s` secret, `o` head, `f` trim floor, `b` bytes of the entries' data |
 * | `log` | stream | id `<offset>-0`; `h` is `[id, publishedAt, keys, except]`, `d` text or `D` bytes, `p` the head before it, `e` the epoch |
 * | `ids` | hash | ULID of an entry: its offset |
 * | `k:<audience key>` | zset | offsets of its entries, as members and scores |
 * | `writers` | hash | a writer's name: number of its last batch, head before it, when |
 * | `s:<session>` | hash | the session; `j:<key>` where a lasting membership began, `a:<seq>` a list of answers, `x` whether there are ended ones |
 * | `e:<session>` | hash | `<since>:<key>` where an ended membership ended |
 * | `seen` | zset | sessions by when they were seen |
 * | `sessions` | zset | sessions by name |
 * | `p:<principal>` | zset | a principal's sessions by when they were seen |
 * | `letters` | hash, `letterids` | zset | dead letters, and their names in order |
 *
 * Numbers are doubles in Lua; offsets are safe integers, and `%.0f` writes them exactly. An offset is the time in milliseconds times 2,048, or
 * the head and one, whichever is more: so a log that lost its end does not give out again what it had given out.
 */
import { createHash } from "node:crypto";

/** A script with the name that Redis gives it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** What a script says instead of a result: the first word of an error. Redis puts ERR before an error that is one word. */
export const REPLACED = "GAPLESS_REPLACED";
export const ROLLED_BACK = "GAPLESS_ROLLED_BACK";
export const STALE = "GAPLESS_STALE";
export const TOO_NEW = "GAPLESS_TOO_NEW";

/** The schema that these scripts write. */
const VERSION = 1;

const NAMES = `
local base = string.sub(KEYS[1], 1, -5)
local function int(n) return string.format('%.0f', n) end
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end`;

const LOG = `${NAMES}
local meta = redis.call('HMGET', KEYS[1], 'e', 'o', 'f', 'b')
if meta[1] ~= ARGV[1] then return redis.error_reply('${REPLACED} .') end
local head, floor, bytes = tonumber(meta[2]), tonumber(meta[3]), tonumber(meta[4])`;

const SESSIONS = `
local function snapshot(id)
  local fields = redis.call('HGETALL', base .. 's:' .. id)
  if #fields == 0 then return false end
  return { id, fields, redis.call('HGETALL', base .. 'e:' .. id) }
end
local function seen(id, principal, at)
  redis.call('ZADD', base .. 'seen', at, id)
  if principal then redis.call('ZADD', base .. 'p:' .. principal, at, id) end
end
local function forget(id)
  local key = base .. 's:' .. id
  local principal = redis.call('HGET', key, 'p')
  if redis.call('DEL', key) == 0 then return false end
  redis.call('DEL', base .. 'e:' .. id)
  redis.call('ZREM', base .. 'seen', id)
  redis.call('ZREM', base .. 'sessions', id)
  if principal then redis.call('ZREM', base .. 'p:' .. principal, id) end
  return true
end`;

/** Opens the log, and makes it when there is none. ARGV: an epoch and a secret for a new one, a moment before which writers are forgotten. */
export const OPEN: Script = script(`${NAMES}
local meta = redis.call('HMGET', KEYS[1], 'v', 'e', 's', 'o', 'f')
if not meta[2] then
  -- What is left of a log whose meta is gone cannot be vouched for; its offsets are not given out again.
  local head = '0'
  if redis.call('EXISTS', base .. 'log') == 1 then
    local info = redis.call('XINFO', 'STREAM', base .. 'log')
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then head = string.match(info[i + 1], '^%d+') end
    end
    redis.call('DEL', base .. 'log', base .. 'ids', base .. 'writers')
  end
  meta = { '${VERSION}', ARGV[1], ARGV[2], head, head }
  redis.call('HSET', KEYS[1], 'v', meta[1], 'e', meta[2], 's', meta[3], 'o', head, 'f', head, 'b', '0')
elseif tonumber(meta[1]) > ${VERSION} then
  return redis.error_reply('${TOO_NEW} .')
end
local writers = redis.call('HGETALL', base .. 'writers')
for i = 1, #writers, 2 do
  if tonumber(string.match(writers[i + 1], '%d+$')) < tonumber(ARGV[3]) then redis.call('HDEL', base .. 'writers', writers[i]) end
end
return { meta[2], meta[3], meta[4], meta[5] }`);

/** A new life of a log that was rolled back. ARGV: the epoch that ends, the one that begins. */
export const RENEW: Script = script(`
if redis.call('HGET', KEYS[1], 'e') == ARGV[1] then redis.call('HSET', KEYS[1], 'e', ARGV[2]) end
return 1`);

/**
 * A batch. ARGV: epoch, writer or "", number, the number up to which this writer knows its batches to be kept, operations as JSON
 * (see `redis-codec.ts`), then the blobs that they take one after the other.
 */
export const COMMIT: Script = script(`${LOG}${SESSIONS}
local writer, number, known = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local operations = cjson.decode(ARGV[5])
local before = head
local now = clock()
if writer ~= '' then
  local last = redis.call('HGET', base .. 'writers', writer)
  local done, from = 0, nil
  if last then
    done, from = string.match(last, '^(%d+) (%d+)')
    done = tonumber(done)
  end
  if done < known then return redis.error_reply('${ROLLED_BACK} .') end
  if done > number then return redis.error_reply('${STALE} .') end
  -- Written also when it is a repetition: WAIT waits for writes.
  redis.call('HSET', base .. 'writers', writer, int(number) .. ' ' .. (done == number and from or int(head)) .. ' ' .. int(now))
  if done == number then
    local found = {}
    for i, operation in ipairs(operations) do
      if operation[1] == 'a' then found[i] = redis.call('HGET', base .. 'ids', operation[2])
      else found[i] = snapshot(operation[2]) end
    end
    return { 'again', from, found }
  end
end

local blob = 5
local function take()
  blob = blob + 1
  return ARGV[blob]
end
local perform = {}
function perform.a(o)
  local h, field, data = take(), take(), take()
  local known_at = redis.call('HGET', base .. 'ids', o[2])
  if known_at then return { known_at, 1 } end
  local last = int(head)
  head = math.max(head + 1, now * 2048)
  local at = int(head)
  redis.call('XADD', base .. 'log', at .. '-0', 'h', h, field, data, 'p', last, 'e', ARGV[1])
  redis.call('HSET', base .. 'ids', o[2], at)
  for i = 3, #o do redis.call('ZADD', base .. 'k:' .. o[i], at, at) end
  bytes = bytes + #data
  return { at, 0 }
end
function perform.o(o)
  local id, principal = o[2], o[4]
  forget(id)
  local key, at = base .. 's:' .. id, int(head)
  redis.call('HSET', key, 'n', o[3], 'g', 1, 'c', 0, 't', int(o[6]), 'cu', at, 'ar', at, 'po', at, 'is', int(o[5]), 'ia', '[]')
  if principal then redis.call('HSET', key, 'p', principal) end
  for i = 7, #o do redis.call('HSET', key, 'j:' .. o[i], at) end
  redis.call('ZADD', base .. 'sessions', 0, id)
  seen(id, principal, int(o[6]))
  return true
end
local function owned(o)
  local key = base .. 's:' .. o[2]
  if tonumber(redis.call('HGET', key, 'g') or -1) == o[3] then return key end
end
function perform.r(o)
  local key = owned(o)
  if not key then return false end
  redis.call('HSET', key, 'g', int(o[4]), 't', int(o[5]))
  seen(o[2], redis.call('HGET', key, 'p'), int(o[5]))
  return snapshot(o[2])
end
function perform.j(o)
  local key = owned(o)
  if not key then return false end
  if redis.call('HSETNX', key, 'j:' .. o[4], int(head)) == 1 then
    -- One that began at this very place and was to end later simply goes on.
    redis.call('HDEL', base .. 'e:' .. o[2], int(head) .. ':' .. o[4])
  end
  return true
end
function perform.l(o)
  local key = owned(o)
  if not key then return false end
  local since = redis.call('HGET', key, 'j:' .. o[4])
  if not since then return true end
  redis.call('HDEL', key, 'j:' .. o[4])
  local ends = o[5] < 0 and head or o[5]
  if ends > tonumber(since) then
    redis.call('HSET', base .. 'e:' .. o[2], since .. ':' .. o[4], int(ends))
    redis.call('HSET', key, 'x', 1)
  end
  return true
end
function perform.p(o)
  local id, rewind = o[2], o[9] == 1
  local key = owned(o)
  if not key then return false end
  local is = redis.call('HMGET', key, 'cu', 'ar', 'po', 'c', 'x', 'p')
  local cursor = rewind and o[4] or math.max(tonumber(is[1]), o[4])
  local arrived = rewind and o[5] or math.max(tonumber(is[2]), o[5])
  local position = math.max(rewind and 0 or tonumber(is[3]), o[6], cursor, arrived)
  redis.call('HSET', key, 'cu', int(cursor), 'ar', int(arrived), 'po', int(position),
    'c', int(math.max(tonumber(is[4]), o[7])), 't', int(o[8]))
  seen(id, is[6], int(o[8]))
  if is[5] then
    local ended = redis.call('HGETALL', base .. 'e:' .. id)
    for i = 1, #ended, 2 do
      if tonumber(ended[i + 1]) <= cursor then redis.call('HDEL', base .. 'e:' .. id, ended[i]) end
    end
    if redis.call('EXISTS', base .. 'e:' .. id) == 0 then redis.call('HDEL', key, 'x') end
  end
  return true
end
function perform.i(o)
  local first, answers = o[6], nil
  if first >= 0 then answers = take() end
  local key = owned(o)
  if not key then return false end
  local settled = math.max(tonumber(redis.call('HGET', key, 'is')), o[4])
  local above = {}
  for _, seq in ipairs(o[5]) do
    if seq > settled then above[#above + 1] = int(seq) end
  end
  redis.call('HSET', key, 'is', int(settled), 'ia', '[' .. table.concat(above, ',') .. ']')
  if answers then redis.call('HSET', key, 'a:' .. int(first), answers) end
  for _, name in ipairs(o[7]) do redis.call('HDEL', key, 'a:' .. int(name)) end
  return true
end
function perform.f(o) return forget(o[2]) end
function perform.b(o)
  redis.call('HSET', base .. 'letters', o[2], take())
  redis.call('ZADD', base .. 'letterids', 0, o[2])
  return true
end
function perform.u(o)
  redis.call('HDEL', base .. 'letters', o[2])
  redis.call('ZREM', base .. 'letterids', o[2])
  return true
end

local outcomes = {}
for i, operation in ipairs(operations) do
  local outcome = perform[operation[1]](operation)
  if outcome == true then outcomes[i] = int(head)
  elseif outcome and #outcome == 3 then outcomes[i] = { int(head), outcome }
  else outcomes[i] = outcome end
end
if head ~= before then redis.call('HSET', KEYS[1], 'o', int(head), 'b', int(bytes)) end
return { 'done', int(before), outcomes }`);

/** A page. ARGV: epoch, rows, bytes, "1" for newest first, then key, after and up to, as often as there are keys. */
export const READ: Script = script(`${LOG}
local limit, most, reverse = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local offsets, known = {}, {}
for i = 5, #ARGV, 3 do
  local key, from, to = base .. 'k:' .. ARGV[i], '(' .. int(math.max(tonumber(ARGV[i + 1]), floor)), ARGV[i + 2]
  local found
  if reverse then found = redis.call('ZREVRANGEBYSCORE', key, to, from, 'LIMIT', 0, limit + 1)
  else found = redis.call('ZRANGEBYSCORE', key, from, to, 'LIMIT', 0, limit + 1) end
  for _, at in ipairs(found) do
    if not known[at] then
      known[at] = true
      offsets[#offsets + 1] = tonumber(at)
    end
  end
end
table.sort(offsets, reverse and function(a, b) return a > b end or nil)
local rows, size = {}, 0
for i, offset in ipairs(offsets) do
  local at = int(offset)
  local row = redis.call('XRANGE', base .. 'log', at .. '-0', at .. '-0')[1]
  rows[i] = row or { at .. '-0', {} }
  -- One row beyond what fits, so that the caller sees that there is more.
  if i > limit or (i > 1 and size >= most) then break end
  if row then size = size + #row[2][4] end
end
return { int(floor), int(head), rows }`);

/** Head and floor. ARGV: epoch. */
export const BOUNDS: Script = script(`${LOG}
return { int(floor), int(head) }`);

/** ARGV: epoch, offset, ULID. */
export const CHECK: Script = script(`${LOG}
if tonumber(ARGV[2]) <= floor then return 'trimmed' end
return redis.call('HGET', base .. 'ids', ARGV[3]) == ARGV[2] and 'match' or 'forked'`);

/** ARGV: epoch, session. */
export const SESSION: Script = script(`${LOG}${SESSIONS}
return snapshot(ARGV[2])`);

/** ARGV: epoch, the name after which, how many. */
export const SESSION_PAGE: Script = script(`${LOG}${SESSIONS}
local found = {}
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
for i, id in ipairs(redis.call('ZRANGEBYLEX', base .. 'sessions', from, '+', 'LIMIT', 0, ARGV[3])) do found[i] = snapshot(id) end
return found`);

/** ARGV: epoch, principal. */
export const SESSIONS_OF: Script = script(`${LOG}
local key = base .. 'p:' .. ARGV[2]
return { redis.call('ZCARD', key), redis.call('ZRANGE', key, 0, 0)[1] or false }`);

/** ARGV: epoch, the moment before which, how many. */
export const EXPIRE: Script = script(`${LOG}${SESSIONS}
local old = redis.call('ZRANGEBYSCORE', base .. 'seen', '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(old) do forget(id) end
return #old`);

/** ARGV: epoch, the moment before which, entries, bytes, how many at most. */
export const TRIM: Script = script(`${LOG}
local oldest, entries, most, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local count = redis.call('XLEN', base .. 'log')
local removed, more, last, from = 0, false, nil, '-'
repeat
  -- The first alone, which is mostly all that is looked at; then a few, because they may be large.
  local rows = redis.call('XRANGE', base .. 'log', from, '+', 'COUNT', last and 16 or 1)
  for _, row in ipairs(rows) do
    local head = cjson.decode(row[2][2])
    if count <= entries and bytes <= most and head[2] >= oldest then rows = {} break end
    if removed >= limit then
      more = true
      rows = {}
      break
    end
    last = string.match(row[1], '^%d+')
    redis.call('HDEL', base .. 'ids', head[1])
    for _, key in ipairs(head[3]) do redis.call('ZREM', base .. 'k:' .. key, last) end
    removed = removed + 1
    count = count - 1
    bytes = bytes - #row[2][4]
    from = '(' .. row[1]
  end
until #rows == 0
if last then
  redis.call('XTRIM', base .. 'log', 'MINID', int(tonumber(last) + 1) .. '-0')
  redis.call('HSET', KEYS[1], 'f', last, 'b', int(bytes))
  floor = tonumber(last)
end
return { int(floor), more and 1 or 0 }`);

/** ARGV: epoch, the name after which, how many. */
export const LETTERS: Script = script(`${LOG}
local ids = redis.call('ZRANGEBYLEX', base .. 'letterids', ARGV[2] == '' and '-' or '(' .. ARGV[2], '+', 'LIMIT', 0, ARGV[3])
local letters = {}
for i, id in ipairs(ids) do letters[i] = redis.call('HGET', base .. 'letters', id) end
return letters`);

/** ARGV: epoch. */
export const USAGE: Script = script(`${LOG}
return { redis.call('XLEN', base .. 'log'), int(bytes), redis.call('ZCARD', base .. 'seen'), redis.call('HLEN', base .. 'letters') }`);

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}
