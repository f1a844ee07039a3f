import type { Node } from 'constructs'
import type { TidemarkBrokerProps } from './broker-props.ts'

const NAMES = new Set([
  'stackName',
  'production',
  'monitoring',
  'tracing',
  'waking',
  'requestLog',
  'jwtIssuer',
  'jwtAudience',
])

/**
 * What `cdk deploy -c name=value` can say: stackName, production, monitoring, tracing, waking, requestLog (true or false),
 * jwtIssuer and jwtAudience.
 * @throws Error for a value that cannot be, and for a name that is none of these: a stack that was to keep its records
 *   must not lose them by a slip
 */
export function readSettings(node: Node): TidemarkBrokerProps & { readonly stackName: string } {
  checkNames(node)
  const issuer: string | undefined = node.tryGetContext('jwtIssuer')
  const audience: string | undefined = node.tryGetContext('jwtAudience')
  if ((issuer === undefined) !== (audience === undefined)) {
    throw new Error('jwtIssuer and jwtAudience go together: give both, or neither for IAM.')
  }
  return {
    stackName: node.tryGetContext('stackName') ?? 'Tidemark',
    // Who tries it out wants to get rid of it again; who means it says so.
    production: readSwitch(node, 'production', false),
    monitoring: readSwitch(node, 'monitoring', true),
    tracing: readSwitch(node, 'tracing', false),
    ...(node.tryGetContext('waking') !== undefined && { waking: readSwitch(node, 'waking', false) }),
    requestLog: readSwitch(node, 'requestLog', false),
    auth: issuer !== undefined && audience !== undefined ? { jwt: { issuer, audience } } : 'iam',
  }
}

/** CDK's own names, its flags and what its lookups have found, have a sign in them that ours have not. */
function checkNames(node: Node): void {
  const unknown = Object.keys(node.getAllContext() ?? {}).filter(
    name => /^\w+$/.test(name) && !NAMES.has(name),
  )
  if (unknown.length === 0) return
  const names = [...NAMES].join(', ')
  throw new Error(
    `There is no setting ${unknown.join(' or ')} (-c, or context in cdk.json): there are ${names}.`,
  )
}

function readSwitch(node: Node, name: string, otherwise: boolean): boolean {
  const value: unknown = node.tryGetContext(name)
  if (value === undefined) return otherwise
  // From a command line it comes as text, from cdk.json as it is.
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new Error(`${name} is true or false, not ${String(value)}.`)
}
