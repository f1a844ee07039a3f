import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jars } from './jars.ts'

const START_MS_MAX = 120_000

/** Apache Kafka itself, one node, broker and controller, in a folder of its own. Needs Java 17, and Maven the first time. */
export class KafkaProcess {
  readonly folder: string
  readonly bootstrap: string
  readonly child: ChildProcess
  /** When the process was started, by performance.now(). */
  readonly startedMs = performance.now()

  /** When it accepts connections. @param properties beside those of a single node */
  static async start(
    properties: Readonly<Record<string, string>> = {},
    { parent = tmpdir(), heap = '512m', javaOptions = [] as readonly string[] } = {},
  ): Promise<KafkaProcess> {
    const libraries = jars('server')
    const folder = await mkdtemp(join(parent, 'kafka-'))
    const [port, controllerPort] = [await freePort(), await freePort()]
    const file = join(folder, 'server.properties')
    writeFileSync(file, textOf({ ...singleNode(folder, port, controllerPort), ...properties }))
    const java = (...args: string[]) => ['-cp', join(libraries, '*'), ...args]
    const format = ['format', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', file]
    execFileSync('java', java('kafka.tools.StorageTool', ...format), { stdio: 'ignore' })
    // A heap of a fixed size, as Kafka's own start script has it.
    const child = spawn('java', java(...javaOptions, `-Xms${heap}`, `-Xmx${heap}`, 'kafka.Kafka', file), {
      stdio: 'ignore',
    })
    const kafka = new KafkaProcess(folder, `127.0.0.1:${port}`, child)
    await kafka.#untilListening(port)
    return kafka
  }

  private constructor(folder: string, bootstrap: string, child: ChildProcess) {
    this.folder = folder
    this.bootstrap = bootstrap
    this.child = child
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const hasEnded = once(this.child, 'exit')
      this.child.kill('SIGKILL')
      await hasEnded
    }
    await rm(this.folder, { recursive: true })
  }

  async #untilListening(port: number): Promise<void> {
    for (const until = Date.now() + START_MS_MAX; !(await answers(port)); await sleep(50)) {
      if (this.child.exitCode === null && Date.now() < until) continue
      rmSync(this.folder, { recursive: true, force: true })
      throw new Error('Apache Kafka does not start')
    }
  }
}

function singleNode(folder: string, port: number, controllerPort: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
  }
}

function textOf(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
