import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, longest first: begun last, one of them would go on alone after all others. */
const LONGEST = [
  'e2e/deployed.aws',
  'e2e/triggers.aws',
  'simulation/simulation',
  'adapters/aws/dynamo-conformance.aws',
  'e2e/group-chaos',
  'e2e/cli',
  'e2e/cli-groups',
  'simulation/groups/groups',
  'e2e/dev-triggers',
  'e2e/sixteen-writers',
  'adapters/aws/dynamo-cost.aws',
  'simulation/triggers/triggers',
  'adapters/aws/dynamo-group-cost.aws',
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
