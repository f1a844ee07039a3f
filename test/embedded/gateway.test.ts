import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../../src/cli/main.ts'
import { openEmbedded, openInMemory } from '../../src/embedded/embedded.ts'
import { type EmbeddedGatewayOptions, startGateway } from '../../src/embedded/gateway.ts'
import { formatUsers, makeUser, UsersFile } from '../../src/embedded/users-file.ts'
import { Metadata } from '../../src/gateway/wire/messages/metadata.ts'
import { SaslHandshake } from '../../src/gateway/wire/messages/sasl-handshake.ts'
import { fakeTerminal } from '../cli/fake-terminal.ts'
import { rawClient } from '../gateway/server/raw-client.ts'

function folder() {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-gateway-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

async function startInMemory(options: Partial<EmbeddedGatewayOptions> = {}) {
  const store = openInMemory()
  const gateway = await startGateway(store, { port: 0, ...options }).catch(async error => {
    await store.close()
    throw error
  })
  onTestFinished(async () => {
    await gateway.close()
    await store.close()
  })
  return gateway
}

test('a store is the same cluster each time, and another one is another', async () => {
  const directories = [folder(), folder()]
  const ids: string[] = []
  for (const directory of [...directories, directories[0]!]) {
    const store = await openEmbedded({ directory })
    const gateway = await startGateway(store, { port: 0 })
    ids.push(gateway.settings.clusterId)
    await gateway.close()
    await store.close()
  }
  expect(ids[0]).toMatch(/^[A-Za-z0-9_-]{22}$/)
  expect(ids[2]).toBe(ids[0])
  expect(ids[1]).not.toBe(ids[0])
})

test('clients are told where they reach it', async () => {
  const everywhere = await startInMemory({ host: '0.0.0.0', insecure: true })
  expect(everywhere.settings.advertised).toEqual({ host: 'localhost', port: everywhere.port })
  const advertised = { host: 'kafka.example.org', port: 9092 }
  expect((await startInMemory({ advertised })).settings.advertised).toEqual(advertised)
})

test('nobody listens beyond this machine by accident', async () => {
  await expect(startInMemory({ host: '0.0.0.0' })).rejects.toThrow(
    /lets everybody in the network read and write/,
  )
})

test('a port in use is told', async () => {
  const { port } = await startInMemory()
  await expect(startInMemory({ port })).rejects.toThrow(new RegExp(`^Port ${port} on 127.0.0.1 is in use`))
})

test('users are those of a file, as it is now', async () => {
  const usersFile = join(folder(), 'users.json')
  await expect(startInMemory({ usersFile })).rejects.toThrow(/ENOENT/)
  writeFileSync(usersFile, '{}')
  await expect(startInMemory({ usersFile })).rejects.toThrow(/its version is undefined/)
  const user = await makeUser('x', 4_096)
  writeFileSync(usersFile, formatUsers(new Map([['alice', user]])))
  const logged: string[] = []
  chmodSync(usersFile, 0o644)
  await startInMemory({ usersFile, log: line => logged.push(line) })
  expect(logged).toEqual([`${usersFile} can be read by others than its owner: chmod 600 ${usersFile}`])
  const file = new UsersFile(usersFile)
  expect([...(await file.users()).keys()]).toEqual(['alice'])
  writeFileSync(
    usersFile,
    formatUsers(
      new Map([
        ['alice', user],
        ['bob', user],
      ]),
    ),
  )
  expect([...(await file.users()).keys()]).toEqual(['alice', 'bob'])
})

test('users can be those of a text, where there is no file: only they may come', async () => {
  await expect(startInMemory({ usersText: '{}' })).rejects.toThrow(/its version is undefined/)
  const usersText = formatUsers(new Map([['alice', await makeUser('x', 4_096)]]))
  const gateway = await startInMemory({ host: '0.0.0.0', usersText })
  const raw = await rawClient(gateway.port)
  const { mechanisms } = await raw.roundTrip(SaslHandshake, 1, { mechanism: 'SCRAM-SHA-512' })
  expect(mechanisms).toEqual(['SCRAM-SHA-512', 'SCRAM-SHA-256'])
  raw.ask(Metadata, 12, { topics: null })
  await raw.ended()
})

test('the command says where it listens, and ends with Ctrl-C', async () => {
  const directory = join(folder(), 'store')
  const terminal = fakeTerminal()
  const words = [
    'gateway',
    '--dir',
    directory,
    '--listen',
    '127.0.0.1:0',
    '--advertise',
    'kafka.example.org:9092',
  ]
  const done = run(words, terminal, {})
  await expect
    .poll(() => terminal.printed().toString())
    .toMatch(
      /^tidemark \(process \d+\) serves Kafka's clients on 127\.0\.0\.1:\d+, and tells them kafka\.example\.org:9092\n$/,
    )
  terminal.interrupt()
  expect(await done).toBe(0)
  expect(terminal.noted()).toMatch(/stopped\n$/)
})
