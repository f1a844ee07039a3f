import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { freePort } from '../../localstack/guarded.ts'

const DEPLOY = fileURLToPath(new URL('../../localstack/deploy.ts', import.meta.url))

test('a deployment without an emulator says how to start one, in one line', async () => {
  const endpoint = `http://127.0.0.1:${await freePort()}`
  const deployment = promisify(execFile)(process.execPath, [DEPLOY], {
    env: { ...process.env, AWS_ENDPOINT_URL: endpoint },
  })
  await expect(deployment).rejects.toMatchObject({
    code: 1,
    stderr: `No emulator answers at ${endpoint}: npm run emulator:start starts one.\n`,
  })
})
