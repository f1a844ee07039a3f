/** Runs one part of the benchmark and sends what it measured to the process that forked this one. */
import { runGrowth } from './growth.ts'
import { runWorkload } from './workload.ts'

const part = JSON.parse(process.argv[2] ?? '{}')
const result =
  part.kind === 'growth' ? await runGrowth(part.directory, part.lengths) : await runWorkload(part)
process.send!(result)
