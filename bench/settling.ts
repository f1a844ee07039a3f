/**
 * What it gives that logs settle, and what it costs: side by side with a build from before they did, whose checkout is named,
 * in processes of their own that take turns, on the same data.
 *
 *   npm run bench:settling -- --before ../before [--partitions 10] [--commits 2000] [--seconds 20] [--only aged|producing|compaction]
 */
import { fork } from 'node:child_process'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Measured, Part } from './settling-child.ts'
import { formatNumber, formatTable } from './table.ts'

const USAGE = `npm run bench:settling -- --before CHECKOUT [options]

  --before CHECKOUT     the checkout of a build from before logs settled, with its node_modules
  --only PART           aged: a log of small commits, read before and after it has settled, and after retention
                        producing: what comes in while all of it is rolled and merged
                        compaction: what compacting and verifying many keys takes of memory, beside traffic
  --partitions 10, --commits 2000, --commit-bytes 5120
                        of aged: how many, how many in each, how large
  --rounds 3            how often the parts of before and now take turns; medians are shown
  --seconds 20          of producing: how long, each time
  --keys 1000000        of compaction: each is written twice
  --directory PATH      where stores are made, and removed again (.bench/settling)
  --json FILE           all that was measured, in seconds, bytes and MB`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    before: { type: 'string' },
    partitions: { type: 'string', default: '10' },
    commits: { type: 'string', default: '2000' },
    'commit-bytes': { type: 'string', default: '5120' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    keys: { type: 'string', default: '1000000' },
    directory: { type: 'string', default: '.bench/settling' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
if (values.before === undefined) {
  console.error(`--before names the checkout of a build before logs settled\n\n${USAGE}`)
  process.exit(2)
}
const NOW = resolve(import.meta.dirname, '..')
const BEFORE = resolve(values.before)
const directory = resolve(values.directory)
const [partitions, commits, commitBytes, seconds, rounds] = [
  values.partitions,
  values.commits,
  values['commit-bytes'],
  values.seconds,
  values.rounds,
].map(Number) as [number, number, number, number, number]

/** What is due as commits come in: 512 of them. Here they come all at once, and none is too young. */
const ROLLING = { rollBytes: 512 * commitBytes, rollYoungMs: 0, advanceMs: 0, roundMs: 0 }
/** All in a minute what else takes days. */
const AT_ONCE = { ...ROLLING, graceMs: 0, resweepMs: 0 }
/** Rolls and merges follow one another all the while. */
const EAGER = { rollBytes: 4 * 1024 ** 2, rollYoungMs: 500, segmentBytes: 64 * 1024 ** 2 }

await rm(directory, { recursive: true, force: true })
await mkdir(directory, { recursive: true })
const results: object[] = []
if (values.only === undefined || values.only === 'aged') results.push(await aged())
if (values.only === undefined || values.only === 'producing') results.push(await producing())
if (values.only === undefined || values.only === 'compaction') results.push(await compaction())
await rm(directory, { recursive: true })
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`)

/** A log of small commits: read as it came, and once it has settled; and what is left of it when nine tenths have expired. */
async function aged(): Promise<object> {
  const old = join(directory, 'before')
  const settled = join(directory, 'now')
  note(`filling: ${partitions} × ${commits} commits of ${commitBytes} bytes`)
  const filling = { partitions, commits, commitBytes, oldShare: 0.9 }
  const filled = await inChild({ kind: 'fill', checkout: BEFORE, directory: old, ...filling })
  await cp(old, settled, { recursive: true })
  note('settling')
  const settling = await inChild({ kind: 'settle', checkout: NOW, directory: settled, settling: ROLLING })
  const scans = { before: [] as Measured[], now: [] as Measured[] }
  for (let round = 0; round < rounds; round++) {
    note(`scanning, ${round + 1} of ${rounds}`)
    scans.before.push(await inChild({ kind: 'scan', checkout: BEFORE, directory: old }))
    scans.now.push(await inChild({ kind: 'scan', checkout: NOW, directory: settled }))
  }
  for (const { records } of [...scans.before, ...scans.now]) {
    if (records !== filled.records) throw new Error(`${records} of ${filled.records} records were found`)
  }
  note('retention')
  const retained = await inChild({ kind: 'retain', checkout: NOW, directory: settled, settling: AT_ONCE })
  const whole = {
    ...retained,
    bytesWritten: filled.bytesWritten + settling.bytesWritten + retained.bytesWritten,
  }
  const rows = [
    row('requests for a full scan', scans.before, scans.now, ({ requests }) => requests),
    row('seconds for a full scan', scans.before, scans.now, scan => scan.seconds),
    row('bytes once nine tenths have expired', [filled], [retained], measured => measured.bytesOnDisk),
    row('bytes written over its life', [filled], [whole], measured => measured.bytesWritten),
  ]
  console.log(formatTable(rows))
  const { seconds: took, grownMegabytes } = settling
  console.log(
    `\n${formatNumber(filled.bytesWritten / 1e6, 1)} MB settled in ${formatNumber(took, 1)} s; the process grew by ` +
      `${formatNumber(grownMegabytes)} MB. Of ${formatNumber(filled.records)} records ${formatNumber(retained.records)} were left.\n`,
  )
  return { filled, settling, scans, retained }
}

/** What comes in while all of it is rolled and merged. */
async function producing(): Promise<object> {
  const produced = { before: [] as Measured[], now: [] as Measured[] }
  for (let round = 0; round < rounds; round++) {
    note(`producing, ${round + 1} of ${rounds}`)
    // In turns, and in both orders.
    const order = round % 2 === 0 ? (['before', 'now'] as const) : (['now', 'before'] as const)
    for (const name of order) {
      const store = join(directory, 'produce')
      await rm(store, { recursive: true, force: true })
      const checkout = name === 'now' ? NOW : BEFORE
      const eager = name === 'now' ? { settling: EAGER } : {}
      const part = { kind: 'produce' as const, checkout, directory: store, seconds, partitions: 4, ...eager }
      produced[name].push(await inChild(part))
    }
  }
  const rows = [
    row(
      'records produced a second',
      produced.before,
      produced.now,
      ({ records, seconds: took }) => records / took,
    ),
    row(
      'processor ms for a thousand',
      produced.before,
      produced.now,
      ({ cpuSeconds, records }) => (cpuSeconds / records) * 1e6,
    ),
    row(
      'MB by which the process grew',
      produced.before,
      produced.now,
      ({ grownMegabytes }) => grownMegabytes,
    ),
    row(
      'bytes written a record',
      produced.before,
      produced.now,
      ({ bytesWritten, records }) => bytesWritten / records,
    ),
  ]
  console.log(formatTable(rows))
  return { produced }
}

/** What compacting and verifying a log of many keys takes. There is nothing of before to compare with. */
async function compaction(): Promise<object> {
  const store = join(directory, 'compaction')
  const keys = Number(values.keys)
  note(`filling: ${keys} keys`)
  const filled = await inChild({ kind: 'fill keys', checkout: NOW, directory: store, keys, versions: 2 })
  const rows: Record<string, string>[] = []
  const add = (name: string, { seconds: took, grownMegabytes, peakMegabytes, bytesOnDisk }: Measured) =>
    rows.push({
      '': name,
      seconds: formatNumber(took, 1),
      'MB grown': formatNumber(grownMegabytes),
      'MB at most': formatNumber(peakMegabytes),
      'MB on disk': formatNumber(bytesOnDisk / 1e6),
    })
  add('producing', filled)
  note('compacting')
  const compacted = await inChild({ kind: 'compact', checkout: NOW, directory: store })
  add('rolling and compacting', compacted)
  const verified = await inChild({ kind: 'verify', checkout: NOW, directory: store })
  add('verifying, deep', verified)
  // All this is done beside traffic, for which a process takes more memory as it goes on, whatever else it does.
  const alone = await inChild({ kind: 'wait', checkout: NOW, directory: store, seconds: compacted.seconds })
  add('as long, traffic alone', alone)
  console.log(formatTable(rows))
  console.log(
    `\n${formatNumber(filled.records)} records of ${formatNumber(keys)} keys; ${formatNumber(verified.records)} were left. ` +
      `Above traffic alone, at the most: compaction ${formatNumber(above(compacted, alone))} MB, ` +
      `verifying ${formatNumber(above(verified, alone))} MB.\n`,
  )
  return { filled, compacted, alone, verified }
}

/** By how much a process was larger than one that did nothing but serve the same traffic for as long. */
function above({ peakMegabytes }: Measured, alone: Measured): number {
  return peakMegabytes - alone.peakMegabytes
}

function row(
  name: string,
  before: readonly Measured[],
  now: readonly Measured[],
  of: (measured: Measured) => number,
): Record<string, string> {
  const [was, is] = [median(before.map(of)), median(now.map(of))]
  return {
    '': name,
    before: formatNumber(was, 1),
    now: formatNumber(is, 1),
    ratio: formatNumber(is / was, 3),
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1]!
}

/** In a process of its own, so that peaks are that part's. */
async function inChild(part: Part): Promise<Measured> {
  const child = fork(join(import.meta.dirname, 'settling-child.ts'), [JSON.stringify(part)])
  try {
    return await new Promise<Measured>((done, failed) => {
      child.once('message', done)
      child.once('error', failed)
      child.once('exit', code => failed(new Error(`${part.kind} ended with status ${code}`)))
    })
  } finally {
    child.kill()
  }
}

function note(text: string): void {
  console.error(text)
}
