/** Starts a guarded command that starts another, tells their process ids, and waits to be killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startGuarded } from '../../localstack/guarded.ts'

const [scratch] = process.argv.slice(2)
const guarded = startGuarded(['sh', '-c', 'sleep 1000 & echo $$ $!; wait'], {
  env: { ...process.env, GUARD_SCRATCH: scratch },
})
while (!guarded.lastOutput().includes('\n')) await sleep(20)
process.stdout.write(guarded.lastOutput())
if (process.argv.includes('--stop')) await guarded.stop()
else await sleep(60_000)
