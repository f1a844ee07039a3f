import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { WebSocket } from 'ws'
import type { FunctionName } from '../../functions/bundle.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import {
  type BrokerMessage,
  encodeListenerMessage,
  parseBrokerMessage,
} from '../../src/core/waking/messages.ts'
import type { DeployedFunctions } from './deployed-stack.ts'

/** Puts other variables beside those that a function has. */
export async function addVariables(
  endpoint: string,
  functions: DeployedFunctions,
  name: FunctionName,
  more: Readonly<Record<string, string>>,
): Promise<void> {
  const lambda = new LambdaClient({ endpoint })
  const FunctionName = await functions.nameOf(name)
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
  const Variables = { ...Environment?.Variables, ...more }
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
  lambda.destroy()
}

/**
 * A WebSocket API has a host of its own, which an emulator's does not reach: tells the functions of its address there.
 * @returns where sockets are opened
 */
export async function reachSockets(
  endpoint: string,
  stackName: string,
  functions: DeployedFunctions,
): Promise<string> {
  const client = new CloudFormationClient({ endpoint })
  const { StackResources = [] } = await client.send(
    new DescribeStackResourcesCommand({ StackName: stackName }),
  )
  client.destroy()
  const api = StackResources.find(
    ({ ResourceType, LogicalResourceId }) =>
      ResourceType === 'AWS::ApiGatewayV2::Api' && LogicalResourceId?.startsWith('BrokerWaking'),
  )
  if (!api) throw new Error(`${stackName} wakes nobody`)
  const url = `${endpoint}/_aws/execute-api/${api.PhysicalResourceId}/waking`
  const socketUrl = url.replace(/^http/, 'ws')
  await addVariables(endpoint, functions, 'fetch', { TIDEMARK_WAKING_URL: socketUrl })
  for (const name of ['post', 'dispatch'] as const)
    await addVariables(endpoint, functions, name, { TIDEMARK_CONNECTIONS_URL: url })
  return socketUrl
}

/** A listener that keeps what it hears. */
export class RawListener {
  readonly heard: BrokerMessage[] = []
  readonly socket: WebSocket
  readonly #hasChanged = new Set<() => void>()

  static async open(url: string, region: string): Promise<RawListener> {
    const sign = signedByAws({ url: url.replace(/^ws/, 'http'), region })
    const headers = await sign({ method: 'GET', url: url.replace(/^ws/, 'http'), headers: {} })
    return new RawListener(new WebSocket(url, { headers }))
  }

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('message', data => {
      const message = parseBrokerMessage(String(data))
      if (message) this.heard.push(message)
      for (const changed of this.#hasChanged) changed()
    })
  }

  /** @throws Error where it is refused */
  async opened(): Promise<void> {
    if (this.socket.readyState === WebSocket.OPEN) return
    await new Promise<void>((resolve, reject) => {
      this.socket.once('open', resolve)
      this.socket.once('error', reject)
    })
  }

  say(text: string): void {
    this.socket.send(text)
  }

  async ticket(): Promise<string> {
    await this.opened()
    this.say(encodeListenerMessage({ type: 'hello' }))
    return (await this.hears('ticket')).ticket
  }

  /** The next message of this kind, or one that has come already; each is given once. */
  async hears<Type extends BrokerMessage['type']>(
    type: Type,
    withinMs = 30_000,
  ): Promise<Extract<BrokerMessage, { type: Type }>> {
    const late = AbortSignal.timeout(withinMs)
    for (;;) {
      const index = this.heard.findIndex(each => each.type === type)
      if (index >= 0) return this.heard.splice(index, 1)[0] as Extract<BrokerMessage, { type: Type }>
      if (late.aborted) throw new Error(`no ${type} came: ${JSON.stringify(this.heard)}`)
      await new Promise<void>(resolve => {
        const go = () => {
          this.#hasChanged.delete(go)
          late.removeEventListener('abort', go)
          resolve()
        }
        this.#hasChanged.add(go)
        late.addEventListener('abort', go)
      })
    }
  }
}
