import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/record/index.ts'
import { openEmbedded } from '../../src/embedded/embedded.ts'
import { portsOf } from '../../src/embedded/running-broker.ts'
import { maintainStore, type Progress } from '../../src/embedded/upkeep.ts'
import { StoreFailed } from '../../src/ports/outcome.ts'

test('a tail that cannot be cut is told by whoever was to roll all there is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-upkeep-'))
  const store = await openEmbedded({ directory, reportError: () => {} })
  try {
    const { broker } = store
    await broker.createTopic({ topic: 'tides' })
    const batches = new Uint8Array(encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: Date.now() }))
    await broker.produce({ topic: 'tides', partition: 0, batches })
    const { index } = portsOf(store)
    const { putBlock } = index
    const failure = new StoreFailed('no block can be put')
    Object.assign(index, { putBlock: () => Promise.reject(failure) })
    const troubles: unknown[] = []
    const report = (progress: Progress) => {
      if (progress.kind === 'trouble') troubles.push(progress.error)
    }
    const { signal } = new AbortController()
    await maintainStore(store, { isAll: true }, signal, report)
    expect(troubles).toMatchObject([{ cause: failure }])
    Object.assign(index, { putBlock })
    expect(await maintainStore(store, { isAll: true }, signal, report)).toMatchObject({ isDone: true })
    expect(troubles).toHaveLength(1)
  } finally {
    await store.close()
    await rm(directory, { recursive: true })
  }
})
