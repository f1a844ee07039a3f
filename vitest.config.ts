import { defineConfig } from 'vitest/config'

const AWS_TESTS = 'test/**/*.aws.test.ts'
/** Whole programs, and thousands of seeds: minutes, where all others take seconds. */
const LONG_TESTS = ['test/e2e/**/*.test.ts', 'test/simulation/**/*.test.ts']

const shared = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // Forked processes: tests that measure memory or kill children must not share one.
  pool: 'forks' as const,
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.ci/results.json' }]] : ['default'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [AWS_TESTS, ...LONG_TESTS],
        },
      },
      { test: { ...shared, name: 'long', include: LONG_TESTS, exclude: [AWS_TESTS] } },
      {
        test: {
          ...shared,
          name: 'aws',
          include: [AWS_TESTS],
          globalSetup: ['test/aws/emulators.ts'],
          // One at a time: the emulators share the machine's cores with the tests.
          fileParallelism: false,
          env: {
            AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? 'test',
            AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? 'test',
            AWS_REGION: process.env.AWS_REGION ?? 'us-east-1',
          },
        },
      },
    ],
  },
})
