import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CASES, type Case, DIFFERENCES, dependsOnNames } from './cases.ts'
import { type Answer, answerOf, signOf, type Table } from './ours.ts'
import { randomCases } from './random-cases.ts'

/**
 * Holds our filters against AWS's event-ruler. Run by hand, with Java 11 or later and a network:
 *
 *   node test/core/trigger/oracle/compare.ts                     the table, and 20,000 random pairs
 *   node test/core/trigger/oracle/compare.ts --random 200000 --seed 7
 *   node test/core/trigger/oracle/compare.ts --write             its answers go into answers.json, which a test reads
 */
const CENTRAL = 'https://repo1.maven.org/maven2'
const JARS: readonly [path: string, sha256: string][] = [
  [
    'software/amazon/event/ruler/event-ruler/2.1.0/event-ruler-2.1.0',
    '0de916a30048f996f129d05eb3dc6871c89a462f1377c876fd2d34f2e04152fe',
  ],
  [
    'ch/randelshofer/fastdoubleparser/2.0.1/fastdoubleparser-2.0.1',
    '4242e2335299026524d331355a6cd75abdc38c8fed4402f25b5c7ce9d7668cc1',
  ],
  [
    'com/fasterxml/jackson/core/jackson-annotations/2.22/jackson-annotations-2.22',
    '21ddb598807d3a51a876704eb979d9296e1c6a6f47ab1826ff88c6d6a127a2d0',
  ],
  [
    'com/fasterxml/jackson/core/jackson-core/2.22.2/jackson-core-2.22.2',
    'ff167a6317be15895706c26668f45b898efe40ab8780970658210fe1393d52a6',
  ],
  [
    'com/fasterxml/jackson/core/jackson-databind/2.22.2/jackson-databind-2.22.2',
    'd0da14c12b16b5d54719aa172d83b542ff4abeb8b0fb7db476fde8ceece760ca',
  ],
]

const { values } = parseArgs({
  options: {
    random: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    write: { type: 'boolean', default: false },
  },
})

const differences = DIFFERENCES.flatMap(({ cases }) => cases)
let ofDifferences: Answer[] = []
const folder = mkdtempSync(join(tmpdir(), 'event-ruler-'))
try {
  await Promise.all(JARS.map(([path, sha256]) => download(path, sha256)))
  const random = randomCases(Number(values.random), Number(values.seed))
  const theirs = ask([...CASES, ...differences, ...random])
  const ofTable = theirs.slice(0, CASES.length)
  ofDifferences = theirs.slice(CASES.length, CASES.length + differences.length)
  const ofRandom = theirs.slice(CASES.length + differences.length)
  const wrong = [...disagreeing(CASES, ofTable), ...disagreeing(random, ofRandom).filter(isNoKnownDifference)]
  for (const [pattern, event, their, our] of wrong.slice(0, 50)) {
    console.log(`${pattern}  ${event}  event-ruler: ${their}, ours: ${our}`)
  }
  console.log(
    `${CASES.length} of the table and ${random.length} at random (--seed ${values.seed}): ${wrong.length} differ`,
  )
  if (values.write) {
    write('answers.json', tableOf(CASES, ofTable))
    const told = DIFFERENCES.map(({ reason, cases }) => ({
      reason,
      cases: cases.map(each => [...each, ...bothOf(each)]),
    }))
    write('differences.json', told)
  }
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true })
}

async function download(path: string, sha256: string): Promise<void> {
  const bytes = await (await fetch(`${CENTRAL}/${path}.jar`)).bytes()
  const hash = createHash('sha256').update(bytes).digest('hex')
  if (hash !== sha256) throw new Error(`${path} has the SHA-256 ${hash}, and not ${sha256}`)
  writeFileSync(join(folder, `${path.split('/').at(-1)}.jar`), bytes)
}

function ask(cases: readonly Case[]): Answer[] {
  const program = join(import.meta.dirname, 'Oracle.java')
  const input = cases.map(([pattern, event]) => `${JSON.stringify({ pattern, event })}\n`).join('')
  const { status, stdout, stderr } = spawnSync('java', ['-Xmx512m', '-cp', join(folder, '*'), program], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  const lines = stdout.trimEnd().split('\n')
  if (status !== 0 || lines.length !== cases.length)
    throw new Error(`java ended with ${status}: ${stderr.slice(0, 2_000)}`)
  return lines.map(line => (line.startsWith('refused') ? 'refused' : line === 'true'))
}

function disagreeing(cases: readonly Case[], theirs: readonly Answer[]): [...Case, Answer, Answer][] {
  return cases.flatMap(([pattern, event], index) => {
    const our = answerOf(pattern, event)
    return our === theirs[index] ? [] : [[pattern, event, theirs[index]!, our]]
  })
}

/** What event-ruler answers to a case of a difference, and what we do. */
function bothOf([pattern, event]: Case): [theirs: Answer, ours: Answer] {
  const index = differences.findIndex(each => each[0] === pattern && each[1] === event)
  return [ofDifferences[index]!, answerOf(pattern, event)]
}

/** Of what is random: see DIFFERENCES. */
function isNoKnownDifference([pattern, event, , our]: [...Case, Answer, Answer]): boolean {
  const hasEmptyList = /"anything-but":\{"[a-z-]+":\[\]/.test(pattern)
  return (
    !(our === 'refused' && (hasEmptyList || pattern.includes('"$or"'))) && !dependsOnNames(pattern, event)
  )
}

/** Patterns that are asked with the same events share a list of them. */
function tableOf(cases: readonly Case[], answers: readonly Answer[]): Table {
  const rows = Map.groupBy(
    cases.map(([pattern, event], index) => ({ pattern, event, answer: answers[index]! })),
    ({ pattern }) => pattern,
  )
  const tables = Map.groupBy(rows, ([, row]) => JSON.stringify(row.map(({ event }) => event)))
  return [...tables].map(([events, patterns]) => ({
    events: JSON.parse(events),
    answers: Object.fromEntries(
      patterns.map(([pattern, row]) => [pattern, row.map(({ answer }) => signOf(answer)).join('')]),
    ),
  }))
}

function write(name: string, content: unknown): void {
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(content, null, 2)}\n`)
}
