/** `npm run emulator:start`: LocalStack where there is Docker, else MiniStack, in the background. */
import './plain-errors.ts'
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { compose } from './compose.ts'
import { hasDocker } from './docker.ts'
import { MINISTACK_HEALTH_PATH, ministackCommand } from './ministack.ts'
import { EMULATOR_PORT, EMULATORS, noteRunning, readRunning } from './running.ts'

const START_MS_MAX = 60_000

if (readRunning()) throw new Error('An emulator was started already: npm run emulator:stop ends it.')
const port = EMULATOR_PORT
// Another emulator there would be taken for this one, and its stack be deleted by emulator:stop.
if (await isTaken(port)) {
  throw new Error(`Port ${port} of 127.0.0.1 is taken: choose another with TIDEMARK_EMULATOR_PORT.`)
}
if (await hasDocker()) {
  noteRunning({ kind: 'localstack', port })
  compose(port, 'up', '--detach', '--wait')
} else {
  await startMinistack()
}
console.log(`The emulator is ready. For the AWS tools:

  export AWS_ENDPOINT_URL=http://127.0.0.1:${port} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test

npm run emulator:deploy deploys the stack to it.`)

async function startMinistack(): Promise<void> {
  const { command, env, scratch } = await ministackCommand(port)
  const [file, ...args] = command
  const logFile = join(EMULATORS, 'ministack.log')
  const log = openSync(logFile, 'w')
  // A process group of its own, so that it and its functions can be ended together.
  const child = spawn(file!, args, { env, detached: true, stdio: ['ignore', log, log] })
  let hasEnded = false
  child.on('exit', () => {
    hasEnded = true
  })
  noteRunning({ kind: 'ministack', port, pid: child.pid!, scratch })
  const endMs = Date.now() + START_MS_MAX
  while (!(await isHealthy())) {
    if (hasEnded || Date.now() > endMs) throw new Error(`MiniStack does not start: see ${logFile}`)
    await sleep(100)
  }
  child.unref()
}

async function isTaken(port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.on('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(true) : reject(error),
  )
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)))
  return await promise
}

async function isHealthy(): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${MINISTACK_HEALTH_PATH}`)).ok
  } catch {
    return false
  }
}
