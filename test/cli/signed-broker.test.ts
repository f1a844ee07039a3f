import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { runTidemark } from './tidemark-process.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A gateway that keeps what it is asked, and answers always the same. */
async function listen(status: number, body: unknown): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  server = createServer((request, response) => {
    requests.push(request)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'session',
}
/** Nothing of the machine's own may stand in. */
const NO_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_SESSION_TOKEN: '',
  AWS_PROFILE: '',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
  AWS_CONFIG_FILE: '/nowhere/config',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '',
  AWS_CONTAINER_CREDENTIALS_FULL_URI: '',
}

test('with --sigv4 a command signs what it asks', async () => {
  const { url, requests } = await listen(200, { topics: [] })
  const { exitCode, stderr } = await runTidemark(
    ['--broker', url, '--sigv4', '--region', 'eu-west-1', 'topic', 'list'],
    { environment: { ...NO_CREDENTIALS, ...CREDENTIALS, TIDEMARK_TOKEN: 'unused' } },
  )
  expect(stderr).toContain('no topics yet')
  expect(exitCode).toBe(0)
  expect(requests[0]?.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/execute-api\/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$/,
  )
  expect(requests[0]?.headers['x-amz-security-token']).toBe('session')
})

test('another host gets no signature unless it is asked for', async () => {
  const { url, requests } = await listen(200, { topics: [] })
  const { exitCode } = await runTidemark(['--broker', url, 'topic', 'list'], { environment: CREDENTIALS })
  expect(exitCode).toBe(0)
  expect(requests[0]?.headers.authorization).toBeUndefined()
})

test('without credentials the command says so in a line, and nothing is sent', async () => {
  const { url, requests } = await listen(200, { topics: [] })
  const { exitCode, stderr } = await runTidemark(
    ['--broker', url, '--sigv4', '--region', 'eu-west-1', 'topic', 'list'],
    { environment: NO_CREDENTIALS },
  )
  expect(stderr).toMatch(/^tidemark: CLUSTER_AUTHORIZATION_FAILED: There are no AWS credentials .*\n$/)
  expect(exitCode).toBe(1)
  expect(requests).toEqual([])
})

test('a refusal comes with advice', async () => {
  const { url } = await listen(403, { message: 'The security token included in the request is expired' })
  const { exitCode, stderr } = await runTidemark(
    ['--broker', url, '--sigv4', '--region', 'eu-west-1', 'topic', 'list'],
    { environment: { ...NO_CREDENTIALS, ...CREDENTIALS } },
  )
  expect(stderr).toMatch(/^tidemark: CLUSTER_AUTHORIZATION_FAILED: .*is expired.*`aws sso login`\.\n$/)
  expect(exitCode).toBe(1)
})

// Without credentials a signature fails before anything is sent, so nothing leaves this machine.
test.each(['https://abc.execute-api.eu-west-1.amazonaws.com', 'https://abc.lambda-url.eu-west-1.on.aws'])(
  '%s is signed without being asked to',
  async url => {
    const { exitCode, stderr } = await runTidemark(['--broker', url, 'topic', 'list'], {
      environment: NO_CREDENTIALS,
    })
    expect(stderr).toContain('There are no AWS credentials')
    expect(exitCode).toBe(1)
  },
)
