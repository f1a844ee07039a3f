import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'
import { freshPartition, inlineEntry } from '../../conformance/samples.ts'
import { BusyNeighbour } from './busy-neighbour.ts'

let directory: string
let store: LocalStore
let neighbour: BusyNeighbour | undefined
const partition = freshPartition()

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-busy-'))
  store = await openLocalStore(directory)
  await store.index.createHead(partition, 0)
})
afterEach(async () => {
  await neighbour?.kill()
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

const append = () => store.index.append(partition, inlineEntry(1), toOffset(0))

test('once the one that held all up gets on, a write waits for its turn again, however busy the index is', async () => {
  neighbour = await BusyNeighbour.in(directory)
  await expect(append()).rejects.toThrow(NotApplied)
  expect(store.refusal()?.message).toContain('is held up')
  await neighbour.getOn()
  expect((await append()).kind).toBe('appended')
})
