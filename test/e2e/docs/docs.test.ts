/** What the pages show is run as it stands there: commands, requests with their answers, and programs. */
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ProblemAnswer } from '../../../src/contract/http/schemas/problem.ts'
import { startDev } from '../../cli/tidemark-process.ts'
import { type Block, blocksOf, NOT_RUN, PAGES, ROOT } from './blocks.ts'

const run = promisify(execFile)
const BLOCKS = PAGES.flatMap(blocksOf)
const isRun = ({ name }: Block) => NOT_RUN[name] === undefined
const pageBlocks = (page: string, ...languages: string[]) =>
  blocksOf(page).filter(block => isRun(block) && !block.isQuoted && languages.includes(block.language))

/** What ends only by Ctrl-C gets one, while the others of its block run. */
const ENDLESS = /^(npx )?tidemark (dev\b|.*--watch|consume (?!.*--exit-at-end))/
const ENDLESS_S = 8

test('every block is run, quoted from an example, or has a reason why it is not', () => {
  const languages = new Set(
    BLOCKS.filter(block => isRun(block) && !block.isQuoted).map(({ language }) => language),
  )
  expect([...languages].toSorted()).toEqual(['json', 'sh', 'ts'])
  const names = BLOCKS.map(({ name }) => name)
  expect(Object.keys(NOT_RUN).filter(name => !names.includes(name))).toEqual([])
})

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-docs-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A folder as somebody has it who reads: a broker that runs, commands by their names, a README to send. */
async function openSession() {
  const folder = temporaryFolder()
  const dev = await startDev(join(folder, '.tidemark'))
  onTestFinished(async () => void (await dev.end('SIGTERM')))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const start = `exec '${process.execPath}' '${join(ROOT, 'src/cli/tidemark.js')}' "$@"\n`
  for (const [name, script] of [
    ['tidemark', start],
    ['npx', `[ "$1" = tidemark ] || exit 127; shift; ${start}`],
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/bash\n${script}`)
    chmodSync(join(bin, name), 0o755)
  }
  cpSync(join(ROOT, 'README.md'), join(folder, 'README.md'))
  const { TIDEMARK_TOKEN: _, ...environment } = process.env
  return async ({ text }: Block) => {
    // What one block sets the next one may use, as in one terminal.
    const begin = ['set -eao pipefail', '[ ! -f .session ] || source .session']
    const script = [...begin, ...asScript(text, new URL(dev.url).host), 'export -p > .session'].join('\n')
    return run('bash', ['-c', script], {
      cwd: folder,
      env: { ...environment, PATH: `${bin}:${process.env.PATH}`, TIDEMARK_BROKER: dev.url },
      timeout: 120_000,
    })
  }
}

function asScript(text: string, host: string): string[] {
  // timeout answers 124 where it had to end something, and that is how these end.
  const waiting = 'for PID in $(jobs -p); do wait $PID || [ $? = 124 ]; done'
  const script = text
    .replaceAll('localhost:8082', host)
    .split('\n')
    .map(line => {
      // The broker of the session runs already.
      if (/^(npx )?tidemark dev$/.test(line)) return ''
      // Who consumes in a group stops before that is reset, or deleted.
      if (/tidemark group (reset|delete)/.test(line)) return `${waiting}\n${line}`
      if (!ENDLESS.test(line)) return line
      const command = line.replace(/ # .*/, '')
      // What dev starts shares nothing with what runs already.
      const own = / dev\b/.test(line) ? ' --dir elsewhere --http 127.0.0.1:0' : ''
      return `timeout -s INT ${ENDLESS_S} ${command}${own} &`
    })
  return [...script, waiting]
}

describe.each(['README.md', 'docs/groups.md', 'docs/operations.md', 'docs/triggers.md'])(
  'the commands of %s',
  page => {
    test('run, one block after the other', { timeout: 400_000 }, async () => {
      const session = await openSession()
      if (page === 'docs/groups.md') await session({ text: prelude('tides', 'tides-north') } as Block)
      if (page === 'docs/triggers.md')
        await session({ text: "echo 'export const handler = async () => {}' > handler.ts" } as Block)
      for (const block of pageBlocks(page, 'sh')) {
        const { stderr } = await session(block).catch(error => {
          throw new Error(`${block.name}\n${error.message}\n${error.stdout}`)
        })
        expect(stderr, block.name).not.toMatch(/unexpected failure|^tidemark: /m)
      }
    })
  },
)

function prelude(...topics: string[]): string {
  return topics
    .map(topic => `tidemark topic create ${topic} --partitions 4 && echo ebb | tidemark produce ${topic}`)
    .join('\n')
}

test('the requests of docs/http.md are answered as it says', { timeout: 200_000 }, async () => {
  const session = await openSession()
  let answers: string[] = []
  // Each run has generations of its own: what is sent is what was answered.
  const learned = new Map<string, string>()
  const generationIn = (text: string) => /"generation":(\d+)/.exec(text)?.[1]
  for (const block of pageBlocks('docs/http.md', 'sh', 'json')) {
    if (block.language === 'sh') {
      const text = [...learned].reduce((sent, [shown, given]) => sent.replaceAll(shown, given), block.text)
      const { stdout } = await session({ ...block, text })
      answers = stdout.split(/\r?\n(?=\{)/).map(answer => answer.trim())
      continue
    }
    const shown = parseShown(block.text)
    if ('kafkaError' in shown) {
      expect(ProblemAnswer.safeParse(shown).success).toBe(true)
      continue
    }
    const answered = JSON.parse(answers.at(-1)!)
    const [generation, given] = [generationIn(block.text), generationIn(answers.at(-1)!)]
    if (generation !== undefined && given !== undefined) learned.set(generation, given)
    // Some thousand records more would be there.
    if ('ranges' in shown) expect(Object.keys(answered)).toEqual(Object.keys(shown))
    else expect(answered, block.name).toMatchObject(shown)
  }
})

/** An answer as a page shows it, with what differs each time left open. */
function parseShown(text: string): Record<string, unknown> {
  const json: unknown = JSON.parse(text.replaceAll(', …]', ']'), (name, value: unknown) => {
    if (['timestampMs', 'expiresMs', 'generation'].includes(name)) return expect.any(Number)
    if (typeof value === 'string' && value.includes('…')) return expect.any(String)
    // A list of which one is shown has more.
    return name === 'assigned' && Array.isArray(value) ? expect.arrayContaining(value) : value
  })
  return json as Record<string, unknown>
}

test('what else is shown as JSON is JSON', () => {
  const others = BLOCKS.filter(
    block => isRun(block) && block.language === 'json' && block.page !== 'docs/http.md',
  )
  expect(others.length).toBeGreaterThan(2)
  for (const { text } of others) JSON.parse(text)
})

/** What a part of a program takes from around it. */
const AROUND: Readonly<Record<string, string>> = {
  'docs/deploy.md: handler.addEventSource(': `
    import { StartingPosition, type Function } from 'aws-cdk-lib/aws-lambda'
    import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
    import type { Queue } from 'aws-cdk-lib/aws-sqs'
    import { TidemarkEventSource, type Topic } from 'tidemark/cdk'
    declare const handler: Function, orders: Topic, failures: Queue`,
  "docs/deploy.md: const gateway = new TidemarkGateway(stack, 'Gateway', { broker, vpc, users })": `
    import { CfnOutput, type Stack } from 'aws-cdk-lib'
    import type { IConnectable, IVpc } from 'aws-cdk-lib/aws-ec2'
    import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
    import { type TidemarkBroker, TidemarkGateway } from 'tidemark/cdk'
    declare const stack: Stack, broker: TidemarkBroker, vpc: IVpc, users: ISecret, application: IConnectable`,
  "docs/deploy.md: new TidemarkGatewayLayer(stack, 'KafkaAtLocalhost', { broker }).addTo(handler)": `
    import type { Stack } from 'aws-cdk-lib'
    import type { Function } from 'aws-cdk-lib/aws-lambda'
    import { type TidemarkBroker, TidemarkGatewayLayer } from 'tidemark/cdk'
    declare const stack: Stack, broker: TidemarkBroker, handler: Function`,
  "docs/deploy.md: import { HttpBroker } from 'tidemark/client'": 'declare const url: string',
  "docs/deploy.md: import { openAws } from 'tidemark/aws'": 'declare const table: string, bucket: string',
  'docs/permissions.md: broker.grantDirectProduce(writer, orders)            // orders: a Topic of this app, or { topicId }': `
    import type { IGrantable } from 'aws-cdk-lib/aws-iam'
    import type { TidemarkBroker, Topic } from 'tidemark/cdk'
    declare const broker: TidemarkBroker, orders: Topic, writer: IGrantable, reader: IGrantable`,
  'docs/permissions.md: broker.grantProduce(writer, orders)   // orders: a Topic, or a name': `
    import type { IGrantable } from 'aws-cdk-lib/aws-iam'
    import type { TidemarkBroker, Topic } from 'tidemark/cdk'
    declare const broker: TidemarkBroker, orders: Topic
    declare const writer: IGrantable, reader: IGrantable, operator: IGrantable, keeper: IGrantable`,
  "docs/outbox.md: import { TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'": `
    import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb'
    declare const client: DynamoDBClient, order: Record<string, AttributeValue>
    declare const tidemarkTable: string, ordersTopic: string`,
  'docs/outbox.md: broker.grantOutbox(placeOrder)                     // dynamodb:PutItem under outbox#, and nothing else': `
    import type { Function } from 'aws-cdk-lib/aws-lambda'
    import type { TidemarkBroker, Topic } from 'tidemark/cdk'
    declare const broker: TidemarkBroker, placeOrder: Function, orders: Topic`,
  'docs/outbox.md: const embedded = openInMemory()': `
    import { openInMemory, type Outbox, runOutboxes } from 'tidemark'
    declare const box: Outbox, orders: Map<string, object>, id: string, order: object`,
  "docs/triggers.md: filters: [FilterCriteria.filter({ value: { kind: ['order'], amount: [{ numeric: ['>=', 100] }] } })]":
    "import { FilterCriteria } from 'aws-cdk-lib/aws-lambda'",
}
test('the programs compile against the package', { timeout: 200_000 }, async () => {
  const folder = temporaryFolder()
  const programs = BLOCKS.filter(block => isRun(block) && block.language === 'ts' && !block.isQuoted)
  expect(Object.keys(AROUND).filter(name => programs.every(block => block.name !== name))).toEqual([])
  for (const [index, { name, page, text }] of programs.entries()) {
    const around =
      AROUND[
        page === 'docs/triggers.md' && text.startsWith('handler.')
          ? 'docs/deploy.md: handler.addEventSource('
          : name
      ]
    const body = text.startsWith('filters:') ? `export const settings = { ${text} }` : text
    writeFileSync(join(folder, `program-${index}.ts`), `// ${name}\n${around ?? ''}\n${body}\nexport {}\n`)
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const at = (file: string) => [join(ROOT, file)]
  const paths = {
    tidemark: at('src/index.ts'),
    'tidemark/client': at('src/client/index.ts'),
    'tidemark/aws': at('src/aws.ts'),
    'tidemark/cdk': at('infra/index.ts'),
  }
  const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: { paths }, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { stdout } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder]).catch(error => error)
  expect(stdout).toBe('')
})

test("the README's embedded program runs, and runs again; so does the demo", {
  timeout: 200_000,
}, async () => {
  const folder = temporaryFolder()
  const [program] = pageBlocks('README.md', 'ts')
  const file = join(folder, 'program.ts')
  writeFileSync(file, program!.text.replaceAll("'tidemark'", JSON.stringify(join(ROOT, 'src/index.ts'))))
  for (const records of [1, 2]) {
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder })
    expect([stderr, stdout]).toEqual(['', expect.stringMatching(new RegExp(`^${records - 1} `))])
  }
  const demo = await run(process.execPath, [join(ROOT, 'examples/demo.ts')], {
    env: { ...process.env, TMPDIR: folder },
  })
  expect(demo.stderr).toBe('')
})
