import type { KafkaClient } from './client.ts'
import { COMMANDS } from './installed.ts'
import { KcatClient } from './kcat.ts'
import { ProgramClient, type ProgramTraits } from './program.ts'

/** All clients, by name; each is installed and started when it is asked for. */
export const CLIENTS: Readonly<Record<string, (bootstrap: string) => Promise<KafkaClient>>> = {
  kcat: async bootstrap => await KcatClient.start(bootstrap),
  'confluent-kafka': inProgram('confluent', { name: 'confluent-kafka' }),
  'kafka-python': inProgram('kafkaPython', {
    name: 'kafka-python',
    lacks: ['consumer-protocol', 'null-headers'],
  }),
  kafkajs: inProgram('kafkajs', {
    name: 'kafkajs',
    lacks: ['consumer-protocol', 'null-headers'],
    groupsHeaders: true,
  }),
  '@platformatic/kafka': inProgram('platformatic', { name: '@platformatic/kafka' }),
  java: inProgram('java', { name: 'java' }),
  'franz-go': inProgram('franz', { name: 'franz-go' }),
}

function inProgram(program: keyof typeof COMMANDS, traits: ProgramTraits) {
  return async (bootstrap: string) => {
    const { command, args } = await COMMANDS[program]()
    return new ProgramClient(traits, { command, args: [...args, bootstrap] })
  }
}
