import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { batchOf } from '../../broker/harness.ts'
import { seededRandom } from '../../cli/seeded-random.ts'

const PAGE_BYTES = 4096
let around: string
let sound: Buffer
const template = () => join(around, 'sound')

beforeAll(async () => {
  around = await mkdtemp(join(tmpdir(), 'tidemark-damage-'))
  const { broker, close } = await openEmbedded({ directory: template() })
  for (let topic = 0; topic < 24; topic += 1) {
    await broker.createTopic({ topic: `tides-${topic}`, partitions: 4 })
    for (let partition = 0; partition < 4; partition += 1) {
      const batches = batchOf([`${topic}`.repeat(300)], { timestampMs: 1 })
      await broker.produce({ topic: `tides-${topic}`, partition, batches })
    }
  }
  await close()
  // So that no page is free, and of no account.
  const database = new DatabaseSync(join(template(), 'index', 'index.sqlite'))
  database.exec('VACUUM')
  database.close()
  sound = await readFile(join(template(), 'index', 'index.sqlite'))
})
afterAll(async () => {
  await rm(around, { recursive: true, force: true })
})

/** What people hear of a store with this index: of opening it, of its topics, of its records, and what verify finds. */
async function hear(
  index: Uint8Array,
  access: 'read' | 'write',
): Promise<{ told: string[]; errors: string[] }> {
  const directory = join(around, 'damaged')
  await rm(directory, { recursive: true, force: true })
  await cp(template(), directory, { recursive: true })
  await writeFile(join(directory, 'index', 'index.sqlite'), index)
  const told: string[] = []
  const errors: string[] = []
  const note = (error: unknown) => {
    if (!(error instanceof TidemarkError) || !/^(KAFKA_STORAGE_ERROR|CORRUPT_MESSAGE)$/.test(error.kafkaName))
      throw error
    told.push(error.message)
  }
  const store = await openEmbedded({ directory, access, reportError: () => {} }).catch(note)
  if (!store) return { told, errors }
  const { broker, verify, close } = store
  await broker.listTopics().catch(note)
  for (let topic = 0; topic < 12; topic += 1) {
    const request = { topic: `tides-${topic}`, partition: topic % 4 }
    await broker.fetch({ ...request, offset: toOffset(0) }).catch(error => {
      if (error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') note(error)
    })
    if (access === 'read') continue
    await broker.produce({ ...request, batches: batchOf(['x'], { timestampMs: 1 }) }).catch(error => {
      if (error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') note(error)
    })
  }
  if (access === 'read') {
    for await (const { severity, place, problem } of verify().findings) {
      if (severity === 'error') errors.push(`${place}: ${problem}`)
    }
  }
  await close()
  return { told, errors }
}

function withBytes(bytes: Uint8Array, position: number): Uint8Array {
  const damaged = Uint8Array.from(sound)
  damaged.set(bytes, position)
  return damaged
}

describe.each(['read', 'write'] as const)(
  'an index that is damaged, opened to %s, is told with its place and what to do:',
  access => {
    test.each([0, 16, 18, 20, 28, 44, 56, 92])('the header from byte %i on', async position => {
      const { told } = await hear(withBytes(new Uint8Array(8).fill(0xff), position), access)
      for (const message of told) expect(message).toMatch(/damaged|is not in|could not be opened/)
    })

    test('every page of it', { timeout: 120_000 }, async () => {
      const pages = sound.length / PAGE_BYTES
      expect(pages).toBeGreaterThan(6)
      for (let page = 0; page < pages; page += 1) {
        const { told, errors } = await hear(
          withBytes(new Uint8Array(PAGE_BYTES).fill(0xa5), page * PAGE_BYTES),
          access,
        )
        // Reading finds any of them; who writes may not come by.
        if (access === 'read') expect([page, told.length + errors.length > 0]).toEqual([page, true])
        for (const message of told) {
          expect(message).toContain(join('index', 'index.sqlite'))
          expect(message).toContain('it is damaged. Stop all brokers of this store')
        }
      }
    })

    test('its end, which is missing', async () => {
      for (const bytes of [100, PAGE_BYTES, 2 * PAGE_BYTES, sound.length - PAGE_BYTES]) {
        const { told, errors } = await hear(sound.subarray(0, bytes), access)
        expect([bytes, told.length + errors.length > 0]).toEqual([bytes, true])
      }
    })

    test('bytes anywhere', { timeout: 120_000 }, async () => {
      const random = seededRandom(7)
      for (let round = 0; round < 40; round += 1) {
        const damage = Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256))
        // Whatever it is, nobody hears of anything else.
        const { told } = await hear(withBytes(damage, Math.floor(random() * (sound.length - 16))), access)
        for (const message of told) expect(message).toMatch(/damaged|index/)
      }
    })
  },
)

test('an item whose value means nothing is told by its key, and hides no other', async () => {
  const directory = join(around, 'item')
  await cp(template(), directory, { recursive: true })
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  const [first, second] = database
    .prepare("SELECT key FROM items WHERE key LIKE 'log#%/head' ORDER BY key LIMIT 2")
    .all() as { key: string }[]
  database
    .prepare('UPDATE items SET value = ? WHERE key IN (?, ?)')
    .run(Buffer.from([9, 9]), first!.key, second!.key)
  database.close()
  const store = await openEmbedded({ directory, access: 'read' })
  const found: string[] = []
  for await (const { severity, problem } of store.verify().findings)
    if (severity === 'error') found.push(problem)
  await store.close()
  expect(found).toEqual(
    [first, second].map(item => expect.stringContaining(`the item ${item!.key} of the index is damaged (`)),
  )
})

test('damage that was come by is told by the store for good', async () => {
  const directory = join(around, 'told')
  let found = 0
  for (let page = 1; page < sound.length / PAGE_BYTES; page += 1) {
    await rm(directory, { recursive: true, force: true })
    await cp(template(), directory, { recursive: true })
    const damaged = withBytes(new Uint8Array(PAGE_BYTES).fill(0xa5), page * PAGE_BYTES)
    await writeFile(join(directory, 'index', 'index.sqlite'), damaged)
    const store = await openEmbedded({ directory, reportError: () => {} }).catch(() => undefined)
    const failure = await store?.broker.listTopics().catch(error => error)
    if (store && failure instanceof TidemarkError) {
      found += 1
      expect(await store.health?.look()).toContain('it is damaged')
      await sleep(600)
      expect(await store.health?.look()).toContain('it is damaged')
    }
    await store?.close()
  }
  expect(found).toBeGreaterThan(0)
})
