/** Puts objects of commits, small and large ones, several at a time, into the store in the directory that it is given, and prints each key once its put has resolved. */
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { SMALL_OBJECT_BYTES_MAX } from '../../../src/core/limits.ts'
import { ingestKey } from '../../../src/core/storage-layout.ts'
import { freshId } from '../../conformance/samples.ts'

const LARGE = Buffer.alloc(SMALL_OBJECT_BYTES_MAX)
const store = await openLocalStore(process.argv[2]!)
await Promise.all(
  Array.from({ length: 4 }, async (_, lane) => {
    for (;;) {
      const key = ingestKey({ epoch: 1, object: freshId() })
      const chunks = lane % 2 === 0 ? [Buffer.from(key)] : [Buffer.from(key), LARGE]
      await store.objects.put(key, chunks)
      process.stdout.write(`${key}\n`)
    }
  }),
)
