import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import { CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs'
import type { FunctionName } from '../../functions/bundle.ts'

/** A stack's functions, and what they have written into their logs. */
export class DeployedFunctions {
  readonly #endpoint: string
  readonly #stackName: string

  constructor(endpoint: string, stackName: string) {
    this.#endpoint = endpoint
    this.#stackName = stackName
  }

  /** A function's physical name. */
  async nameOf(name: FunctionName): Promise<string> {
    const [found] = await this.#resources('AWS::Lambda::Function', name)
    if (!found) throw new Error(`${this.#stackName} has no function ${name}`)
    return found
  }

  /** The requests that have changed something in the table, by all functions that append or flush, so far. */
  async countTableWrites(): Promise<number> {
    const reports = [...(await this.reportsOf('produce')), ...(await this.reportsOf('flush'))]
    return reports.reduce((writes, { tableWrites }) => writes + Number(tableWrites ?? 0), 0)
  }

  /** What each invocation of a function has told in its line, so far. */
  async reportsOf(name: FunctionName): Promise<Record<string, unknown>[]> {
    const client = new CloudWatchLogsClient({ endpoint: this.#endpoint })
    const reports: Record<string, unknown>[] = []
    try {
      for (const logGroupName of await this.#resources('AWS::Logs::LogGroup', `${name}log`)) {
        for await (const { events = [] } of paginateFilterLogEvents({ client }, { logGroupName })) {
          for (const { message = '' } of events) {
            if (message.startsWith('{"_aws"')) reports.push(JSON.parse(message))
          }
        }
      }
      return reports
    } finally {
      client.destroy()
    }
  }

  /** Physical ids of the resources whose logical id is the broker's one of this name, and CDK's hash behind it. */
  async #resources(type: string, name: string): Promise<string[]> {
    const client = new CloudFormationClient({ endpoint: this.#endpoint })
    try {
      const command = new DescribeStackResourcesCommand({ StackName: this.#stackName })
      const { StackResources = [] } = await client.send(command)
      const pattern = new RegExp(`^Broker${name}[0-9A-F]{8}$`, 'i')
      return StackResources.filter(
        ({ ResourceType, LogicalResourceId }) =>
          ResourceType === type && pattern.test(LogicalResourceId ?? ''),
      ).map(({ PhysicalResourceId }) => PhysicalResourceId!)
    } finally {
      client.destroy()
    }
  }
}
