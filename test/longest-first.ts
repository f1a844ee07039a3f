import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, longest first: begun last, one of them would go on alone after all others. */
const LONGEST = [
  'e2e/deployed.aws',
  'simulation/groups-and-triggers',
  'e2e/schemathesis/schemathesis',
  'adapters/aws/dynamo-conformance.aws',
  'kafka-clients/kafkajs',
  'kafka-clients/across',
  'simulation/log',
  'hostile/hostile',
  'e2e/triggers.aws',
  'e2e/settling.aws',
  'adapters/aws/dynamo-cost.aws',
  'e2e/cli',
  'adapters/aws/dynamo-group-cost.aws',
  'infra/app',
  'e2e/dev-triggers',
  'e2e/cli-groups',
  'e2e/group-chaos',
  'simulation/defects',
  'client/sdk/consumer',
  'e2e/sixteen-writers',
  'adapters/aws/dynamo-group-races.aws',
]

/** Begins with what takes longest, wherever it belongs; all else comes project by project. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex(name => moduleId.endsWith(`/test/${name}.test.ts`))
      return found === -1 ? LONGEST.length : found
    }
    return (await super.sort(files)).toSorted((one, other) => place(one) - place(other))
  }
}
