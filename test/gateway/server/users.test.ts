import { expect, test } from 'vitest'
import {
  checkUserName,
  credentialOf,
  formatUsers,
  makeUser,
  parseUsers,
} from '../../../src/gateway/server/sasl/users.ts'

test('a file of users holds what it takes to check a password, and not the password', async () => {
  const users = new Map([
    ['neap', await makeUser('ebb and flow', 4_096)],
    ['alice', await makeUser('ebb and flow')],
  ])
  const text = formatUsers(users)
  expect(text).not.toContain('ebb')
  expect(parseUsers(text)).toEqual(users)
  expect([...parseUsers(text).keys()]).toEqual(['alice', 'neap'])
  const { 'SCRAM-SHA-256': one } = users.get('neap')!
  const { 'SCRAM-SHA-256': other } = users.get('alice')!
  expect(one.salt.equals(other.salt)).toBe(false)
  expect([one.iterations, other.iterations]).toEqual([4_096, 8_192])
})

test('keys are those of RFC 7677', async () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const { storedKey, serverKey } = await credentialOf('SCRAM-SHA-256', 'pencil', { salt, iterations: 4_096 })
  // As other programs keep them: PostgreSQL's documentation has the same user.
  expect(storedKey.toString('base64')).toBe('WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=')
  expect(serverKey.toString('base64')).toBe('wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=')
})

const WHOLE = JSON.parse(formatUsers(new Map([['a', await makeUser('b', 4_096)]])))

test.each([
  ['{', /it is not JSON/],
  ['[]', /it is no object/],
  ['{"version":2,"users":{}}', /its version is 2, and not 1/],
  ['{"version":1}', /users is no object/],
  ['{"version":1,"users":{"":{}}}', /"" is no name/],
  ['{"version":1,"users":{"a":{}}}', /users\.a\.SCRAM-SHA-512 is no object/],
])('%s is refused', (text, problem) => {
  expect(() => parseUsers(text)).toThrow(problem)
})

test.each([
  ['iterations', 4_095, /iterations is no whole number from 4096 to 1000000/],
  ['iterations', 1_000_001, /iterations is no whole number/],
  ['iterations', '5000', /iterations is no whole number/],
  ['salt', 'AAAA', /salt is not what belongs there/],
  ['salt', 'not base64!', /salt is not what belongs there/],
  ['storedKey', 'AAAA', /storedKey is not what belongs there/],
  ['serverKey', null, /serverKey is not what belongs there/],
])('a user whose %s is %j is refused', (field, value, problem) => {
  const file = structuredClone(WHOLE)
  file.users.a['SCRAM-SHA-256'][field] = value
  expect(() => parseUsers(JSON.stringify(file))).toThrow(problem)
})

test('names are any text but nothing', () => {
  expect(checkUserName('Ærøskøbing, =')).toBe('Ærøskøbing, =')
  for (const name of ['', 'a\0b', 'x'.repeat(1_025)]) expect(() => checkUserName(name)).toThrow(/is no name/)
})
