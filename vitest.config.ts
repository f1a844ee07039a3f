import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'

const AWS_TESTS = 'test/**/*.aws.test.ts'
/** Whole programs, and thousands of seeds: minutes, where all others take seconds. */
const LONG_TESTS = [
  'test/e2e/**/*.test.ts',
  'test/kafka-clients/**/*.test.ts',
  'test/hostile/**/*.test.ts',
  'test/simulation/**/*.test.ts',
]
/** What measures its process, or changes it for good. */
const ALONE_TESTS = ['test/core/record/hostile.test.ts', 'test/embedded/replaced-globals.test.ts']

/** The programs that tests start, dozens of times, need not be compiled each time. */
const NODE_COMPILE_CACHE = fileURLToPath(new URL('node_modules/.cache/node', import.meta.url))

const shared = {
  // Of a hang: what takes long here takes half a minute, and thrice as much on a machine that has other things to do.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // What is waited for comes; this is a bound for where it does not, and not for a machine that has other things to do.
  expect: { poll: { timeout: 30_000 } },
  // Forked processes: tests kill children, and change their folder.
  pool: 'forks' as const,
  env: { NODE_COMPILE_CACHE },
}

export default defineConfig({
  test: {
    // For two cores: many tests wait, for emulators and for programs that they have started.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.ci/results.json' }]] : ['default'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [AWS_TESTS, ...LONG_TESTS, ...ALONE_TESTS],
          // A process loads what is tested once, and not for each file: half of the time.
          isolate: false,
        },
      },
      { test: { ...shared, name: 'unit-alone', include: ALONE_TESTS } },
      { test: { ...shared, name: 'long', include: LONG_TESTS, exclude: [AWS_TESTS] } },
      {
        test: {
          ...shared,
          name: 'aws',
          include: [AWS_TESTS],
          globalSetup: ['test/aws/emulators.ts'],
          env: {
            ...shared.env,
            AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? 'test',
            AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? 'test',
            AWS_REGION: process.env.AWS_REGION ?? 'us-east-1',
          },
        },
      },
    ],
  },
})
