import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ConsumeGroupSettings, consumeGroup } from '../../src/cli/commands/consume-group.ts'
import { formatJsonLine } from '../../src/cli/consuming/record-json.ts'
import { READING_DEFAULT, type ReadingTuning } from '../../src/cli/consuming/record-printer.ts'
import type { TopicSummary } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { type FakeTerminal, fakeTerminal } from './fake-terminal.ts'
import { answerOf, assigned, owned, ScriptedGroup } from './scripted-group.ts'

const SETTINGS: ConsumeGroupSettings = {
  groupId: 'harbour',
  topics: ['tides'],
  topicPattern: null,
  instanceId: null,
  assignor: null,
  sessionTimeoutMs: 45_000,
  from: 'earliest',
  recordsMax: null,
  exitAtEnd: false,
  format: ({ partition, record }) => [Buffer.from(`${partition}:${record.offset}\n`)],
}
const TUNING = {
  ...READING_DEFAULT,
  maxWaitTimeInMs: 10,
  giveUpAfter: 1_000,
  retry: { initialRetryTime: 1, maxRetryTime: 2 },
}

async function groupWith(recordsEach: number, partitions = 3): Promise<ScriptedGroup> {
  const group = new ScriptedGroup(partitions)
  for (let partition = 0; partition < partitions; partition++) await produce(group, partition, recordsEach)
  return group
}

async function produce(group: ScriptedGroup, partition: number, records: number): Promise<void> {
  if (records === 0) return
  const batches = encodeBatch(
    Array.from({ length: records }, () => ({ value: Buffer.from('x') })),
    { nowMs: 0 },
  )
  await group.produce({ topic: 'tides', partition, batches })
}

function start(
  group: ScriptedGroup,
  settings: Partial<ConsumeGroupSettings> = {},
  tuning: Partial<ReadingTuning> = {},
  terminal = fakeTerminal(),
) {
  const done = consumeGroup(group, { ...SETTINGS, ...settings }, terminal, { ...TUNING, ...tuning })
  // Looked at when the test ends; till then it may fail unseen.
  done.catch(() => {})
  return { done, terminal }
}

function linesOf(terminal: FakeTerminal): string[] {
  return terminal.printed().toString().split('\n').slice(0, -1)
}

const expected = (partition: number, from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `${partition}:${from + index}`)

async function beatsAnswered(group: ScriptedGroup, more: number): Promise<void> {
  const wanted = group.beats.length + more
  await expect.poll(() => group.beats.length).toBeGreaterThanOrEqual(wanted)
}

test('its share is printed and committed as far as the topic went at the start, and it leaves', async () => {
  const group = await groupWith(5)
  group.answer = answerOf([assigned(0), assigned(2, 3)])
  const { done, terminal } = start(group, { exitAtEnd: true })
  expect(await done).toBe(0)
  expect(linesOf(terminal).toSorted()).toEqual([...expected(0, 0, 5), ...expected(2, 3, 5)])
  expect(group.committed()).toEqual({ 0: 5, 2: 5 })
  expect(group.commits[0]).toMatchObject({ groupId: 'harbour', memberId: group.beats[0]!.memberId })
  expect(group.left).toEqual([group.beats[0]!.memberId])
  expect(group.beats[0]).toMatchObject({ memberEpoch: 0, owned: [], topics: ['tides'] })
})

test('the end is no further than it was at the start, in what is committed as well', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  let isFirst = true
  group.onHeartbeat = async () => {
    if (isFirst) {
      // One batch that reaches across the end.
      group.partitions[0]!.batches = []
      await produce(group, 0, 9)
    }
    isFirst = false
    return group.answer
  }
  const { done, terminal } = start(group, { exitAtEnd: true })
  expect(await done).toBe(0)
  expect(linesOf(terminal)).toEqual(expected(0, 0, 5))
  expect(group.committed()).toEqual({ 0: 5 })
})

test.each([
  ['latest', 5],
  [{ fromEnd: 2 }, 3],
  [{ offset: 1 }, 1],
] as const)('%j is where it begins, but only where nothing was committed', async (from, first) => {
  const group = await groupWith(5, 2)
  group.answer = answerOf([assigned(0), assigned(1, 2)])
  const { done, terminal } = start(group, { exitAtEnd: true, from })
  await done
  expect(linesOf(terminal).toSorted()).toEqual([...expected(0, first, 5), ...expected(1, 2, 5)])
  // Where it began counts even if nothing was read: what comes while it is away is not skipped.
  expect(group.committed()[0]).toBe(5)
})

test('nothing to do is an end, once the member is settled', async () => {
  const group = await groupWith(5)
  group.answer = { ...answerOf([]), isSettled: false }
  const { done } = start(group, { exitAtEnd: true })
  await beatsAnswered(group, 3)
  expect(group.left).toEqual([])
  group.answer = answerOf([])
  expect(await done).toBe(0)
})

test('so many records, and not one more is committed', async () => {
  const group = await groupWith(50, 2)
  group.answer = answerOf([assigned(0), assigned(1)])
  const { done, terminal } = start(group, { recordsMax: 13 })
  expect(await done).toBe(0)
  expect(linesOf(terminal)).toHaveLength(13)
  const committed = group.committed()
  expect((committed[0] ?? 0) + (committed[1] ?? 0)).toBe(13)
})

test('commits again and again while it runs, on Ctrl-C what is left, and leaves', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group, {}, { autoCommitInterval: 5 })
  await expect.poll(() => group.committed()).toEqual({ 0: 5 })
  const { length } = group.commits
  await beatsAnswered(group, 5)
  expect(group.commits.length, 'nothing moved, nothing is committed').toBe(length)
  await produce(group, 0, 2)
  await expect.poll(() => group.committed()).toEqual({ 0: 7 })
  terminal.interrupt()
  expect(await done).toBe(0)
  expect(group.left).toHaveLength(1)
  expect(terminal.noted()).toContain('group harbour: owns tides 0 (epoch 1)')
})

test('the last commit is on Ctrl-C', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  expect(group.commits).toEqual([])
  terminal.interrupt()
  expect(await done).toBe(0)
  expect(group.committed()).toEqual({ 0: 5 })
})

test('a static member commits and comes back: it does not leave', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done } = start(group, { exitAtEnd: true, instanceId: 'pier-1' })
  expect(await done).toBe(0)
  expect(group.beats[0]).toMatchObject({ instanceId: 'pier-1' })
  expect(group.commits[0]).toMatchObject({ instanceId: 'pier-1' })
  expect(group.left).toEqual([])
})

test('what is to be released is finished and committed first, and then told at once', async () => {
  const group = await groupWith(5, 2)
  group.answer = answerOf([assigned(0), assigned(1)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(10)
  const committedWhenReleased: unknown[] = []
  group.onHeartbeat = async beat => {
    if (beat.released) committedWhenReleased.push(beat.released, group.committed())
    const holds = beat.owned.some(({ partition }) => partition === 0)
    // Far apart, so that waiting for the next one would not do.
    return holds
      ? { ...answerOf([assigned(0), assigned(1)], [owned(0)]), heartbeatIntervalMs: 60_000 }
      : answerOf([assigned(1)])
  }
  await expect.poll(() => committedWhenReleased).toEqual([[owned(0)], { 0: 5 }])
  await produce(group, 0, 3)
  await produce(group, 1, 3)
  await expect.poll(() => linesOf(terminal)).toHaveLength(13)
  expect(linesOf(terminal).slice(10)).toEqual(expected(1, 5, 8))
  terminal.interrupt()
  await done
  expect(group.committed()).toEqual({ 0: 5, 1: 8 })
})

test('several are released with one commit and one heartbeat', async () => {
  const group = await groupWith(5, 3)
  const all = [0, 1, 2]
  group.answer = answerOf(all.map(partition => assigned(partition)))
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(15)
  group.onHeartbeat = async beat =>
    beat.owned.length > 0
      ? answerOf(
          all.map(partition => assigned(partition)),
          all.map(partition => owned(partition)),
        )
      : answerOf([])
  await expect.poll(() => group.beats.findLast(({ released }) => released)?.released).toHaveLength(3)
  expect(group.commits).toHaveLength(1)
  terminal.interrupt()
  await done
})

test('what cannot be committed is not released, and is read on meanwhile', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  group.onCommit = async () => {
    throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
  }
  group.answer = answerOf([assigned(0)], [owned(0)])
  await expect.poll(() => terminal.noted()).toContain('Nobody there. Trying again.')
  // Somebody else left, so it may keep it after all.
  group.answer = answerOf([assigned(0)])
  await produce(group, 0, 2)
  await expect.poll(() => linesOf(terminal)).toHaveLength(7)
  expect(group.beats.every(({ released }) => released === undefined)).toBe(true)
  group.onCommit = async () => null
  terminal.interrupt()
  expect(await done).toBe(0)
})

test('an answer that crosses a release does not give the partition back', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  const late = Promise.withResolvers<void>()
  let commit = () => {}
  group.onCommit = () =>
    new Promise(resolve => {
      commit = () => resolve(null)
    })
  let asked = 0
  let isReleased = false
  group.onHeartbeat = async beat => {
    asked++
    isReleased ||= beat.released !== undefined
    if (isReleased) return answerOf([])
    // The second one is on its way when the commit succeeds.
    if (asked === 2) await late.promise
    return answerOf([assigned(0, 5)], [owned(0)])
  }
  await expect.poll(() => [asked, group.commits.length]).toEqual([2, 1])
  commit()
  await sleep(5)
  late.resolve()
  await expect.poll(() => group.beats.at(-1)?.owned).toEqual([])
  expect(group.beats.flatMap(({ released }) => released ?? [])).toEqual([owned(0)])
  expect(terminal.noted()).not.toContain('lost')
  await produce(group, 0, 2)
  await beatsAnswered(group, 5)
  expect(linesOf(terminal)).toHaveLength(5)
  terminal.interrupt()
  await done
})

test('what is lost is neither printed nor committed any more', async () => {
  const group = await groupWith(5, 2)
  group.answer = answerOf([assigned(0), assigned(1)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(10)
  group.answer = answerOf([assigned(1)])
  await expect.poll(() => terminal.noted()).toContain('lost tides 0: ')
  expect(terminal.noted()).toContain(
    'what was printed and not committed may be printed again (tides 0 up to offset 4)\n',
  )
  await produce(group, 0, 3)
  await beatsAnswered(group, 5)
  terminal.interrupt()
  await done
  expect(linesOf(terminal)).toHaveLength(10)
  expect(group.committed()).toEqual({ 1: 5 })
})

test('another generation is another ownership, which begins at what is committed', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group, { format: formatJsonLine })
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  group.answer = answerOf([assigned(0, 3, 7)])
  await expect.poll(() => linesOf(terminal)).toHaveLength(7)
  const printed = linesOf(terminal).map(line => JSON.parse(line))
  expect(printed.map(({ generation, offset }) => [generation, offset])).toEqual([
    ...[0, 1, 2, 3, 4].map(offset => [1, offset]),
    ...[3, 4].map(offset => [7, offset]),
  ])
  terminal.interrupt()
  await done
  expect(group.commits.at(-1)?.offsets).toEqual([
    expect.objectContaining({ partition: 0, offset: 5, generation: 7 }),
  ])
})

test('a refused commit ends the ownership at once', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  group.onCommit = async () => ({ kafkaName: 'FENCED_MEMBER_EPOCH', message: 'Not yours.', retriable: false })
  group.onHeartbeat = async beat => answerOf(beat.owned.length > 0 ? [assigned(0)] : [])
  terminal.interrupt()
  expect(await done).toBe(0)
  expect(terminal.noted()).toContain('lost tides 0: ')
})

test('a member that was given up joins under another id, and owns nothing', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  const firstId = group.beats[0]!.memberId
  group.onHeartbeat = async beat => {
    if (beat.memberId === firstId) throw new TidemarkError('UNKNOWN_MEMBER_ID', 'Too late.')
    return answerOf([assigned(0, 2, 3)])
  }
  await expect.poll(() => linesOf(terminal)).toHaveLength(8)
  expect(linesOf(terminal).slice(5)).toEqual(expected(0, 2, 5))
  const again = group.beats.find(({ memberId }) => memberId !== firstId)
  expect(again).toMatchObject({ memberEpoch: 0, owned: [] })
  terminal.interrupt()
  await done
  expect(group.left).toEqual([again!.memberId])
  expect(group.committed()).toEqual({ 0: 5 })
})

test('a static member whose place was taken ends, and says why', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group, { instanceId: 'pier-1' })
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  group.onHeartbeat = async () => {
    throw new TidemarkError('FENCED_INSTANCE_ID', 'Another has your place.')
  }
  await expect(done).rejects.toThrow('Another has your place.')
})

test('heartbeats that fail for a while are told once and waited out, others end it', async () => {
  const group = await groupWith(5, 1)
  let failures = 4
  group.answer = answerOf([assigned(0)])
  group.onHeartbeat = async () => {
    if (failures-- > 0) throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
    return group.answer
  }
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  expect(terminal.noted().split('Nobody there.')).toHaveLength(2)
  expect(terminal.noted()).toMatch(/^group \S+: heartbeats are answered again, after [\d.]+ ms$/m)
  group.onHeartbeat = async () => {
    throw new TidemarkError('INVALID_REQUEST', 'No such thing.')
  }
  await expect(done).rejects.toThrow('No such thing.')
})

test('after a silence as long as the session, nothing is printed before a heartbeat has told what is still owned', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group, { sessionTimeoutMs: 40 })
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  const silence = Promise.withResolvers<void>()
  group.onHeartbeat = async () => {
    await silence.promise
    return answerOf([])
  }
  await sleep(100)
  await produce(group, 0, 3)
  await sleep(50)
  expect(linesOf(terminal)).toHaveLength(5)
  const { groupId } = SETTINGS
  expect(terminal.noted()).toContain(
    `group ${groupId}: REQUEST_TIMED_OUT: The broker did not answer in time: no answer within `,
  )
  expect(terminal.noted()).toContain(
    `group ${groupId}: prints nothing, since its partitions may be another member's by now: REQUEST_TIMED_OUT lasts\n`,
  )
  silence.resolve()
  await expect.poll(() => terminal.noted()).toContain('lost tides 0: ')
  expect(linesOf(terminal)).toHaveLength(5)
  expect(terminal.noted()).toMatch(/^group \S+: heartbeats are answered again, after [\d.]+ ms$/m)
  terminal.interrupt()
  await done
})

test('a session that ends between two heartbeats is told when it ends', async () => {
  const group = await groupWith(5, 1)
  group.answer = { ...answerOf([assigned(0)]), heartbeatIntervalMs: 60_000 }
  const { done, terminal } = start(group, { sessionTimeoutMs: 40 })
  await expect.poll(() => terminal.noted()).toContain('REQUEST_TIMED_OUT lasts\n')
  const { groupId } = SETTINGS
  expect(terminal.noted()).toContain(
    `group ${groupId}: REQUEST_TIMED_OUT: No heartbeat was answered for 40 ms`,
  )
  expect(terminal.noted()).toContain(
    `group ${groupId}: prints nothing, since its partitions may be another member's by now: REQUEST_TIMED_OUT lasts\n`,
  )
  terminal.interrupt()
  await done
})

test('what is still in this process is not committed', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const unstuck = Promise.withResolvers<void>()
  const stuck = new Writable({
    write: (_chunk, _encoding, done) => void unstuck.promise.then(() => done()),
  })
  const terminal = { ...fakeTerminal(), output: stuck }
  const { done } = start(group, {}, { autoCommitInterval: 5 }, terminal)
  await expect.poll(() => group.fetches).toBeGreaterThan(1)
  await beatsAnswered(group, 10)
  expect(group.commits).toEqual([])
  unstuck.resolve()
  await expect.poll(() => group.committed()).toEqual({ 0: 5 })
  terminal.interrupt()
  await done
})

test('a reader that went away has not consumed what did not reach it', async () => {
  const group = await groupWith(5, 1)
  group.answer = answerOf([assigned(0)])
  const { done, terminal } = start(group)
  await expect.poll(() => linesOf(terminal)).toHaveLength(5)
  terminal.closeOutput(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))
  expect(await done).toBe(0)
  expect(group.commits).toEqual([])
  expect(group.left).toHaveLength(1)
})

test('what arrives damaged is not printed, nor what lies behind it, nor committed; it is told, and ends it when it stays', async () => {
  const group = await groupWith(0, 1)
  for (let batch = 0; batch < 3; batch++) await produce(group, 0, 2)
  group.answer = answerOf([assigned(0)])
  const fetch = group.fetch.bind(group)
  group.fetch = async request => {
    const fetched = await fetch(request)
    const bytes = Buffer.concat(fetched.chunks)
    for (let position = 0; position < bytes.length; position += bytes.readInt32BE(position + 8) + 12) {
      if (bytes.readBigInt64BE(position) === 2n) bytes[position + 65]! ^= 1
    }
    return { ...fetched, chunks: bytes.length === 0 ? [] : [bytes] }
  }
  const { done, terminal } = start(group, { exitAtEnd: true }, { giveUpAfter: 100 })
  await expect(done).rejects.toThrow(/partition 0 of tides at offset 2/)
  expect(linesOf(terminal)).toEqual(expected(0, 0, 2))
  expect(group.committed()).toEqual({ 0: 2 })
  expect(terminal.noted()).toMatch(/CORRUPT_MESSAGE: .*partition 0 of tides at offset 2.*Trying again/)
})

test('a deleted topic ends no group', async () => {
  const group = await groupWith(5, 2)
  group.answer = answerOf([assigned(0), assigned(1)])
  group.beforeFetch = async ({ partition }) => {
    if (partition === 1) throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', 'It is gone.')
  }
  const { done, terminal } = start(group)
  await expect.poll(() => terminal.noted()).toContain('tides, partition 1: it was deleted')
  await expect.poll(() => linesOf(terminal)).toEqual(expected(0, 0, 5))
  terminal.interrupt()
  expect(await done).toBe(0)
})

test('a committed offset that was deleted meanwhile is moved to the first record', async () => {
  const group = await groupWith(5, 1)
  await produce(group, 0, 5)
  group.partitions[0]!.startOffset = toOffset(5)
  group.answer = answerOf([assigned(0, 2)])
  const { done, terminal } = start(group, { exitAtEnd: true })
  expect(await done).toBe(0)
  expect(linesOf(terminal)).toEqual(expected(0, 5, 10))
  expect(terminal.noted()).toContain('records 2 to 4 were deleted')
})

test('a pattern that no topic fits is told, and that one has come', async () => {
  const group = await groupWith(1, 1)
  let topics: TopicSummary[] = []
  group.listTopics = (async () => topics) as typeof group.listTopics
  const { done, terminal } = start(group, { topics: [], topicPattern: 'tid.*' }, { metadataMaxAge: 10 })
  await expect
    .poll(() => terminal.noted())
    .toContain('group harbour: No topic fits the pattern tid.*: nothing is read by it until there is one.\n')
  topics = [{ topic: 'tides', topicId: 'an id', partitions: 1 }]
  await expect.poll(() => terminal.noted()).toMatch(/^group harbour: a topic is there, after [\d.]+ ms$/m)
  terminal.interrupt()
  await done
})
