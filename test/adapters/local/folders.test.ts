import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolder } from '../../../src/adapters/local/folders.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-folders-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const isFolder = async (path: string) => (await stat(path)).isDirectory()

test('makes a folder and those above it, once or again', async () => {
  for (let time = 0; time < 2; time += 1) {
    await makeFolder(join(folder, 'a', 'b'))
    expect(await isFolder(join(folder, 'a', 'b'))).toBe(true)
  }
})

test('makes one that is named from where the process is', async () => {
  await makeFolder(relative(process.cwd(), join(folder, 'a', 'b')))
  expect(await isFolder(join(folder, 'a', 'b'))).toBe(true)
})

test.each(['.', '/'])('leaves %s as it is', async path => {
  await makeFolder(path)
  expect(await isFolder(path)).toBe(true)
})

test('makes one whose name is a single letter', async () => {
  const before = process.cwd()
  process.chdir(folder)
  try {
    await makeFolder('a')
  } finally {
    process.chdir(before)
  }
  expect(await isFolder(join(folder, 'a'))).toBe(true)
})
