import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FUNCTION_NAMES } from '../../functions/bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
const app = mkdtempSync(join(tmpdir(), 'tidemark-package-'))
const installed = join(app, 'node_modules/tidemark')

/** The package as npm would install it into an app that has CDK and nothing else of ours: no esbuild, no sources. */
beforeAll(() => {
  mkdirSync(installed, { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'))
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const built = join(installed, 'dist/cdk')
  execFileSync(tsc, ['-p', join(ROOT, 'tsconfig.build-cdk.json'), '--outDir', built])
  execFileSync(process.execPath, [join(ROOT, 'functions/build.ts'), join(built, 'functions')])
  for (const name of ['aws-cdk-lib', 'constructs', '@types']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(app, 'node_modules', name))
  }
}, 300_000)
afterAll(() => rmSync(app, { recursive: true, force: true }))

const SOURCE = `
import { App, Duration, Stack } from 'aws-cdk-lib'
import { Code, Function as LambdaFunction, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { TidemarkBroker, TidemarkEventSource, Topic, TopicDestination } from 'tidemark/cdk'

class Orders extends Stack {
  constructor(app: App) {
    super(app, 'Orders')
    const broker = new TidemarkBroker(this, 'Broker')
    const orders = new Topic(this, 'Orders', { partitions: 8, retention: Duration.days(7) })
    const handler = new LambdaFunction(this, 'Handler', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {}'),
    })
    const onFailure = new TopicDestination(new Topic(this, 'Failed'))
    const startingPosition = StartingPosition.TRIM_HORIZON
    broker.grantOutbox(handler)
    handler.addEventSource(new TidemarkEventSource(orders, { startingPosition, onFailure }))
  }
}

const app = new App({ outdir: 'cdk.out' })
new Orders(app)
app.synth()
`

test("an app imports the constructs from 'tidemark/cdk' and deploys the bundles of the package", () => {
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(app, 'app.ts'), SOURCE)
  execFileSync(process.execPath, ['app.ts'], { cwd: app })
  const { Resources } = JSON.parse(readFileSync(join(app, 'cdk.out/Orders.template.json'), 'utf8')) as {
    Resources: Record<string, { Type: string; Metadata?: Record<string, string> }>
  }
  const of = (type: string) => Object.values(Resources).filter(each => each.Type === type)
  expect(of('Custom::TidemarkTopic')).toHaveLength(2)
  expect(of('Custom::TidemarkTrigger')).toHaveLength(1)
  // And its own.
  expect(of('AWS::Lambda::Function')).toHaveLength(FUNCTION_NAMES.length + 1)
  const { files } = JSON.parse(readFileSync(join(app, 'cdk.out/Orders.assets.json'), 'utf8')) as {
    files: Record<string, { source: { path: string; packaging: string } }>
  }
  const bundles = Object.values(files).filter(({ source }) => source.packaging === 'zip')
  expect(bundles).toHaveLength(FUNCTION_NAMES.length)
  for (const { source } of bundles) {
    expect(existsSync(join(app, 'cdk.out', source.path, 'index.mjs'))).toBe(true)
  }
}, 300_000)

test('its types are complete', () => {
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024']
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [...options, '--types', 'node', 'app.ts'], { cwd: app })
}, 300_000)
