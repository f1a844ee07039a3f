import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { FUNCTION_NAMES } from '../../functions/bundle.ts'

/** Templates do not depend on what functions do, so most tests spare themselves the bundling. */
export const BUNDLES = mkdtempSync(join(tmpdir(), 'tidemark-bundles-'))
for (const name of FUNCTION_NAMES) {
  mkdirSync(join(BUNDLES, name))
  writeFileSync(join(BUNDLES, name, 'index.mjs'), `export const handler = () => '${name}'\n`)
}
mkdirSync(join(BUNDLES, 'gateway-layer/tidemark'), { recursive: true })
writeFileSync(join(BUNDLES, 'gateway-layer/tidemark/start'), '#!/bin/bash\n', { mode: 0o755 })
process.once('exit', () => rmSync(BUNDLES, { recursive: true, force: true }))

/** The template of a stack that `build` fills. */
export function synthesize(build: (stack: Stack) => void): Template {
  const stack = new Stack(new App(), 'Test')
  build(stack)
  return Template.fromStack(stack)
}

/** As CloudFormation would see it, with names of resources where it has references. */
export interface Resource {
  readonly Type: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is as deep as it likes; tests compare its parts.
  readonly Properties: any
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

/** The resources of a type, by their logical ids. */
export function resourcesOf(template: Template, type: string): Record<string, Resource> {
  return template.findResources(type) as Record<string, Resource>
}

/** The only resource of a type whose logical id begins so. @throws Error where there is none, or more */
export function theResource(template: Template, type: string, prefix = ''): Resource {
  const found = Object.entries(resourcesOf(template, type)).filter(([id]) => id.startsWith(prefix))
  if (found.length !== 1) throw new Error(`${found.length} of ${type} ${prefix}`)
  return found[0]![1]
}

/** An ARN or a reference as one line: `<BrokerTable.Arn>/stream/*`, without the hashes that CDK appends. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value
  const [[kind, argument]] = Object.entries(value as Record<string, unknown>) as [[string, unknown]]
  switch (kind) {
    case 'Ref':
      return `<${withoutHash(argument as string)}>`
    case 'Fn::GetAtt': {
      const [id, attribute] = argument as [string, string]
      return `<${withoutHash(id)}.${attribute}>`
    }
    case 'Fn::Join': {
      const [separator, parts] = argument as [string, unknown[]]
      return parts.map(asText).join(separator)
    }
    default:
      throw new Error(`no text for ${kind}`)
  }
}

/** Pseudo parameters such as AWS::Region have no hash. */
function withoutHash(logicalId: string): string {
  return logicalId.includes('::') ? logicalId : logicalId.replace(/[0-9A-F]{8}$/, '')
}

/** What a policy document allows: `action resource`, a line each, sorted; conditions behind. */
export function permissionsIn(document: { Statement: PolicyStatementJson[] }): string[] {
  return document.Statement.flatMap(({ Effect, Action, Resource, Condition }) =>
    [Action].flat().flatMap(action =>
      [Resource].flat().map(resource => {
        const condition = Condition === undefined ? '' : ` if ${JSON.stringify(Condition)}`
        return `${Effect === 'Allow' ? '' : `${Effect} `}${action} ${asText(resource)}${condition}`
      }),
    ),
  ).sort()
}

interface PolicyStatementJson {
  readonly Effect: string
  readonly Action: string | string[]
  readonly Resource: unknown
  readonly Condition?: unknown
}
