import { type DescribedConfig, SOURCE, TYPE } from './config-resources.ts'
import type { GatewaySettings } from './context.ts'
import { brokerDefaults } from './topic-configs.ts'

type Value = readonly [name: string, value: string, type: number]

/** What a broker of Kafka's would say of itself, as far as it means something here. None of it can be altered. */
export function describeBrokerConfigs({
  nodeId,
  advertised,
  autoCreate,
}: GatewaySettings): DescribedConfig[] {
  const listener = `PLAINTEXT://${advertised.host}:${advertised.port}`
  const own: Value[] = [
    ['node.id', String(nodeId), TYPE.int],
    ['broker.id', String(nodeId), TYPE.int],
    ['process.roles', 'broker,controller', TYPE.list],
    ['listeners', listener, TYPE.list],
    ['advertised.listeners', listener, TYPE.list],
    ['log.dirs', LOG_DIR, TYPE.list],
    ['auto.create.topics.enable', String(autoCreate !== undefined), TYPE.boolean],
    ['num.partitions', String(autoCreate?.partitions ?? 1), TYPE.int],
  ]
  const described = (source: number) => (value: Value) => describe(value, source)
  const defaults = brokerDefaults().map(({ name, value, type }): Value => [name, value, type])
  return [
    ...own.map(described(SOURCE.staticBroker)),
    ...[...FIXED, ...defaults].map(described(SOURCE.default)),
  ]
}

/** What a store is called where Kafka names a folder. */
export const LOG_DIR = '/tidemark'

const FIXED: readonly Value[] = [
  ['default.replication.factor', '1', TYPE.int],
  ['delete.topic.enable', 'true', TYPE.boolean],
  ['group.coordinator.rebalance.protocols', 'classic,consumer', TYPE.list],
  ['min.insync.replicas', '1', TYPE.int],
  ['offsets.topic.replication.factor', '1', TYPE.int],
  ['transaction.state.log.replication.factor', '1', TYPE.int],
  ['transaction.state.log.min.isr', '1', TYPE.int],
  ['unclean.leader.election.enable', 'false', TYPE.boolean],
]

function describe([name, value, configType]: Value, configSource: number): DescribedConfig {
  return {
    name,
    value,
    readOnly: true,
    configSource,
    isSensitive: false,
    synonyms: [{ name, value, source: configSource }],
    configType,
    documentation: null,
  }
}
