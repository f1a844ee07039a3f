import { openLocalStore } from '../../src/adapters/local/local-store.ts'
import type { Broker } from '../../src/contract/broker.ts'
import { FETCH_BYTES_MAX } from '../../src/core/limits.ts'
import { decodeBatches } from '../../src/core/record/index.ts'
import type { FoundRecord } from '../cli/produce-ledger.ts'
import { runTidemark } from '../cli/tidemark-process.ts'
import { leaks } from '../simulation/leaks.ts'

/** All that a topic holds, in the order of offsets within each partition. */
export async function readLog(broker: Broker, topic: string): Promise<FoundRecord[]> {
  const { offsets } = await broker.describeTopic(topic)
  const partitions = await Promise.all(
    offsets.map(async ({ partition, startOffset, endOffset }) => {
      const found: FoundRecord[] = []
      for (let offset = startOffset; offset < endOffset; ) {
        const fetched = await broker.fetch({ topic, partition, offset, maxBytes: FETCH_BYTES_MAX })
        for (const chunk of fetched.chunks) {
          for (const record of decodeBatches(chunk)) {
            found.push({ partition, offset: record.offset, value: record.value ?? new Uint8Array(0) })
          }
        }
        if (fetched.nextOffset <= offset)
          throw new Error(`partition ${partition} goes no further than ${offset}`)
        offset = fetched.nextOffset
      }
      return found
    }),
  )
  return partitions.flat()
}

/** What \`verify\` finds wrong with a store; nothing, if all is well. */
export async function verifyStore(directory: string, options: readonly string[] = []): Promise<string[]> {
  const { exitCode, stdout, stderr } = await runTidemark(['verify', '--dir', directory, ...options])
  return exitCode === 0 ? [] : [`verify ended with ${exitCode}:`, stdout.toString(), stderr]
}

/** What is in a store that nothing needs, and what is missing that something does. */
export async function leftovers(directory: string): Promise<string[]> {
  const { close, ...stores } = await openLocalStore(directory, 'read')
  try {
    return await leaks(stores)
  } finally {
    await close()
  }
}
