import { isDeepStrictEqual, parseArgs } from 'node:util'
import { openInMemory } from '../../src/embedded/embedded.ts'
import { startGateway } from '../../src/embedded/gateway.ts'
import { DescribeGroups } from '../../src/gateway/wire/messages/describe-groups.ts'
import { FindCoordinator } from '../../src/gateway/wire/messages/find-coordinator.ts'
import { cluster } from './answers/cluster.ts'
import { DIFFERENCES } from './answers/differences.ts'
import { classic, consumers } from './answers/groups.ts'
import { records } from './answers/records.ts'
import { play, type Scene } from './answers/scene.ts'
import { settled } from './answers/settled.ts'
import { topics } from './answers/topics.ts'
import { transactions } from './answers/transactions.ts'
import { KafkaProcess } from './kafka-process.ts'
import { WireClient } from './wire-client.ts'

/**
 * Asks Apache Kafka and the gateway the same over the wire, and compares what they answer. Differences that are meant stand
 * in answers/differences.ts with their reasons; any other, and any that there is not, is a failure.
 *
 * node test/kafka/compare-answers.ts [--kafka HOST:PORT of one that runs] [--scene NAME]
 */
const SCENES: Readonly<Record<string, Scene>> = { topics, records, cluster, classic, consumers, transactions }

const { values } = parseArgs({ options: { kafka: { type: 'string' }, scene: { type: 'string' } } })
const server = values.kafka === undefined ? await KafkaProcess.start() : undefined
const [host = '', port = ''] = (values.kafka ?? server!.bootstrap).split(':')
const embedded = openInMemory()
const gateway = await startGateway(embedded, { port: 0 })
const prefix = `c${Date.now()}-`
let failures = 0
await untilCoordinated(host, Number(port))
try {
  for (const [name, scene] of Object.entries(SCENES)) {
    if (values.scene !== undefined && values.scene !== name) continue
    const theirs = await play(scene, { host, port: Number(port) }, prefix)
    const ours = await play(scene, { host: '127.0.0.1', port: gateway.port }, prefix)
    for (const [label, answer] of theirs) compare(`${name}: ${label}`, answer, ours.get(label))
    console.log(`${name}: ${theirs.size} answers`)
  }
} finally {
  await gateway.close()
  await embedded.close()
  await server?.stop()
}
console.log(failures === 0 ? 'no difference that is not known' : `${failures} differences`)
process.exitCode = failures === 0 ? 0 : 1

/** Kafka makes its topic of offsets when somebody asks for a coordinator for the first time, and then loads it. */
async function untilCoordinated(host: string, port: number): Promise<void> {
  const client = await WireClient.connect(host, port)
  const groups = ['g', 'k', 'n', 'r', 's', 'k-static'].map(name => `${prefix}${name}`)
  for (;;) {
    await client.ask(FindCoordinator, 3, { key: groups[0]!, keyType: 0, coordinatorKeys: [] })
    const described = await client.ask(DescribeGroups, 5, { groups, includeAuthorizedOperations: false })
    if (described?.groups.every(({ errorCode }) => errorCode === 0)) break
    await settled()
  }
  client.close()
}

function compare(label: string, theirs: unknown, ours: unknown): void {
  const isSame = isDeepStrictEqual(theirs, ours)
  const isMeant = DIFFERENCES.some(({ of }) => of.test(label))
  if (isSame === !isMeant) return
  failures += 1
  if (isSame) console.log(`${label}: there is no difference any more`)
  else console.log(`${label}\n  Kafka ${JSON.stringify(theirs)}\n  ours  ${JSON.stringify(ours)}`)
}
