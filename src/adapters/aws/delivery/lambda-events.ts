import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { AWS_ATTEMPTS_MAX } from '../../../core/limits.ts'
import { asStoreError } from '../aws-failures.ts'
import { type AwsConnection, clientConfig } from '../connection.ts'
import { sendRepeated } from './repeated-send.ts'

/** Calls a Lambda function, and waits for none of its runs: Lambda keeps the events until they begin. */
export class LambdaEvents {
  readonly #client: LambdaClient
  readonly #functionName: string
  readonly #timeoutMs: number | undefined

  /** Makes the client and sends nothing. */
  constructor(
    functionName: string,
    connection: AwsConnection = {},
    settings: { readonly timeoutMs?: number } = {},
  ) {
    this.#timeoutMs = settings.timeoutMs
    this.#functionName = functionName
    this.#client = new LambdaClient({ ...clientConfig(connection), maxAttempts: AWS_ATTEMPTS_MAX })
  }

  /** Resolves when Lambda has it. @throws NotApplied, OutcomeUnknown, StoreFailed */
  async send(event: object): Promise<void> {
    const command = new InvokeCommand({
      FunctionName: this.#functionName,
      InvocationType: 'Event',
      Payload: Buffer.from(JSON.stringify(event)),
    })
    try {
      await sendRepeated(options => this.#client.send(command, options), this.#timeoutMs)
    } catch (error) {
      const resource = `the function "${this.#functionName}"`
      throw asStoreError(error, { action: 'lambda:InvokeFunction', resource, effect: 'write' })
    }
  }

  close(): void {
    this.#client.destroy()
  }
}
