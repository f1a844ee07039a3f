import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../../..')
export const PAGES = [
  'README.md',
  'localstack/README.md',
  ...globSync(['docs/*.md', 'examples/*/README.md'], { cwd: ROOT }),
].sort()

/** A fenced block of a page. */
export interface Block {
  page: string
  /** `page: first line`, by which the table of what is not run names it. */
  name: string
  language: string
  text: string
  /** Whether a mark says that it is quoted from an example, which another test holds. */
  isQuoted: boolean
}

export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^(<!-- from examples -->\n)?```(\w*)\n(.*?)^```$/gms)].map(
    ([, mark, language = '', body = '']) => ({
      page,
      name: `${page}: ${body.split('\n')[0]!.trim()}`,
      language,
      text: body,
      isQuoted: mark !== undefined,
    }),
  )
}

const DEPLOYS = 'it deploys to an account; test/e2e/deployed.aws.test.ts does so on an emulator'
const TRIGGERS =
  'a trigger is deployed first; test/cli/trigger.test.ts and test/contract/http/triggers.test.ts run these'
const LONG = 'it runs for minutes, as long as it is let'
const DRAWN = 'it is a drawing'
const SERVES =
  'it serves until Ctrl-C; test/embedded/gateway.test.ts and test/cli/gateway-user.test.ts run these'

/** Why a block is not run, and who runs what it says. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  'docs/operations.md: livenessProbe: { httpGet: { path: /health/live, port: 8082 } }':
    'it is for Kubernetes; test/contract/http/routes.test.ts asks these routes',
  'README.md: npm ci && npm run demo': 'it installs; the demo is run by the test below',
  'README.md: npm ci && npm test': 'it would run this test',
  'README.md: node_modules/.bin/node src/cli/tidemark.js dev > /tmp/tidemark-dev.log & BROKER=$!':
    'it kills its broker under 20 million records; test/e2e/kill-dev.test.ts does so under fewer',
  'README.md: npx tidemark delete-records numbers --partition 0 --before 1000':
    'it tidies up behind the block that is not run',
  "README.md: printf 'spring\\nneap\\n' | kcat -b localhost:9092 -t tides -P":
    'it needs kcat; test/kafka-clients runs it against a gateway',
  'README.md: npx cdk bootstrap                                 # once for each account and region': DEPLOYS,
  "README.md: printf 'ebb\\nflow\\n' | npx tidemark --outputs outputs.json produce tides": DEPLOYS,
  'docs/architecture.md: flowchart TB': DRAWN,
  'docs/architecture.md: flowchart LR': DRAWN,
  'docs/architecture.md: startOffset      mergedOffset   settledOffset     tailOffset             nextOffset':
    DRAWN,
  'docs/architecture.md: npm run test:simulation -- --seeds 100000 --from 1 --actors topics,writers': LONG,
  'docs/deploy.md: npm ci': DEPLOYS,
  'docs/deploy.md: npx tidemark --outputs outputs.json topic create tides --partitions 4': DEPLOYS,
  'docs/deploy.md: eval "$(aws configure export-credentials --format env)"': DEPLOYS,
  'docs/deploy.md: npx tidemark --aws --outputs outputs.json verify': DEPLOYS,
  'docs/deploy.md: npx cdk destroy': DEPLOYS,
  'docs/gateway.md: tidemark dev                                         # a broker on a directory: HTTP, and Kafka on 127.0.0.1:9092':
    SERVES,
  "docs/gateway.md: printf 'ebb and flow\\n' | tidemark gateway-user set alice --users users.json": SERVES,
  'docs/gateway.md: { "version": 1, "users": { "alice": {':
    'its keys are left out; test/gateway/server/users.test.ts holds the form',
  'docs/gateway.md: 10.1.2.3:51234: Fetch v16 of "billing": topics.partitions, at byte 61: 4 bytes are needed, and 2 are left; the connection is closed':
    'it is a line of a log; test/gateway/server/connection.test.ts holds its form',
  'docs/groups.md: tidemark trigger list': TRIGGERS,
  'docs/groups.md: npm run test:groups -- --seconds 120               # on a broker on a directory': LONG,
  'docs/http.md: curl -s -X POST localhost:8082/groups/billing/triggers/tides/pause': TRIGGERS,
  'docs/http.md: {"groupId":"billing","topic":"tides","triggerId":"5b1c…","target":"arn:aws:lambda:…","state":"paused","hasTopic":true,':
    TRIGGERS,
  'examples/outbox/README.md: npx cdk deploy --outputs-file outputs.json': DEPLOYS,
  'docs/storage-layout.md: .tidemark/': DRAWN,
  'docs/triggers.md: tidemark trigger list': TRIGGERS,
  'docs/waking.md: { "listener": "<ticket>", "partitions": [{ "partition": 3, "offset": 17, "arm": true }] }':
    'its ticket is left out; test/embedded/waking.test.ts sends such requests',
  'docs/waking.md: const waking = openListeners(embedded)':
    'what stands around it is left out; test/embedded/waking.test.ts serves so',
  'examples/trigger/README.md: npx cdk deploy --outputs-file outputs.json': DEPLOYS,
  "examples/trigger/README.md: printf '%s\\n' 'ada\t{\"amount\":3}' 'bob\t{\"amout\":4}' 'ada\t{\"amount\":5}' |":
    DEPLOYS,
  'examples/trigger/README.md: npx tidemark group describe order-handler --aws --outputs outputs.json':
    DEPLOYS,
  'examples/trigger/README.md: TIDEMARK_EMULATOR=ministack npm run emulator:start --prefix ../..': DEPLOYS,
  'localstack/README.md: npm run emulator:start     # LocalStack where there is Docker, MiniStack elsewhere; on 127.0.0.1:4566':
    DEPLOYS,
  'localstack/README.md: export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test':
    DEPLOYS,
}
