/** What the tests of the local store run in other processes: <directory> <command> … */
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { segmentKey } from '../../../src/core/storage-layout.ts'
import { freshId, inlineEntry } from '../../conformance/samples.ts'

const [directory, command, topicId = '', partition = '0', count = '0'] = process.argv.slice(2)
const store = await openLocalStore(directory!)
const id = { topicId, partition: Number(partition) }

if (command === 'append') {
  const key = segmentKey(freshId())
  await store.objects.put(key, [Buffer.from('from the worker')])
  const outcome = await store.index.append(id, inlineEntry(1), toOffset(0))
  const topic = `topic-${freshId()}`
  await store.topics.put(
    { name: topic, topicId, partitions: 7, configs: {}, createdMs: 1, state: 'live', version: freshId() },
    undefined,
  )
  const nextOffset = outcome.kind === 'appended' ? outcome.head.nextOffset : -1
  process.stdout.write(JSON.stringify({ nextOffset, key, topic }))
} else if (command === 'append-many') {
  const appends = Array.from({ length: Number(count) }, () =>
    store.index.append(id, inlineEntry(1), toOffset(0)),
  )
  const outcomes = await Promise.all(appends)
  process.stdout.write(JSON.stringify(outcomes.every(({ kind }) => kind === 'appended')))
} else if (command === 'put-forever') {
  // Each object says by its name what it must hold.
  const putForever = async () => {
    for (;;) {
      const objectId = freshId()
      const size = 1_000 + (Number.parseInt(objectId.slice(0, 4), 16) % 300_000)
      const bytes = Buffer.alloc(size, objectId)
      await store.objects.put(segmentKey(objectId), [bytes.subarray(0, 500), bytes.subarray(500)])
      process.stdout.write(`${segmentKey(objectId)}\n`)
    }
  }
  await Promise.all([putForever(), putForever(), putForever(), putForever()])
} else if (command === 'put-large-forever') {
  const chunk = Buffer.alloc(100_000, 'x')
  await store.objects.putLarge(
    topicId,
    (async function* () {
      for (let number = 0; ; number += 1) {
        if (number === 50) process.stdout.write('under way\n')
        yield chunk
      }
    })(),
  )
}
await store.close()
