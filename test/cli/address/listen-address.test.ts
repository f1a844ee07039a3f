import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { checkPortCanBeAsked } from '../../../src/cli/address/listen-address.ts'
import { CommandFailure } from '../../../src/cli/output/failure.ts'

test.each([1, 25, 6000, 10_080])('no client would ask a broker on port %d', async port => {
  const failure = await checkPortCanBeAsked(port).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(CommandFailure)
  expect((failure as Error).message).toContain(`port ${port} is that of another protocol`)
})

test('any other port may be listened on, and one that is taken others tell of', async () => {
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  for (const free of [0, 8082, 9092, 65_535, port]) await checkPortCanBeAsked(free)
})
