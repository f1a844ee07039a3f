/**
 * A consumer in a class of its own, with its types spelt out: it keeps what it reads, steps over what it cannot read, and
 * ends when it is told to. Written for KafkaJS: only the import is another.
 */
// import * as kafkajs from 'kafkajs'
import * as kafkajs from '../../src/client/kafkajs/index.ts'

interface Alarm {
  gauge: string
  text: string
  at: Date
}

class GaugeConsumer {
  readonly alarms: Alarm[] = []
  private readonly kafka: kafkajs.Kafka
  private readonly consumer: kafkajs.Consumer
  private readonly logger: kafkajs.Logger
  private wake: () => void = () => {}

  public constructor(config: kafkajs.KafkaConfig, options: kafkajs.ConsumerConfig) {
    this.kafka = new kafkajs.Kafka(config)
    this.logger = this.kafka.logger().namespace('gauges')
    this.consumer = this.kafka.consumer(options)
  }

  public async start(): Promise<void> {
    const topics: kafkajs.ConsumerSubscribeTopics = { topics: ['gauge-alarms'], fromBeginning: true }
    const run: kafkajs.ConsumerRunConfig = { eachMessage: payload => this.keep(payload) }
    try {
      await this.consumer.connect()
      await this.consumer.subscribe(topics)
      await this.consumer.run(run)
    } catch (error) {
      if (error instanceof Error) this.logger.error(`${error.name}: ${error.message}`)
      throw error
    }
  }

  public async until(alarms: number): Promise<void> {
    while (this.alarms.length < alarms) {
      await new Promise<void>(resolve => {
        this.wake = resolve
      })
    }
  }

  public async end(): Promise<kafkajs.GroupDescription> {
    const group = await this.consumer.describeGroup()
    await this.consumer.disconnect()
    return group
  }

  private async keep({ topic, partition, message }: kafkajs.EachMessagePayload): Promise<void> {
    const { key, value, timestamp, offset } = message
    if (key === null || value === null) {
      this.logger.warn('not an alarm', { topic, partition, offset })
      return
    }
    this.alarms.push({ gauge: key.toString(), text: value.toString(), at: new Date(Number(timestamp)) })
    this.wake()
  }
}

const config: kafkajs.KafkaConfig = {
  clientId: 'gauge-alarms',
  brokers: [process.env.BROKER ?? '127.0.0.1:8082'],
  logLevel: kafkajs.logLevel.ERROR,
}
const consumer = new GaugeConsumer(config, { groupId: 'gauge-alarms', sessionTimeout: 30_000 })
await consumer.start()
await consumer.until(1)
const { members } = await consumer.end()
for (const { gauge, text, at } of consumer.alarms) console.log(`${at.toISOString()} ${gauge}: ${text}`)
const [member] = members
const assigned = member && kafkajs.AssignerProtocol.MemberAssignment.decode(member.memberAssignment)
console.log(`${members.length} member: ${JSON.stringify(assigned?.assignment)}`)
