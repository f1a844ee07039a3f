import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { handler } from '../../../src/gateway/apis/handler.ts'
import { mechanismsFor, type SaslSettings } from '../../../src/gateway/server/sasl/authentication.ts'
import { ScramExchange } from '../../../src/gateway/server/sasl/scram.ts'
import { credentialOf, makeUser, type Users } from '../../../src/gateway/server/sasl/users.ts'
import { ApiVersions } from '../../../src/gateway/wire/messages/api-versions.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { SaslAuthenticate } from '../../../src/gateway/wire/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../../../src/gateway/wire/messages/sasl-handshake.ts'
import { type RawClient, startGateway } from './raw-client.ts'

const USERS: Users = new Map([['alice', await makeUser('ebb, flow', 4_096)]])
const SASL: SaslSettings = { mechanisms: mechanismsFor(true), users: async () => USERS }

const asks = handler(Metadata, [0, 12], async (_request, { client }) => ({
  brokers: [],
  clusterId: client.principal,
  controllerId: 1,
  topics: [],
}))

const ALL = { topics: null }
const FAILED = { errorCode: 58, errorMessage: 'Authentication failed: invalid credentials.' }

/** The client's side of SCRAM, written once more from the RFC. */
function scramClient(digest: 'sha256' | 'sha512', user: string, password: string) {
  const hmac = (key: Uint8Array, text: string) => createHmac(digest, key).update(text).digest()
  const bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${randomBytes(18).toString('base64')}`
  let expected = ''
  return {
    first: Buffer.from(`n,,${bare}`),
    /** @param repeated what is put in front of the nonce */
    final(challenge: string, repeated = ''): Buffer {
      const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge)!
      const bytes = digest === 'sha256' ? 32 : 64
      const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), bytes, digest)
      const clientKey = hmac(salted, 'Client Key')
      const unproved = `c=biws,r=${repeated}${nonce}`
      const messages = `${bare},${challenge},${unproved}`
      const signature = hmac(createHash(digest).update(clientKey).digest(), messages)
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!))
      expected = `v=${hmac(hmac(salted, 'Server Key'), messages).toString('base64')}`
      return Buffer.from(`${unproved},p=${proof.toString('base64')}`)
    },
    isServerKnown: (token: Uint8Array) => Buffer.from(token).toString() === expected,
  }
}

async function handshake(raw: RawClient, mechanism: string, version = 1) {
  return await raw.roundTrip(SaslHandshake, version, { mechanism })
}

async function authenticate(raw: RawClient, token: Uint8Array | string, version = 2) {
  return await raw.roundTrip(SaslAuthenticate, version, { authBytes: Buffer.from(token) })
}

test.each([
  ['SCRAM-SHA-256', 'sha256'],
  ['SCRAM-SHA-512', 'sha512'],
] as const)(
  '%s lets in who has the password, and proves that the server knows it',
  async (mechanism, digest) => {
    const { client, logged } = await startGateway([asks], { sasl: SASL })
    const raw = await client()
    const scram = scramClient(digest, 'alice', 'ebb, flow')
    expect(await handshake(raw, mechanism)).toMatchObject({ errorCode: 0, mechanisms: SASL.mechanisms })
    const challenge = await authenticate(raw, scram.first)
    expect(challenge.errorCode).toBe(0)
    const { authBytes, errorCode } = await authenticate(
      raw,
      scram.final(Buffer.from(challenge.authBytes).toString()),
    )
    expect([errorCode, scram.isServerKnown(authBytes)]).toEqual([0, true])
    expect((await raw.roundTrip(Metadata, 12, ALL)).clusterId).toBe('User:alice')
    expect(logged).toEqual([])
  },
)

test.each([
  ['a wrong password', 'alice', 'flow'],
  ['a stranger', 'mallory', 'ebb, flow'],
  ['no name', '', 'ebb, flow'],
])('%s gets as far as any other one, and no further', async (_, user, password) => {
  const { client, logged } = await startGateway([asks], { sasl: SASL })
  const raw = await client()
  const scram = scramClient('sha256', user, password)
  await handshake(raw, 'SCRAM-SHA-256')
  const challenge = Buffer.from((await authenticate(raw, scram.first)).authBytes).toString()
  expect(challenge).toMatch(/^r=[^,]{50,},s=[A-Za-z0-9+/]{32},i=4096$/)
  expect(await authenticate(raw, scram.final(challenge))).toMatchObject(FAILED)
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(/there is no such user, or the password is wrong/)])
})

test('a stranger is told the same salt each time', async () => {
  const first = Buffer.from('n,,n=mallory,r=abc')
  const salts = []
  for (let i = 0; i < 2; i++) {
    const { token } = await new ScramExchange('SCRAM-SHA-256', USERS).step(first)
    salts.push(/,s=([^,]+)/.exec(token.toString())![1])
  }
  expect(salts[0]).toBe(salts[1])
})

test('the example of RFC 7677', async () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const credential = await credentialOf('SCRAM-SHA-256', 'pencil', { salt, iterations: 4_096 })
  const users: Users = new Map([['user', { 'SCRAM-SHA-256': credential, 'SCRAM-SHA-512': credential }]])
  const exchange = new ScramExchange('SCRAM-SHA-256', users, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0')
  const { token } = await exchange.step(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
  expect(token.toString()).toBe(
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  )
  const proof = await exchange.step(
    Buffer.from(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ),
  )
  expect(proof.token.toString()).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  expect(proof.user).toBe('user')
})

test.each([
  ['p=tls-unique,,n=alice,r=a', /asks for a channel to be bound/],
  ['n,,n=alice', /none of SCRAM/],
  ['n,,n=al=ice,r=a', /its name is not written/],
  ['n,a=bob,n=alice,r=a', /act as another user/],
  ['n,,n=alice,r=a,tokenauth=true', /a delegation token/],
  [Buffer.from([0x6e, 0xff]), /no UTF-8/],
])('%s is no beginning', async (first, problem) => {
  const exchange = new ScramExchange('SCRAM-SHA-256', USERS)
  await expect(exchange.step(Buffer.from(first as string))).rejects.toThrow(problem)
})

test.each([
  ['another nonce', (final: string) => final.replace(/r=./, 'r=#'), /another challenge/],
  ['another channel', (final: string) => final.replace('c=biws', 'c=eSws'), /takes back/],
  ['a short proof', (final: string) => final.replace(/p=.*/, 'p=AAAA'), /password is wrong/],
  [
    'a longer proof',
    (final: string) =>
      final.replace(
        /p=(.*)$/,
        (_, p) => `p=${Buffer.concat([Buffer.from(p, 'base64'), Buffer.alloc(1)]).toString('base64')}`,
      ),
    /password is wrong/,
  ],
  ['nothing', () => '', /second message is none/],
])('%s proves nothing', async (_, forge, problem) => {
  const scram = scramClient('sha256', 'alice', 'ebb, flow')
  const exchange = new ScramExchange('SCRAM-SHA-256', USERS)
  const { token } = await exchange.step(scram.first)
  const final = scram.final(token.toString()).toString()
  await expect(exchange.step(Buffer.from(forge(final)))).rejects.toThrow(problem)
})

test('librdkafka before 2.6.1 says its part of the nonce twice', async () => {
  const scram = scramClient('sha256', 'alice', 'ebb, flow')
  const exchange = new ScramExchange('SCRAM-SHA-256', USERS)
  const { token } = await exchange.step(scram.first)
  const own = /,r=(.*)$/.exec(scram.first.toString())![1]
  expect((await exchange.step(scram.final(token.toString(), own))).user).toBe('alice')
})

test('names with signs that SCRAM writes otherwise', async () => {
  const users: Users = new Map([['a,b=c', await makeUser('x', 4_096)]])
  const scram = scramClient('sha512', 'a,b=c', 'x')
  const exchange = new ScramExchange('SCRAM-SHA-512', users)
  const { token } = await exchange.step(scram.first)
  expect((await exchange.step(scram.final(token.toString()))).user).toBe('a,b=c')
})

test('PLAIN lets in who has the password', async () => {
  const { client } = await startGateway([asks], { sasl: SASL })
  const raw = await client()
  await handshake(raw, 'PLAIN')
  expect(await authenticate(raw, '\0alice\0ebb, flow', 1)).toMatchObject({ errorCode: 0 })
  expect((await raw.roundTrip(Metadata, 12, ALL)).clusterId).toBe('User:alice')
})

test.each(['\0alice\0flow', '\0mallory\0ebb, flow', 'bob\0alice\0ebb, flow', '\0alice\0', 'alice', ''])(
  'PLAIN refuses %j',
  async token => {
    const { client, logged } = await startGateway([asks], { sasl: SASL })
    const raw = await client()
    await handshake(raw, 'PLAIN')
    expect(await authenticate(raw, token)).toMatchObject(FAILED)
    await raw.ended()
    expect(logged).toHaveLength(1)
  },
)

test('a password in the clear is taken only where it is private', async () => {
  const sasl = { ...SASL, mechanisms: mechanismsFor(false) }
  const { client, logged } = await startGateway([asks], { sasl })
  const raw = await client()
  expect(await handshake(raw, 'PLAIN')).toMatchObject({
    errorCode: 33,
    mechanisms: ['SCRAM-SHA-512', 'SCRAM-SHA-256'],
  })
  await raw.ended()
  expect(logged).toEqual([
    expect.stringMatching(/asks for "PLAIN", and there is SCRAM-SHA-512, SCRAM-SHA-256/),
  ])
})

test('old clients send tokens without a header', async () => {
  const { client, logged } = await startGateway([asks], { sasl: SASL })
  const raw = await client()
  await handshake(raw, 'PLAIN', 0)
  raw.sendFrame(Buffer.from('\0alice\0ebb, flow'))
  expect(await raw.frame()).toHaveLength(0)
  expect((await raw.roundTrip(Metadata, 12, ALL)).clusterId).toBe('User:alice')
  const other = await client()
  await handshake(other, 'PLAIN', 0)
  other.sendFrame(Buffer.from('\0alice\0flow'))
  expect(await other.frame()).toBe(undefined)
  expect(logged).toEqual([expect.stringMatching(/SASL: there is no such user/)])
})

test('before that, a client may ask for versions and nothing else', async () => {
  const { client, logged } = await startGateway([asks], { sasl: SASL })
  const raw = await client()
  expect((await raw.roundTrip(ApiVersions, 0, {})).errorCode).toBe(0)
  raw.ask(Metadata, 12, ALL)
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(/Metadata v12 of "raw": comes before the client has proved/)])
})

test('nor may it send much', async () => {
  const { client, logged } = await startGateway([asks], { sasl: SASL })
  const raw = await client()
  raw.send(Buffer.from([0, 1, 0, 1]))
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(/a request of 65537 bytes, of 0 to 65536/)])
})

test('what comes out of turn is told so', async () => {
  const { client } = await startGateway([asks], { sasl: SASL })
  const early = await client()
  expect(await authenticate(early, 'x')).toMatchObject({ errorCode: 34 })
  await early.ended()
  const twice = await client()
  await handshake(twice, 'PLAIN')
  expect(await handshake(twice, 'PLAIN')).toMatchObject({ errorCode: 34 })
  await authenticate(twice, '\0alice\0ebb, flow')
  expect(await handshake(twice, 'PLAIN')).toMatchObject({ errorCode: 34 })
  const open = await startGateway([asks])
  expect(await handshake(await open.client(), 'PLAIN')).toMatchObject({ errorCode: 34, mechanisms: [] })
})

test('users that cannot be read are no users, and the log says why', async () => {
  const users = async () => {
    throw new Error('no such file')
  }
  const { client, logged } = await startGateway([asks], { sasl: { ...SASL, users } })
  const raw = await client()
  await handshake(raw, 'SCRAM-SHA-256')
  expect(await authenticate(raw, 'n,,n=alice,r=a')).toMatchObject(FAILED)
  await raw.ended()
  expect(logged).toEqual([expect.stringMatching(/users cannot be read: no such file/)])
})
