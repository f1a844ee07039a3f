/** `npm run emulator:stop`: deletes the stack and ends the emulator that `emulator:start` has started. */
import './plain-errors.ts'
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { compose } from './compose.ts'
import { forgetRunning, readRunning } from './running.ts'
import { deleteStack } from './stack.ts'

const STOP_MS_MAX = 10_000

const running = readRunning()
if (!running) throw new Error('No emulator was started: npm run emulator:start starts one.')
try {
  await deleteStack(`http://127.0.0.1:${running.port}`)
} catch (error) {
  const { message } = error as Error
  // It was not deployed, or another one was. What is left of any ends with the emulator.
  if (!/does not exist/.test(message)) console.error(`The stack could not be deleted: ${message}`)
}
if (running.kind === 'localstack') compose(running.port, 'down', '--volumes')
else {
  await endGroup(running.pid)
  rmSync(running.scratch, { recursive: true, force: true })
}
forgetRunning()

/** Ends MiniStack and the functions that it runs. */
async function endGroup(pid: number): Promise<void> {
  const endMs = Date.now() + STOP_MS_MAX
  for (let signal: NodeJS.Signals = 'SIGTERM'; sendTo(pid, signal); signal = signalAt(endMs)) await sleep(200)
}

function signalAt(endMs: number): NodeJS.Signals {
  return Date.now() > endMs ? 'SIGKILL' : 'SIGTERM'
}

/** Whether there was anybody in the group to send it to. */
function sendTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
