/** Puts small objects, several at a time, into the store in the directory that it is given, and prints each key once its put has resolved. */
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { ingestKey } from '../../../src/core/storage-layout.ts'
import { freshId } from '../../conformance/samples.ts'

const store = await openLocalStore(process.argv[2]!)
await Promise.all(
  Array.from({ length: 4 }, async () => {
    for (;;) {
      const key = ingestKey({ epoch: 1, object: freshId() })
      await store.objects.put(key, [Buffer.from(key)])
      process.stdout.write(`${key}\n`)
    }
  }),
)
