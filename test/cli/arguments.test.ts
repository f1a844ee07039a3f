import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseListenAddress } from '../../src/cli/address/listen-address.ts'
import { parseNameValue } from '../../src/cli/arguments/name-value.ts'
import { run } from '../../src/cli/main.ts'
import { UsageError } from '../../src/cli/output/failure.ts'
import { fakeTerminal } from './fake-terminal.ts'

async function runLine(...commandLine: string[]) {
  const terminal = fakeTerminal()
  const exitCode = await run(commandLine, terminal, {})
  return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
}

test.each([
  [['frob'], 'unknown command'],
  [['topic', 'create'], 'missing required argument'],
  [['topic', 'create', 'a', '--partitions', '0'], "'0' is not a whole number from 1 on"],
  [['topic', 'create', 'a', '--config', 'novalue'], "'novalue' is not NAME=VALUE"],
  [['topic', 'alter', 'a'], 'nothing to alter'],
  [['group', 'reset', 'a', '--topic', 't'], "nor '--shift-by <number>'"],
  [['group', 'reset', 'a', '--all-topics', '--shift-by', '1.5'], "'1.5' is not a whole number, such as 10"],
  [['group', 'reset', 'a', '--topic', 't', '--shift-by', '-1', '--to', '2'], 'cannot be used with option'],
  [['produce', 'a', '--partition', '-1'], "'-1' is not a whole number"],
  [['produce', 'a', '--compression', 'brotli'], 'Allowed choices are none, gzip, snappy, lz4, zstd'],
  [['produce', 'a', '--key-separator', ''], 'an empty separator'],
  [['produce', 'a', '--json', '--key-separator', ':'], "'-J, --json' cannot be used with option '-K"],
  [['consume', 'a', '--from', 'yesterday'], "'yesterday' is no place in a log"],
  [['consume', 'a', '--format', '%q'], "unknown token '%q'"],
  [['consume', 'a', '--format', '%s', '--json'], 'cannot be used with'],
  [['consume', 'a', '--max-records', '0'], 'not a whole number from 1 on'],
  [['consume', 'a', '--broker', 'http://b', '--dir', 'd'], 'name two brokers'],
  [['consume'], "missing required argument 'topic'"],
  [['consume', 'a', 'b'], 'several topics are for groups'],
  [['consume', 'a', '--instance-id', 'i'], '--instance-id is for groups'],
  [['consume', 'a', '--group', 'g', '--partition', '0'], 'leave out --partition'],
  [['consume', '--group', 'g'], 'name a topic, or several, or give --pattern'],
  [['consume', 'a', '--group', 'g', '--assignor', 'fair'], 'Allowed choices are cooperative-sticky'],
  [['transaction', 'list', '--state', 'Open'], 'Allowed choices are Empty, Ongoing'],
  [['consume', 'a', '--group', 'g', '--session-timeout', '10'], "'10' is not a whole number from 6000 on"],
  [['consume', 'a', '--group', 'g', '--session-timeout', '9999999'], '1800000 milliseconds at most'],
  [['group', 'reset', 'g', '--to', 'latest'], 'say what to reset'],
  [['group', 'reset', 'g', '--to', 'latest', '--topic', 'a', '--all-topics'], 'say what to reset'],
  [['group', 'reset', 'g', '--to', 'latest', '--topic', ':3'], "':3' is not TOPIC or TOPIC:PARTITION"],
  [['group', 'reset', 'g', '--to', 'latest', '--topic', 'a:b'], "'b' is not a whole number"],
  [['group', 'reset', 'g', '--topic', 'a'], "'--to <place>' not specified"],
  [['trigger', 'pause', 'g'], "missing required argument 'topic'"],
  [['offsets', 'a', '--group', 'g', '--at', 'latest'], 'cannot be used with'],
  [['verify'], 'name its directory with --dir'],
  [['verify', '--broker', 'http://127.0.0.1:1'], 'name its directory with --dir'],
  [['maintain'], 'name its directory with --dir'],
  [['maintain', '--dir', 'd', '--grace', 'soon'], "'soon' is no duration"],
  [['inspect', 'tides', '0'], 'name its directory with --dir'],
  [['inspect', 'tides', 'first', '--dir', 'd'], "'first' is not a whole number"],
  [['rebuild-index', '--broker', 'http://b'], 'name its directory with --dir'],
  [['verify', '--dir', 'd', '--from', 'tides'], "'tides' is no partition"],
  [['verify', '--aws', '--table', 't'], '--aws needs to know the bucket'],
  [['topic', 'list', '--aws'], '--aws needs to know the table and the bucket'],
  [['topic', 'list', '--aws', '--dir', 'd'], '--aws and --dir name two stores'],
  [['topic', 'list', '--aws', '--broker', 'http://b'], '--aws and --broker name two stores'],
  [['topic', 'list', '--aws', '--table', 't', '--bucket', 'b', '--token', 's'], 'nothing for --token'],
  [['topic', 'list', '--aws', '--table', 't', '--bucket', 'b', '--endpoint', 'x'], "'x' is no endpoint"],
  [
    ['topic', 'list', '--table', 't', '--bucket', 'b'],
    '--table and --bucket say where a store on AWS is: add --aws',
  ],
  [['topic', 'list', '--outputs', '/nowhere/at/all.json'], '--outputs: ENOENT'],
  [['topic', 'list', '--outputs', 'o.json', '--broker', 'http://b'], '--outputs names a broker'],
  [['topic', 'list', '--sigv4', '--token', 's', '--broker', 'http://b'], 'give --token or --sigv4'],
  [['topic', 'list', '--sigv4', '--broker', 'http://b'], 'does not tell its AWS region'],
  [['dev', '--aws'], 'dev serves a directory'],
  [['dev', '--outputs', 'o.json'], 'dev serves a directory'],
  [['dev', '--http', 'nowhere'], "'nowhere' is no address"],
  [['dev', '--broker', 'http://b'], 'dev is the broker'],
  [['dev', '--kafka', 'nowhere'], "'nowhere' is no address"],
  [['gateway'], 'name its directory with --dir'],
  [['gateway', '--broker', 'http://b'], 'name its directory with --dir'],
  [['gateway', '--dir', 'd', '--listen', 'nowhere'], "'nowhere' is no address"],
  [['gateway', '--dir', 'd', '--advertise', 'host:0'], "'host:0' is no address that a client can connect to"],
  [['gateway', '--dir', 'd', '--peer', 'host:1'], "'host:1' is no gateway"],
  [['gateway', '--dir', 'd', '--peer', '1@host:1'], 'two gateways have the number 1'],
  [['gateway', '--dir', 'd', '--auto-create', '0'], "'0' is not a whole number from 1 on"],
  [['gateway', '--dir', 'd', '--tls-cert', 'c'], 'give --tls-cert and --tls-key'],
  [['gateway', '--dir', 'd', '--tls-client-ca', 'c'], 'over TLS only'],
  [['gateway-user', 'set', 'a'], "'--users <file>' not specified"],
  [['gateway-user', 'set', '', '--users', 'u'], '"" is no name of a user'],
  [['gateway-user', 'set', 'a', '--users', 'u', '--iterations', '9999999'], 'is more than 1000000'],
  [['delete-records', 'a', '--before', '3'], "'-p, --partition <number>' not specified"],
  [['offsets', 'a', '--at', '3'], 'is neither earliest nor latest nor max-timestamp nor a time'],
])('%j is a usage error', async (commandLine, problem) => {
  const { exitCode, printed, noted } = await runLine(...commandLine)
  expect(exitCode).toBe(2)
  expect(printed).toBe('')
  expect(noted).toContain(problem)
})

test.each([
  [],
  ['topic'],
  ['topic', 'create'],
  ['produce'],
  ['consume'],
  ['group'],
  ['trigger'],
  ['trigger', 'list'],
  ['trigger', 'describe'],
  ['trigger', 'pause'],
  ['trigger', 'resume'],
  ['offsets'],
  ['delete-records'],
  ['dev'],
  ['gateway'],
  ['gateway-user'],
  ['gateway-user', 'set'],
  ['verify'],
  ['inspect'],
  ['maintain'],
  ['rebuild-index'],
])('help of %s %s has examples', async (...commandLine) => {
  const { exitCode, printed } = await runLine(...commandLine.filter(word => word !== undefined), '--help')
  expect(exitCode).toBe(0)
  expect(printed).toContain('$ tidemark ')
})

test('the version is that of the package', async () => {
  expect(await runLine('--version')).toMatchObject({
    exitCode: 0,
    printed: expect.stringMatching(/^\d+\.\d+\.\d+/),
  })
})

test('a directory that does not exist is not made by looking at it', async () => {
  const { exitCode, noted } = await runLine('topic', 'list', '--dir', '/nowhere/at/all')
  expect(exitCode).toBe(1)
  expect(noted).toContain('there is no directory /nowhere/at/all')
})

test.each([
  ['127.0.0.1:8082', { host: '127.0.0.1', port: 8082 }],
  ['8082', { host: '127.0.0.1', port: 8082 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:8082', { host: '::1', port: 8082 }],
])('listens on %s', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address)
})

test.each(['', 'host', 'host:', 'host:65536', 'http://host:1', '::1:80'])('does not listen on %s', text => {
  expect(() => parseListenAddress(text)).toThrow(UsageError)
})

test('a value may hold signs of equality, or nothing', () => {
  expect(parseNameValue('a=b=c')).toEqual(['a', 'b=c'])
  expect(parseNameValue('a=')).toEqual(['a', ''])
  expect(() => parseNameValue('=b')).toThrow(UsageError)
})

test('a header without a sign of equality has no value, and is told apart from an empty one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-headers-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const [input, store] = [join(directory, 'input'), ['--dir', join(directory, 'store')]]
  writeFileSync(input, 'ebb\n')
  await runLine('topic', 'create', 'tides', '--partitions', '1', ...store)
  const headers = ['-H', 'none', '-H', 'empty=', '-H', 'unit=m']
  expect(await runLine('produce', 'tides', input, ...headers, ...store)).toMatchObject({ exitCode: 0 })
  const read = ['consume', 'tides', '--from', 'earliest', '--exit-at-end', ...store]
  expect(JSON.parse((await runLine(...read, '--json')).printed).headers).toEqual([
    { key: 'none', value: null },
    { key: 'empty', value: '' },
    { key: 'unit', value: 'm' },
  ])
  expect((await runLine(...read, '--format', '%h')).printed).toBe('none=NULL,empty=,unit=m')
})
